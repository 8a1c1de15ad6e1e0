"""What is going on in one run now, in memory: one thread publishes, any number of viewers read at their own pace.

A viewer holds a cursor (episodes and changes it has already) and pulls what is new; nothing is queued for it, so a
slow one gets fewer and larger updates and costs nobody anything. The lock is held for counting and for copying at
most ``limit`` references.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.events import (
    EpisodeEnded,
    Event,
    Frame,
    HyperparametersChanged,
    Notice,
    Phase,
    Progress,
    RunEnded,
    RunStarted,
    RunState,
    StateChanged,
)
from dqn_core.json_text import none_if_nan
from dqn_core.runs.storage.records import RunRecord, applied

__all__ = ["MESSAGE_ROWS", "FeedUpdate", "LiveFeed", "RemainingTime", "done_fraction"]

MESSAGE_ROWS = 5_000
"""Episodes in one update at most."""
_KEPT_NOTICES = 20
_MEAN_OVER = 100


@dataclass(frozen=True, kw_only=True)
class FeedUpdate:
    """Where a run stands and what is new since a viewer's cursor."""

    version: int
    """Grows with everything published: equal versions, nothing new."""
    record: RunRecord
    progress: Progress
    fraction: float
    """Done share of the episodes or env steps allowed, whichever is nearer its end; 0 to 1."""
    eta_s: float | None
    return_mean_100: float | None
    last_return: float | None
    rows_from: int
    """Rows before the first of ``rows``."""
    rows: Sequence[EpisodeEnded]
    rows_total: int
    changes_from: int
    changes: Sequence[HyperparametersChanged]
    notices: tuple[Notice, ...]
    frame_number: int
    """Number of the latest frame, from 1; 0 where there is none."""
    frame: Frame | None
    is_over: bool
    """Whether nothing will be published any more."""
    queue_position: int | None = None
    """Place among the runs that wait for their turn, from 1; None for one whose turn has come."""
    queue_wait_s: float | None = None
    """Seconds that it will wait, as far as can be foreseen; None where that is unknown."""

    @property
    def is_last(self) -> bool:
        """Whether the run is over and this update brings a viewer to its end."""
        return self.is_over and self.rows_from + len(self.rows) >= self.rows_total


