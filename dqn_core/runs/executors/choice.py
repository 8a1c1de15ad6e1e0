"""Where the next run trains: in this process, or in one of its own."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Literal

from dqn_core.environments.make import comes_with_gymnasium
from dqn_core.environments.own import is_own
from dqn_core.errors import UnsupportedEnvironmentError
from dqn_core.runs.executors.process import ProcessTrainer, WorkerPool
from dqn_core.runs.executors.thread import TrainerFactory, make_trainer
from dqn_core.runs.executors.training_worker import portable_environment
from dqn_core.runs.worker_process import import_modules

__all__ = ["Executor", "Executors"]

Executor = Literal["auto", "thread", "process"]
"""Where runs train: "auto" decides for each run, see :class:`Executors`; or always the same."""


class Executors:
    """Gives each run its trainer factory; any thread may call any method.

    Parameters
    ----------
    executor
        Several trainers in one interpreter are slower in all than one alone: "auto" takes a process for a run that
        begins beside others. It also takes one for an environment that does not come with Gymnasium: such code may
        hang or crash, and a process is what can be ended without the server. Processes need a POSIX system; elsewhere
        "auto" is "thread".
    preload
        Modules to import, here and in every worker process, because they register environments. Raises
        :class:`~dqn_core.errors.DqnLabError` for one that cannot be imported.
    trainer_factory
        Used for every run where it is given; overrides ``executor``.
    """

    def __init__(self, executor: Executor, preload: Sequence[str], trainer_factory: TrainerFactory | None) -> None:
        import_modules(preload)
        self._executor: Executor = "thread" if executor == "auto" and os.name != "posix" else executor
        self._trainer_factory = trainer_factory
        has_workers = self._executor != "thread" and trainer_factory is None
        self.pool = WorkerPool(preload) if has_workers else None

    def factory(self, env_id: str, *, is_alone: bool) -> TrainerFactory:
        """The factory for a run in ``env_id`` that begins alone, or beside others."""
        if self._trainer_factory is not None:
            return self._trainer_factory
        if self.pool is None or (self._executor == "auto" and is_alone and not _needs_process(env_id)):
            return make_trainer
        return functools.partial(ProcessTrainer, pool=self.pool)

    def prepare(self) -> None:
        """Have a worker ready for the next run."""
        if self.pool is not None:
            self.pool.prepare()


def _needs_process(env_id: str) -> bool:
    """Whether the environment is other people's code, and can be had in another process."""
    try:
        return is_own(env_id) or not (comes_with_gymnasium(env_id) or portable_environment(env_id) is None)
    except UnsupportedEnvironmentError:  # the run says so in its own words
        return False
