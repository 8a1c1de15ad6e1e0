"""What may begin, who trains and who waits.

:class:`Admission` is asked before anything of a run is kept, and answers in words. The :class:`Scheduler` lets at most
so many runs train at a time; the others wait, and each knows its place and how long it will take.
"""

from __future__ import annotations

import functools
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from dqn_core.config import TrainingConfig
from dqn_core.errors import LimitReachedError, mark, mark_plural
from dqn_core.events import Event, Progress, RunEnded, RunState, StateChanged
from dqn_core.runs.executors.choice import Executors
from dqn_core.runs.fair_queue import FairQueue
from dqn_core.runs.managed_run import ManagedRun, ManagedRuns
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.waiting_time import Durations, waiting_times
from dqn_core.training.budget import LARGE_RUN_BYTES, check_experiment, check_memory, check_run
from dqn_core.training.machine import memory_for_runs

__all__ = ["Admission", "Scheduler"]

_MOST_PAUSED = 8
"""Paused runs of one owner with which a further run may begin."""
_ESTIMATE_EVERY_S = 1.0
_MANY = 300
"""Runs of which the places are worked out in a moment."""
_MINUTE = 60.0
_SETTLING_S = 30.0
"""Seconds of training after which a run that began in real time has long had its full speed."""


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

    def check_owner(self, owner: str, most: int | None, elsewhere: Sequence[RunRecord] = ()) -> None:
        """Raise :class:`~dqn_core.errors.LimitReachedError` where ``owner`` has too many runs that are paused.

        Or ``most`` active ones; None for no such limit. ``elsewhere`` are the active runs of other servers.
        """
        if not owner:
            return
        others = [each.state for each in elsewhere if each.owner == owner]
        paused = self._runs.paused_of(owner) + others.count(RunState.PAUSED)
        if paused >= _MOST_PAUSED:
            template = mark(
                "You have {count} paused runs, which use memory: resume or stop one of them, then start another."
            )
            raise LimitReachedError(template, count=paused)
        count = self._runs.active_of(owner) + len(others)
        if most is not None and count >= most:
            template = mark_plural(
                "You have {count} run that is training, waiting or paused, as many as this server allows per visitor: "
                "stop it, or wait until it ends.",
                "You have {count} runs that are training, waiting or paused, as many as this server allows per "
                "visitor: stop one of them, or wait until one ends.",
                count,
            )
            raise LimitReachedError(template, count=count)


