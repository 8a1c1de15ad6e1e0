"""The runs of this server: of each its feed, its thread, and what was last asked of it."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError, DqnLabError, FieldProblem, RunStateError, mark, mark_plural
from dqn_core.events import (
    Command,
    EndReason,
    Event,
    Notice,
    Pause,
    Resume,
    RunEnded,
    RunState,
    SetHyperparameter,
    SetPace,
    StateChanged,
    Step,
    Stop,
    TakeCheckpoint,
    Watch,
)
from dqn_core.runs.executors.thread import Mailbox, NeverBegun, RunThread, TrainerFactory
from dqn_core.runs.recorder import RunRecorder
from dqn_core.runs.servers.standings import Standing
from dqn_core.runs.storage.records import RunRecord

__all__ = ["ManagedRun", "ManagedRuns"]

_BETWEEN_WATCHES_S = 0.5
_ANSWER_S = 4.0
"""A trainer that does not take a Stop in this time hangs: in its environment, say, or in one enormous update."""
_CLOSING_S = 60.0
"""How long one that took it may be about its last checkpoint."""
_NO_ANSWER = mark(
    "The run did not stop within {seconds} seconds, most likely because its environment hangs, and was ended by force. "
    "What it logged is kept."
)


class ManagedRun:
    """Passes commands on to a run's trainer; any thread may call any method.

    A command that makes no sense in the run's present state raises :class:`~dqn_core.errors.RunStateError`. Changes and
    the pace wait in the mailbox of a run whose turn has not come, and hold from its first step.

    Parameters
    ----------
    recorder
        Keeps what the run does.
    memory
        Bytes that the run takes at most; 0 where that is not known.
    most_steps
        Env steps that it takes at most from here on; 0 where that is not known.
    start
        What the trainer's factory is called with beside the config and the mailbox.
    """

    def __init__(self, recorder: RunRecorder, memory: int = 0, most_steps: int = 0, **start: Any) -> None:
        self.feed = recorder.feed
        self.memory = memory
        self.most_steps = most_steps
        record = self.feed.record()
        self.owner = record.owner
        self.is_part = record.experiment_id is not None
        """Whether it is one of the runs of an experiment or a search."""
        self.mailbox = Mailbox()
        self.thread: RunThread | None = None
        """None before the run's turn comes."""
        self.wanted_config = record.config
        """The config with the live changes that are on their way to the trainer."""
        self.changes: dict[str, Any] = {}
        """The last value that each field was set to while the run trained."""
        self.pace: float | None = None
        self.is_pace_automatic = False
        self._recorder = recorder
        self._start = start
        self._lock = threading.Lock()
        self._is_pause_wanted = False
        self._stop: Stop | None = None
        """The first that was told."""
        self._next_watch_at = self._next_saliency_at = self._seen_at = -math.inf

    # ------------------------------------------------------------------------------------- beginning and end

    @property
    def is_active(self) -> bool:
        """Whether the run is this server's, and not over."""
        return self.feed.state.is_active and not self.is_lost

    @property
    def is_training(self) -> bool:
        """Whether it needs a core now."""
        return self.is_active and self.feed.state in {RunState.STARTING, RunState.RUNNING} and not self.feed.is_over

    @property
    def is_lost(self) -> bool:
        """Whether another server of the lab has taken the run over."""
        return self.thread is not None and self.thread.is_lost

    @property
    def is_at_work(self) -> bool:
        """Whether its thread still has something to do, if only to store its last rows."""
        return self.thread is not None and self.thread.is_alive() and not self.thread.is_stored

    def begin(
        self, trainer_factory: TrainerFactory, on_event: Callable[[Event], None], *, is_under_way: bool = False
    ) -> None:
        """Its turn has come: set a trainer to work, unless one is ``is_under_way`` since before this server."""
        if not is_under_way or self.feed.state is RunState.QUEUED:
            self.feed.publish(StateChanged(state=RunState.STARTING))
        self._seen_at = time.monotonic()
        self._work(functools.partial(trainer_factory, **self._start), on_event)

    def was_told(self, pace: SetPace | None, changes: Mapping[str, Any], *, is_pause_wanted: bool) -> None:
        """Know what the trainer was told by an earlier server."""
        with self._lock:
            if pace is not None:
                self.pace, self.is_pace_automatic = pace.steps_per_s, pace.is_automatic
            self._is_pause_wanted = is_pause_wanted
            for field, value in changes.items():
                self.wanted_config = self.wanted_config.changed_live(field, value)
                self.changes[field] = value

    def go_on_as(self, before: ManagedRun) -> None:
        """Have the pace of the run that it goes on from, and the pause."""
        if before.pace is not None:
            self.set_pace(before.pace, is_automatic=before.is_pace_automatic)
        if before._is_pause_wanted:
            with self._lock:
                self._is_pause_wanted = True
                self._tell(Pause())

    def standing(self) -> Standing:
        """What other servers are told of it beside its log."""
        return Standing(
            pace=self.pace,
            is_pace_automatic=self.is_pace_automatic,
            changes=dict(self.changes),
            queue_position=self.feed.queue_position,
            queue_wait_s=self.feed.queue_wait_s,
            progress=self.feed.progress,
            notices=tuple(self.feed.notices),
        )

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop is not None

    def end_unbegun(self, ended: RunEnded) -> None:
        """Its turn will not come."""
        self._work(lambda _config, _mailbox: NeverBegun(ended), lambda _event: None)

    def wait(self, timeout_s: float) -> None:
        """Wait until everything that the run did is stored, for ``timeout_s`` seconds at most."""
        if self.thread is not None:
            self.thread.wait(timeout_s)

    def lose(self) -> None:
        """Another server has taken the run over."""
        if self.thread is not None:
            self.thread.lose()

    def leave(self, interruption: str) -> None:
        """End the run because its server ends: it waits no longer for a database that takes no writes."""
        self.stop(interruption)
        if self.thread is not None:
            self.thread.leave()

    def _work(self, factory: TrainerFactory, on_event: Callable[[Event], None]) -> None:
        thread = RunThread(self.feed.record().config, self._recorder, self.mailbox, factory, on_event)
        thread.start()
        with self._lock:
            self.thread = thread  # one that has not started yet cannot be waited for
            if self._stop is not None:
                self._expect_end(thread, self._stop)

    # ----------------------------------------------------------------------------------------------- commands

    def pause(self) -> None:
        """Pause before the next env step; nothing happens where the run is paused already."""
        with self._lock:
            if self.feed.state is RunState.QUEUED:
                raise RunStateError(mark("The run is waiting for its turn: there is nothing to pause yet."))
            self._is_pause_wanted = True
            self._tell(Pause())

    def resume(self) -> None:
        """Go on after a pause."""
        with self._lock:
            if not self._is_pause_wanted and self.feed.state is not RunState.PAUSED:
                template = mark("The run is {state}, not paused: there is nothing to resume.")
                raise RunStateError(template, state=self.feed.state)
            self._is_pause_wanted = False
            self._tell(Resume())

    def step(self) -> None:
        """Take one env step, then pause again."""
        with self._lock:
            if not self._is_pause_wanted:
                raise RunStateError(mark("The run is {state}: pause it to take single steps."), state=self.feed.state)
            self._tell(Step())

    def stop(self, interruption: str = "") -> None:
        """End the run, keeping everything; with an ``interruption`` (a message template), it counts as interrupted.

        A trainer that does not answer is ended a few seconds later, and its run kept as of its last checkpoint.
        """
        with self._lock:
            stop = Stop(interruption)
            self._tell(stop)
            if self._stop is None:
                self._stop = stop
                if self.thread is not None:
                    self._expect_end(self.thread, stop)

    def _expect_end(self, thread: RunThread, stop: Stop) -> None:
        """See to it that the run ends."""

        def see() -> None:
            if not thread.wait_for_end(_ANSWER_S, _CLOSING_S):
                reason = EndReason.INTERRUPTED if stop.interruption else EndReason.STOPPED
                thread.give_up(reason, DqnLabError(_NO_ANSWER, seconds=round(_ANSWER_S)))

        threading.Thread(target=see, name=f"stop-{self.feed.run_id}", daemon=True).start()

    def take_checkpoint(self) -> None:
        """Have a checkpoint written before the next env step."""
        self.mailbox.put(TakeCheckpoint())

    def set_pace(self, steps_per_s: float | None, *, is_automatic: bool = False) -> None:
        """Take at most ``steps_per_s`` env steps a second, as :class:`~dqn_core.events.SetPace` says."""
        if steps_per_s is not None and not (math.isfinite(steps_per_s) and steps_per_s > 0.0):
            problem = mark("must be a number above 0 (env steps per second), or none for full speed")
            raise ConfigError((FieldProblem("pace", steps_per_s, problem, {}),))
        with self._lock:
            self.pace, self.is_pace_automatic = steps_per_s, is_automatic
            self._tell(SetPace(steps_per_s, is_automatic))

    def change(self, field: str, value: Any) -> TrainingConfig:
        """Change one hyperparameter; returns the config that the run will have."""
        with self._lock:
            wanted = self.wanted_config.changed_live(field, value)
            if wanted != self.wanted_config:
                self._tell(SetHyperparameter(field, wanted.value(field)))
                self.changes[field] = wanted.value(field)
                self.wanted_config = wanted
            return wanted

    def _tell(self, command: Command) -> None:
        self._seen_at = time.monotonic()
        self.mailbox.put(command)

    # ------------------------------------------------------------------------------------------------ viewers

    def look(self) -> None:
        """Somebody looks at the run; said again and again while that is so."""
        self._seen_at = time.monotonic()

    def watch(self, seconds: float, *, with_saliency: bool = False) -> None:
        """Make frames for the next ``seconds``; asked for again and again by whoever looks on."""
        self.look()
        with self._lock:
            now = time.monotonic()
            due_at = self._next_saliency_at if with_saliency else self._next_watch_at
            if self.is_active and now >= due_at and self.feed.state is not RunState.QUEUED:
                self._next_watch_at = now + _BETWEEN_WATCHES_S  # a thousand viewers fill no mailbox
                if with_saliency:
                    self._next_saliency_at = self._next_watch_at
                self.mailbox.put(Watch(seconds, with_saliency=with_saliency))

    def pause_if_unwatched(self, after_s: float) -> None:
        """Pause the run, and say so, where nobody has looked at it for ``after_s`` seconds; called in its thread."""
        with self._lock:
            if self._is_pause_wanted or time.monotonic() - self._seen_at < after_s:
                return
            self._is_pause_wanted = True
            self.mailbox.put(Pause())
        minutes = round(after_s / 60, 1)
        template = mark_plural(
            "Nobody watched this run for {minutes} minute, so it was paused. Press Resume to continue.",
            "Nobody watched this run for {minutes} minutes, so it was paused. Press Resume to continue.",
            minutes,
        )
        self.feed.publish(Notice(template=template, parameters={"minutes": minutes}))