class LiveFeed:
    """The present of one run, in bounded memory.

    Rows leave memory only after :meth:`mark_stored` told that the store has them; then a tail of ``tail_rows`` to
    twice as many stays.

    Parameters
    ----------
    record
        The run as it starts (or, with ``is_over``, as it ended).
    tail, changes
        The last episodes and all changes of a run read back from the store.
    """

    def __init__(
        self,
        record: RunRecord,
        *,
        tail: Sequence[EpisodeEnded] = (),
        changes: Sequence[HyperparametersChanged] = (),
        is_over: bool = False,
        tail_rows: int = MESSAGE_ROWS,
    ) -> None:
        self._lock = threading.Lock()
        self._record = record
        self._progress = _progress_of(record, tail)
        self._remaining = RemainingTime()
        self._rows = list(tail)
        self._first_kept = record.episodes - len(tail)
        self._stored_rows = record.episodes
        self._tail_rows = tail_rows
        self._changes = list(changes)
        self._stored_changes = len(changes)
        self._returns = deque((row.episode_return for row in tail), maxlen=_MEAN_OVER)
        self._best_eval = record.best_eval
        self._notices: deque[Notice] = deque(maxlen=_KEPT_NOTICES)
        self._frame: Frame | None = None
        self._frame_number = 0
        self._version = 1
        self._is_over = is_over
        self.is_left = False
        """Whether the run's present is in another feed by now."""
        self._queue_position: int | None = None
        self._queue_wait_s: float | None = None

    # ----------------------------------------------------------------------------------------------- the writer

    def publish(self, event: Event) -> None:
        """Take in one event; called by the run's own thread, and before that thread begins."""
        with self._lock:
            self._take(event)
            self._version += 1

    def set_queue_position(self, place: int, wait_s: float | None = None) -> None:
        """The run waits for its turn, and ``place - 1`` runs come before it; called while no thread works at it.

        ``wait_s`` are the seconds that it will wait; None where that is unknown.
        """
        with self._lock:
            if (place, wait_s) != (self._queue_position, self._queue_wait_s):
                self._queue_position, self._queue_wait_s = place, wait_s
                self._version += 1

    def relabel(self, **labels: Any) -> None:
        """Set what people call the run, its ``name`` or ``tags``; any thread may."""
        with self._lock:
            self._record = replace(self._record, **labels)
            self._version += 1

    def withdraw(self, notice: Notice) -> None:
        """What ``notice`` says is not so any more."""
        with self._lock:
            if notice in self._notices:
                self._notices.remove(notice)
                self._version += 1

    def leave(self) -> None:
        """Another feed has the run's present from now on: viewers look for it."""
        with self._lock:
            self.is_left = True
            self._version += 1

    def follow(  # noqa: PLR0913  each is a part of where a run stands
        self,
        record: RunRecord,
        rows: Sequence[EpisodeEnded],
        changes: Sequence[HyperparametersChanged],
        *,
        progress: Progress | None = None,
        notices: Sequence[Notice] = (),
        queue: tuple[int | None, float | None] = (None, None),
    ) -> None:
        """Take in where a run stands that another server trains, as the store has it.

        ``rows`` and ``changes`` are those that came, ``queue`` the place and the wait of one whose turn has not come.
        """
        with self._lock:
            before = (self._current_record(), self._progress, tuple(self._notices), self._queue_position)
            self._record, self._best_eval = record, record.best_eval
            self._rows += rows
            self._returns.extend(row.episode_return for row in rows)
            self._changes += changes
            self._progress = progress or _progress_of(record, self._rows[-1:])
            self._notices = deque(notices, maxlen=_KEPT_NOTICES)
            self._queue_position, self._queue_wait_s = queue
            now = (self._current_record(), self._progress, tuple(self._notices), self._queue_position)
            if now != before or rows or changes:
                self._remaining.add(self._progress.wall_time_s, self._fraction)
                self._version += 1
        self.mark_stored(len(rows), len(changes))

    def close(self) -> None:
        """Nothing more will be published: viewers that have everything may go."""
        with self._lock:
            self._is_over = True
            self._version += 1

    def unstored(self) -> tuple[RunRecord, list[EpisodeEnded], list[HyperparametersChanged]]:
        """The record as it stands and the rows that the store does not have yet."""
        with self._lock:
            rows = self._rows[self._stored_rows - self._first_kept :]
            return self._current_record(), rows, self._changes[self._stored_changes :]

    @property
    def stored(self) -> tuple[int, int]:
        """How many rows and changes the store has, as far as is known."""
        with self._lock:
            return self._stored_rows, self._stored_changes

    def mark_stored(self, rows: int, changes: int) -> None:
        """The store has that many rows and changes more; the oldest rows may leave memory."""
        with self._lock:
            self._stored_rows += rows
            self._stored_changes += changes
            if len(self._rows) > 2 * self._tail_rows:
                leaving = min(len(self._rows) - self._tail_rows, self._stored_rows - self._first_kept)
                del self._rows[:leaving]
                self._first_kept += leaving

    # ---------------------------------------------------------------------------------------------- the readers

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._record.run_id

    @property
    def version(self) -> int:
        """Grows with everything published."""
        return self._version

    @property
    def is_over(self) -> bool:
        """Whether nothing will be published any more."""
        return self._is_over

    @property
    def notices(self) -> list[Notice]:
        """What a person should know, the newest last."""
        with self._lock:
            return list(self._notices)

    @property
    def progress(self) -> Progress:
        """The last heartbeat."""
        return self._progress

    @property
    def state(self) -> RunState:
        """The run's state."""
        return self._record.state

    @property
    def queue_position(self) -> int | None:
        """Place among the runs that wait for their turn, from 1; None for one whose turn has come."""
        return self._queue_position if self._record.state is RunState.QUEUED else None

    @property
    def queue_wait_s(self) -> float | None:
        """Seconds that the run will wait for its turn; None where that is unknown, or its turn has come."""
        return self._queue_wait_s if self._record.state is RunState.QUEUED else None

    @property
    def remaining_s(self) -> float | None:
        """Seconds of training until the run's limits at its recent rate; None while nothing is known of it."""
        with self._lock:
            return None if self._is_over else self._remaining.seconds

    @property
    def fraction(self) -> float:
        """Done share of the episodes or env steps allowed, whichever is nearer its end; 0 to 1."""
        with self._lock:
            return self._fraction

    @property
    def first_kept(self) -> int:
        """Rows before this one are in the store alone."""
        return self._first_kept

    @property
    def rows_total(self) -> int:
        """Episodes that have ended so far."""
        with self._lock:
            return self._total

    @property
    def has_unstored(self) -> bool:
        """Whether rows or changes wait to be stored."""
        with self._lock:
            return self._stored_rows < self._total or self._stored_changes < len(self._changes)

    def record(self) -> RunRecord:
        """The run's record as it stands."""
        with self._lock:
            return self._current_record()

    def read(self, after_rows: int, after_changes: int, limit: int = MESSAGE_ROWS) -> FeedUpdate:
        """What is new after a cursor, at most ``limit`` rows; a cursor beyond the end is taken as the end.

        Rows before :attr:`first_kept` are not here: the update then begins at the first that is.
        """
        with self._lock:
            rows_from = min(max(after_rows, self._first_kept), self._total)
            changes_from = min(after_changes, len(self._changes))
            start = rows_from - self._first_kept
            return FeedUpdate(
                version=self._version,
                record=self._current_record(),
                progress=self._progress,
                fraction=self._fraction,
                eta_s=None if self._is_over else self._remaining.seconds,
                return_mean_100=math.fsum(self._returns) / len(self._returns) if self._returns else None,
                last_return=self._returns[-1] if self._returns else None,
                rows_from=rows_from,
                rows=self._rows[start : start + limit],
                rows_total=self._total,
                changes_from=changes_from,
                changes=self._changes[changes_from:],
                notices=tuple(self._notices),
                frame_number=self._frame_number,
                frame=self._frame,
                is_over=self._is_over,
                queue_position=self.queue_position,
                queue_wait_s=self.queue_wait_s,
            )

    # ---------------------------------------------------------------------------------- with the lock held

    def _take(self, event: Event) -> None:
        match event:
            case Progress():
                self._progress = event
                self._remaining.add(event.wall_time_s, self._fraction)
            case EpisodeEnded():
                self._rows.append(event)
                self._returns.append(event.episode_return)
                self._best_eval = _larger(self._best_eval, event.eval_return)
            case Frame():
                self._frame_number += 1
                self._frame = event
            case Notice():
                if event in self._notices:
                    self._notices.remove(event)
                self._notices.append(event)
            case _:
                self._take_turn(event)

    def _take_turn(self, event: Event) -> None:
        """An event that changes the run's record itself."""
        match event:
            case RunStarted():
                self._begin(event)
            case StateChanged(state=state):
                self._record = replace(self._record, state=state)
            case HyperparametersChanged():
                self._changes.append(event)
                self._record = replace(self._record, config=applied(self._record.config, event))
                self._remaining = RemainingTime()  # the limits may have moved, and the speed with them
            case RunEnded():
                self._end(event)

    def _begin(self, event: RunStarted) -> None:
        self._record = replace(
            self._record,
            state=RunState.RUNNING,
            compute=event.compute,
            compute_template=event.compute_template,
            compute_parameters=event.compute_parameters,
            parameters=event.parameters,
        )

    def _end(self, event: RunEnded) -> None:
        self._best_eval = none_if_nan(event.best_eval)
        self._record = replace(
            self._record,
            state=event.reason.state,
            reason=event.reason,
            message_template=event.template,
            message_parameters=event.parameters,
            wall_time_s=event.wall_time_s,
            env_steps=event.env_steps,
            updates=event.updates,
        )
        self._progress = _progress_of(self._record, self._rows[-1:])  # as whoever opens the run again is told

    @property
    def _total(self) -> int:
        return self._first_kept + len(self._rows)

    @property
    def _fraction(self) -> float:
        return done_fraction(self._record.config, self._total, self._progress.env_step)

    def _current_record(self) -> RunRecord:
        return replace(
            self._record,
            wall_time_s=self._progress.wall_time_s,
            episodes=self._total,
            env_steps=self._progress.env_step,
            updates=self._progress.updates,
            best_eval=self._best_eval,
        )


