"""The list of runs over the wire: whole at first, then what is new."""

from __future__ import annotations

import hashlib
from typing import Any

from dqn_core.runs.run_list import ListUpdate, RunLine

__all__ = ["line_values", "owner_mark", "update_values"]

_MARK_LENGTH = 4


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


def owner_mark(owner: str) -> str:
    """A few letters that tell visitors apart without naming them; empty for a run that belongs to everybody."""
    return hashlib.sha256(owner.encode()).hexdigest()[:_MARK_LENGTH] if owner else ""


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