class Scheduler:
    """Lets runs begin as places become free; any thread may call any method.

    Whose turn it is, :class:`~dqn_core.runs.fair_queue.FairQueue` says. A run gives its place up when it ends, and also
    while it is paused, for it needs no core then. Resumed, it goes on at once, even if for a while one run more than
    ``max_active_runs`` trains: whoever paused it to look at it shall not find it stuck behind runs that came later. No
    further run begins before there are fewer again. On a cluster, a paused run keeps its place, for its core is held.

    Parameters
    ----------
    executors
        Where runs train.
    max_active_runs
        Runs that train at a time; None for one on each core. On a cluster never more than it has free cores, which
        may become more, or fewer.
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
        self._max_active_runs = max_active_runs
        self._pause_unwatched_after_s = pause_unwatched_after_s
        self._lock = threading.Lock()
        self._waiting: FairQueue[ManagedRun] = FairQueue()
        self._begun: list[ManagedRun] = []
        self._durations = Durations()
        self._next_estimate_at = -math.inf
        self._is_closed = False
        if executors.cluster is not None:
            executors.cluster.on_change(self._advance)

    def enter(self, run: ManagedRun) -> None:
        """Let ``run`` begin, now or when its turn comes."""
        with self._lock:
            self._waiting.add(run)
            run.feed.set_queue_position(len(self._waiting))
        self._advance()

    def take_up(self, run: ManagedRun) -> None:
        """``run`` trains already, on a cluster, since before this server."""
        with self._lock:
            self._begin(run, is_under_way=True)

    def withdraw(self, run: ManagedRun, ended: RunEnded) -> bool:
        """Take ``run`` out of the queue, with ``ended`` as its end; False where it does not wait."""
        with self._lock:
            if not self._waiting.remove(run):
                return False
            run.end_unbegun(ended)
            self._tell_places()
        return True

    def close(self) -> list[ManagedRun]:
        """Let no further run begin; returns those that wait."""
        with self._lock:
            self._is_closed = True
            return list(self._waiting)

    def _advance(self) -> None:
        """Give the free places to those whose turn it is."""
        with self._lock:
            self._begun = [run for run in self._begun if run.is_active]
            at_work = Counter(run.owner for run in self._at_work())
            beginning: list[ManagedRun] = []
            while not self._is_closed and self._waiting and at_work.total() < self._places:
                run = self._waiting.next(at_work)
                if not self._fits(run, beginning):
                    break
                self._waiting.begin(run)
                beginning.append(run)
                at_work[run.owner] += 1
            self._tell_places(beginning)
            for run in beginning:
                self._begin(run)
        if beginning:
            self._executors.prepare()

    def _begin(self, run: ManagedRun, *, is_under_way: bool = False) -> None:
        is_alone = not self._begun and run.memory <= LARGE_RUN_BYTES
        factory = self._executors.factory(run.feed.run_id, run.feed.record().config.env_id, is_alone=is_alone)
        run.begin(factory, functools.partial(self._take_notice, run), is_under_way=is_under_way)
        self._begun.append(run)

    @property
    def _places(self) -> int:
        return self._executors.places(self._max_active_runs)

    def _at_work(self) -> Iterator[ManagedRun]:
        """The runs that have a place."""
        return (run for run in self._begun if run.is_training or (self._executors.keeps_places and run.is_active))

    def _fits(self, run: ManagedRun, beginning: Sequence[ManagedRun]) -> bool:
        """Whether ``run`` fits into memory beside those that have begun, and those that are ``beginning``.

        One alone always does: it was looked at before it came here.
        """
        others = [*self._begun, *beginning]
        if self._memory_bytes is None or not others:
            return True
        return run.memory + sum(each.memory for each in others) <= self._memory_bytes

    def _take_notice(self, run: ManagedRun, event: Event) -> None:
        """Called in the thread of ``run``, after ``event`` was logged."""
        match event:
            case RunEnded():
                self._measure(run, event)
                self._advance()
            case StateChanged():
                self._advance()
            case Progress():
                self._estimate_again()
                if self._pause_unwatched_after_s is not None and not run.is_part:
                    run.pause_if_unwatched(self._pause_unwatched_after_s)

    # ----------------------------------------------------------------------------------------- places and times

    def _measure(self, run: ManagedRun, ended: RunEnded) -> None:
        record = run.feed.record()
        with self._lock:
            self._durations.add_rate(record.config.env_id, ended.env_steps, ended.wall_time_s)
            if ended.reason.state is RunState.FINISHED and record.config == record.initial_config:
                self._durations.add(record.config, ended.wall_time_s)

    def _estimate_again(self) -> None:
        """Tell those that wait how long it still takes, at most once a second."""
        if time.monotonic() >= self._next_estimate_at:
            with self._lock:
                self._tell_places()

    def _tell_places(self, beginning: Sequence[ManagedRun] = ()) -> None:
        """Tell those that wait their place, and how long it takes; of very many, at most once a second."""
        now = time.monotonic()
        if not self._waiting or (len(self._waiting) > _MANY and now < self._next_estimate_at):
            return
        self._next_estimate_at = now + _ESTIMATE_EVERY_S
        at_work, places = [*self._at_work(), *beginning], max(1, self._places)
        free = max(0, self._places - len(at_work))
        order = self._waiting.order([run.owner for run in at_work], free)
        remaining = [self._remaining_s(run) for run in at_work]
        if free or not self._places:  # they wait for memory, or for a machine: until when, nobody knows
            remaining = [None] * places
        waits = waiting_times([self._expected_s(run) for run in order], remaining, places)
        for place, (run, wait) in enumerate(zip(order, waits, strict=True), 1):
            run.feed.set_queue_position(place, _MINUTE * math.ceil(wait / _MINUTE) if math.isfinite(wait) else None)

    def _remaining_s(self, run: ManagedRun) -> float | None:
        """Seconds that a run which trains still will; None where that is unknown."""
        record, at_its_rate = run.feed.record(), run.feed.remaining_s
        config, trained = record.config, record.wall_time_s
        self._durations.add_rate(config.env_id, record.env_steps, trained)
        if run.is_pace_automatic and trained < _SETTLING_S:  # it does not have its full speed yet
            at_its_rate = None
        if at_its_rate is not None and config == record.initial_config:
            self._durations.foresee(config, trained + at_its_rate)
        whole = self._durations.measured(config)
        if whole is not None and whole > trained and (run.pace is None or run.is_pace_automatic):
            return whole - trained
        return at_its_rate

    def _expected_s(self, run: ManagedRun) -> float | None:
        """Seconds that a run which waits will train; None where that is unknown."""
        return self._durations.expected(run.wanted_config, 1.0 - run.feed.fraction, run.most_steps)