def _larger(best: float | None, value: float) -> float | None:
    """The larger of two; None and NaN stand for none."""
    return none_if_nan(value) if best is None or value > best else best


def _progress_of(record: RunRecord, tail: Sequence[EpisodeEnded]) -> Progress:
    """Where a run stands before its first heartbeat, or after its last."""
    last = tail[-1] if tail else None
    return Progress(
        wall_time_s=record.wall_time_s,
        env_step=record.env_steps,
        updates=record.updates,
        episode=last.episode if last else 0,
        phase=Phase.TRAINING if last else Phase.WARMUP,
        epsilon=last.epsilon if last else record.config.epsilon_start,
        steps_per_s=0.0,
        episode_return=0.0,
        buffer_fill=last.buffer_fill if last else 0,
    )


# ---------------------------------------------------------------------------------------------- how long it still takes

_SAMPLE_EVERY_S = 0.5
_WINDOW_S = 30.0
"""The rate is that of the last 30 seconds: episodes get longer (or shorter) as an agent learns."""


def done_fraction(config: TrainingConfig, episodes: int, env_steps: int) -> float:
    """Done share of the episodes or env steps allowed, whichever is nearer its end; 0 to 1."""
    done = episodes / config.max_episodes
    if config.max_env_steps is not None:
        done = max(done, env_steps / config.max_env_steps)
    return min(1.0, done)


class RemainingTime:
    """Feed it the done fraction as it grows; ask it for the seconds that remain."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()
        self._latest = (0.0, 0.0)

    def add(self, wall_time_s: float, fraction: float) -> None:
        """``fraction`` (0 to 1) of the run was done after ``wall_time_s`` seconds of training."""
        self._latest = (wall_time_s, fraction)
        if not self._samples or wall_time_s - self._samples[-1][0] >= _SAMPLE_EVERY_S:
            self._samples.append(self._latest)
        while len(self._samples) > 1 and self._samples[1][0] <= wall_time_s - _WINDOW_S:
            self._samples.popleft()

    @property
    def seconds(self) -> float | None:
        """Seconds of training that remain at the recent rate; None while nothing is known of it."""
        if not self._samples:
            return None
        (since, before), (now, done) = self._samples[0], self._latest
        if now - since < _SAMPLE_EVERY_S or done <= before:
            return None
        return (1.0 - done) * (now - since) / (done - before)
