"""The list of runs over the wire: whole at first, then what is new."""

from __future__ import annotations

from typing import Any

from dqn_core.runs.run_list import ListUpdate, RunLine
from pages.shared.identity import owner_mark

__all__ = ["line_values", "update_values"]


def update_values(update: ListUpdate) -> dict[str, Any]:
    """What is new in the list, as JSON values."""
    return {
        "version": update.version,
        "whole": update.is_whole,
        "runs": [line_values(line) for line in update.lines],
        "removed": list(update.removed),
    }


def line_values(line: RunLine) -> dict[str, Any]:
    """One run's line, as JSON values with numbers no longer than a screen shows."""
    return {
        "id": line.run_id,
        "name": line.name,
        "env": line.env_id,
        "preset": line.preset,
        "seed": line.seed,
        "state": line.state,
        "reason": line.reason,
        "episodes": line.episodes,
        "best": _short(line.best_eval),
        "rate": _short(line.steps_per_s),
        "seconds": round(line.wall_time_s),
        "started": line.started_at.timestamp(),
        "size": line.size,
        "owner": owner_mark(line.owner),
        "tags": line.tags,
        "experiment": line.experiment_id,
    }


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
