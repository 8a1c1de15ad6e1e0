"""One run as the analysis sees it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dqn_core.analysis.episode_table import EpisodeTable
from dqn_core.config import TrainingConfig, settings_of
from dqn_core.events import HyperparametersChanged

__all__ = ["RunData", "RunGroup", "differing_fields", "group_runs"]


@dataclass(frozen=True, kw_only=True)
class RunData:
    """A run's settings, its episodes, and how it went."""

    run_id: str
    name: str
    started_at: datetime
    config: TrainingConfig
    """As the run was started."""
    episodes: EpisodeTable
    changes: tuple[HyperparametersChanged, ...] = ()
    """Live changes, in order."""
    is_altered: bool = False
    """Whether ``config`` does not tell all: there were live changes, a limit was raised, weights were loaded."""
    is_solved: bool = False
    """Whether it ended because its goal was reached and confirmed."""
    is_active: bool = False
    every: int = 1
    """Of a run with very many episodes, every so many-th alone is in ``episodes``."""
    best_eval: float = math.nan
    """Of all its evaluations, where not all are in ``episodes``."""


@dataclass(frozen=True)
class RunGroup:
    """Runs with equal settings, one a seed."""

    runs: tuple[RunData, ...]
    """By ascending seed; never empty."""
    repeated: tuple[RunData, ...] = ()
    """Further runs of a seed that counts already: the same randomness again is no further sample."""

    @property
    def n(self) -> int:
        """How many samples there are: runs with different seeds."""
        return len(self.runs)

    @property
    def config(self) -> TrainingConfig:
        """The settings that all runs share; the seed is the first run's."""
        return self.runs[0].config

    @property
    def is_altered(self) -> bool:
        """Whether this is a run apart, because its settings alone do not tell how it was trained."""
        return self.runs[0].is_altered

    @property
    def all_runs(self) -> tuple[RunData, ...]:
        """The runs that count, and then those of a seed that counts already."""
        return (*self.runs, *self.repeated)

    @property
    def first(self) -> RunData:
        """The run that was started first; groups are in the order of these."""
        return min(self.all_runs, key=_by_start)


def group_runs(runs: Iterable[RunData]) -> tuple[RunGroup, ...]:
    """Groups of ``runs``, whatever their order, by the start of each group's first run.

    A run whose settings alone do not tell how it was trained is a group of its own.
    """
    by_settings: dict[tuple[TrainingConfig, str], list[RunData]] = {}
    for run in {run.run_id: run for run in runs}.values():
        key = (run.config.replace(seed=0), run.run_id if run.is_altered else "")
        by_settings.setdefault(key, []).append(run)
    return tuple(sorted(map(_group, by_settings.values()), key=lambda group: _by_start(group.first)))


def _group(runs: Sequence[RunData]) -> RunGroup:
    """Of a seed's runs the one that went furthest counts, and of equal ones the first."""
    by_seed: dict[int, RunData] = {}
    for run in sorted(runs, key=lambda run: (-len(run.episodes), _by_start(run))):
        by_seed.setdefault(run.config.seed, run)
    counted = tuple(by_seed[seed] for seed in sorted(by_seed))
    repeated = [run for run in runs if run.run_id not in {each.run_id for each in counted}]
    return RunGroup(counted, tuple(sorted(repeated, key=_by_start)))


def _by_start(run: RunData) -> tuple[datetime, str]:
    return run.started_at, run.run_id


def differing_fields(configs: Iterable[TrainingConfig]) -> tuple[str, ...]:
    """Fields in which not all ``configs`` agree, the seed aside, in the config's order."""
    kept = tuple(configs)
    names = (name for name in settings_of(*kept) if name != "seed")
    return tuple(name for name in names if any(config.value(name) != kept[0].value(name) for config in kept))
