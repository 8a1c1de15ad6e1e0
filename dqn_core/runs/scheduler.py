"""What may begin, who trains and who waits.

:class:`Admission` is asked before anything of a run is kept, and answers in words. The :class:`Scheduler` lets at most
so many runs train at a time, the others in the order in which they came.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from dqn_core.config import TrainingConfig
from dqn_core.errors import LimitReachedError, mark
from dqn_core.events import Event, Progress, RunEnded, StateChanged
from dqn_core.runs.executors.choice import Executors
from dqn_core.runs.managed_run import ManagedRun, ManagedRuns
from dqn_core.training.budget import LARGE_RUN_BYTES, check_experiment, check_memory, check_run
from dqn_core.training.machine import memory_for_runs

__all__ = ["Admission", "Scheduler"]

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


class Scheduler:
    """Lets runs begin as places become free; any thread may call any method.

    A run gives its place up when it ends, and also while it is paused, for it needs no core then. Resumed, it goes on
    at once, even if for a while one run more than ``max_active_runs`` trains: whoever paused it to look at it shall not
    find it stuck behind runs that came later. No further run begins before there are fewer again.

    Parameters
    ----------
    executors
        Where runs train.
    max_active_runs
        Runs that train at a time; None for one on each core.
    pause_unwatched_after_s
        Seconds after which a run that nobody looks at is paused; None for never. The runs of an experiment are not:
        nobody looks at each of them.
    memory_bytes
        Memory that the runs which train or are paused may take together; a further one waits. None for no such limit.
    """

    def __init__(
        self,
        executors: Executors,
        max_active_runs: int | None = None,
        pause_unwatched_after_s: float | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self._executors = executors
        self._memory_bytes = memory_bytes
        self._places = max_active_runs if max_active_runs is not None else os.cpu_count() or 1
        self._pause_unwatched_after_s = pause_unwatched_after_s
        self._lock = threading.Lock()
        self._waiting: list[ManagedRun] = []
        self._begun: list[ManagedRun] = []
        self._is_closed = False

    def enter(self, run: ManagedRun) -> None:
        """Let ``run`` begin, now or when its turn comes."""
        with self._lock:
            self._waiting.append(run)
        self._advance()

    def withdraw(self, run: ManagedRun, ended: RunEnded) -> bool:
        """Take ``run`` out of the queue, with ``ended`` as its end; False where it does not wait."""
        with self._lock:
            if run not in self._waiting:
                return False
            self._waiting.remove(run)
            run.end_unbegun(ended)
            self._tell_places()
        return True

    def close(self) -> list[ManagedRun]:
        """Let no further run begin; returns those that wait."""
        with self._lock:
            self._is_closed = True
            return list(self._waiting)

    def _advance(self) -> None:
        """Give the free places to those who wait longest."""
        with self._lock:
            self._begun = [run for run in self._begun if run.is_active]
            free = 0 if self._is_closed else self._places - _training(self._begun)
            count = self._fitting(max(0, free))
            beginning, self._waiting = self._waiting[:count], self._waiting[count:]
            self._tell_places()
            for run in beginning:
                is_alone = not self._begun and run.memory <= LARGE_RUN_BYTES
                factory = self._executors.factory(run.feed.record().config.env_id, is_alone=is_alone)
                run.begin(factory, functools.partial(self._take_notice, run))
                self._begun.append(run)
        if beginning:
            self._executors.prepare()

    def _fitting(self, free: int) -> int:
        """How many of the first ``free`` runs that wait fit into memory beside those that have begun.

        One alone always does: it was looked at before it came here.
        """
        taken = sum(run.memory for run in self._begun)
        for count, run in enumerate(self._waiting[:free]):
            taken += run.memory
            if self._memory_bytes is not None and taken > self._memory_bytes and (count or self._begun):
                return count
        return min(free, len(self._waiting))

    def _take_notice(self, run: ManagedRun, event: Event) -> None:
        """Called in the thread of ``run``, after ``event`` was logged."""
        match event:
            case StateChanged() | RunEnded():
                self._advance()
            case Progress() if self._pause_unwatched_after_s is not None:
                if run.feed.record().experiment_id is None:
                    run.pause_if_unwatched(self._pause_unwatched_after_s)

    def _tell_places(self) -> None:
        for place, run in enumerate(self._waiting, 1):
            run.feed.set_queue_position(place)


def _training(runs: Iterable[ManagedRun]) -> int:
    return sum(run.is_training for run in runs)
