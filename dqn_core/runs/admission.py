"""What of a server's work may begin: asked before anything of it is kept, and answered in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dqn_core.config import TrainingConfig
from dqn_core.errors import LimitReachedError, mark
from dqn_core.runs.managed_runs import ManagedRuns
from dqn_core.training.budget import check_experiment, check_memory, check_run
from dqn_core.training.machine import memory_for_runs

__all__ = ["Admission"]

_MOST_PAUSED = 8
"""Paused runs of one owner with which a further run may begin."""


class Admission:
    """Looks at runs to come; any thread may call any method.

    Parameters
    ----------
    runs
        Those that there are.
    folder
        Where their files lie.
    memory_bytes
        Memory that all runs together may take; None for most of the machine's.
    """

    def __init__(self, runs: ManagedRuns, folder: Path, memory_bytes: int | None) -> None:
        self._runs = runs
        self._folder = folder
        self.memory_bytes = memory_for_runs() if memory_bytes is None else memory_bytes

    def check_run(self, config: TrainingConfig) -> None:
        """Raise :class:`~dqn_core.errors.ConfigError` for a run that there is not the memory or the disk for."""
        check_run(config, self._folder, self.memory_bytes)

    def check_memory(self, config: TrainingConfig) -> None:
        """Raise :class:`~dqn_core.errors.ConfigError` for settings that there is not the memory for."""
        check_memory(config, self.memory_bytes)

    def check_experiment(self, configs: Sequence[TrainingConfig]) -> None:
        """Raise :class:`~dqn_core.errors.ConfigError` for runs that would take days or more than the disk together.

        Also where one of them could not be started.
        """
        check_experiment(configs, self._folder, self.memory_bytes)

    def check_owner(self, owner: str, most: int | None) -> None:
        """Raise :class:`~dqn_core.errors.LimitReachedError` where ``owner`` has too many runs that are paused.

        Or ``most`` active ones; None for no such limit.
        """
        if not owner:
            return
        paused = self._runs.paused_of(owner)
        if paused >= _MOST_PAUSED:
            template = mark(
                "You have {count} paused runs, which use memory: resume or stop one of them, then start another."
            )
            raise LimitReachedError(template, count=paused)
        count = self._runs.active_of(owner)
        if most is not None and count >= most:
            template = mark(
                "You have {count} runs that are training, waiting or paused, as many as this server allows per "
                "visitor: stop one of them, or wait until one ends."
            )
            raise LimitReachedError(template, count=count)