# ---------------------------------------------------------------------------------------------------------- all of them

_KEPT_ENDED = 8
"""Ended runs whose feeds stay in memory, for the viewers that look at their last frames."""


class ManagedRuns(Mapping[str, ManagedRun]):
    """By run id; any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held for a few assignments only
        self._runs: dict[str, ManagedRun] = {}
        self._launches: Counter[str] = Counter()

    def __getitem__(self, run_id: str) -> ManagedRun:
        return self._runs[run_id]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._runs))

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, run: ManagedRun, *, is_launch: bool = True) -> None:
        """Take on a run, in place of what it was before if it goes on; old ones that ended are forgotten.

        It is no launch where the run went on meanwhile, without its server.
        """
        with self._lock:
            ended = [run_id for run_id, each in self._runs.items() if not each.is_at_work and each.feed.is_over]
            for run_id in ended[: max(0, len(ended) - _KEPT_ENDED)]:
                if not self._runs[run_id].feed.has_unstored:  # else the store does not have everything
                    del self._runs[run_id]
            self._runs[run.feed.run_id] = run
            self._launches[run.feed.run_id] += is_launch

    def discard(self, run_id: str) -> None:
        """Forget a run."""
        with self._lock:
            self._runs.pop(run_id, None)

    def launches(self, run_id: str) -> int:
        """How often the run was taken on."""
        return self._launches[run_id]

    def active_of(self, owner: str) -> int:
        """How many active runs ``owner`` has."""
        return sum(run.is_active and run.feed.record().owner == owner for run in self.snapshot())

    def paused_of(self, owner: str) -> int:
        """How many runs of ``owner`` are paused, and so keep their memory."""
        return sum(run.feed.state is RunState.PAUSED and run.feed.record().owner == owner for run in self.snapshot())

    def snapshot(self) -> list[ManagedRun]:
        """All of them at one moment."""
        with self._lock:
            return list(self._runs.values())

    def present(self, records: Iterable[RunRecord]) -> list[RunRecord]:
        """``records`` as they stand now, where the runs are of this server."""
        with self._lock:
            runs = dict(self._runs)
        return [runs[each.run_id].feed.record() if each.run_id in runs else each for each in records]
