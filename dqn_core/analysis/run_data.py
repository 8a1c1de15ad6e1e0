"""One run as the analysis sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from dqn_core.analysis.episode_table import EpisodeTable
from dqn_core.config import TrainingConfig
from dqn_core.events import HyperparametersChanged

__all__ = ["RunData"]


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
    """Whether ``config`` does not tell all: there were live changes, a limit was raised, first weights were given."""
    is_solved: bool = False
    """Whether it ended because its goal was reached and confirmed."""
    is_active: bool = False
    every: int = 1
    """Of a run with very many episodes, every so many-th alone is in ``episodes``."""
    best_eval: float = math.nan
    """Of all its evaluations, where not all are in ``episodes``."""
