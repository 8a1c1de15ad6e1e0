"""Predicted and actual returns of a run's snapshots, measured away from the server and kept in the run's folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from dqn_core.errors import RunFolderError, mark
from dqn_core.files import write_atomically
from dqn_core.inside.agent import Agent
from dqn_core.inside.library import Library
from dqn_core.inside.overestimation import ValueEstimate, value_estimates
from dqn_core.training.evaluation import EVALUATION_SEED
from dqn_core.training.run_folder import RunFolder

__all__ = ["RESULT", "OverestimationMeasurement", "read_estimates"]

RESULT = "honesty.csv"
"""Named as in run folders of earlier versions."""
_COLUMNS = tuple(each.name for each in fields(ValueEstimate))


@dataclass(frozen=True, kw_only=True)
class OverestimationMeasurement:
    """The task of playing greedy episodes with the agents of a run's training, on the same seeds."""

    folder: Path
    """The run's."""
    episodes: int
    """Of each agent."""
    snapshots: int
    """Agents at most, evenly spread over the training."""

    def run(self, report: Callable[[float], object]) -> int:
        """Episodes played; what came of them is in the run's folder then."""
        agents = self._agents()
        seeds = range(EVALUATION_SEED, EVALUATION_SEED + self.episodes)
        measured = []
        for estimate in value_estimates(agents, seeds):
            measured.append(estimate)
            report(len(measured) / (len(agents) * self.episodes))
        write_atomically(self.folder / RESULT, _csv_text(measured).encode())
        return len(measured)

    def clear(self) -> None:
        """Nothing is left: the result is written whole or not at all."""

    def _agents(self) -> tuple[Agent, ...]:
        agents = Library().agents(RunFolder.open(self.folder), self.snapshots)
        if not agents:
            template = mark("{path} has no snapshot of the agent yet: let the run train until its first episode.")
            raise RunFolderError(template, path=self.folder)
        return agents


def read_estimates(folder: Path) -> list[ValueEstimate]:
    """What was measured last; nothing where nothing was, or the file is not one of these."""
    try:
        with (folder / RESULT).open(encoding="utf-8", newline="") as file:
            return [_estimate(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _csv_text(measured: Iterable[ValueEstimate]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    writer.writerows([getattr(each, name) for name in _COLUMNS] for each in measured)
    return text.getvalue()


def _estimate(row: dict[str, str]) -> ValueEstimate:
    return ValueEstimate(
        episode=int(row["episode"]),
        env_step=int(row["env_step"]),
        seed=int(row["seed"]),
        predicted=float(row["predicted"]),
        got=float(row["got"]),
        episode_return=float(row["episode_return"]),
        length=int(row["length"]),
        truncated=row["truncated"] == "True",
    )
