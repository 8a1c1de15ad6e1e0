"""The thread of a run: it consumes the trainer's events, logs, and is the run's only writer.

The trainer works in that very thread, or a worker process does and the thread takes what comes over the pipe
(:mod:`dqn_core.runs.executors.process`): the two differ in the trainer factory alone.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError, RunLostError, WorkerDiedError, mark
from dqn_core.events import Command, EndReason, Event, RunEnded, Stop, Stopping
from dqn_core.json_text import nan_if_none
from dqn_core.runs.executors.training_worker import as_error
from dqn_core.runs.recorder import RunRecorder
from dqn_core.runs.storage.records import RunRecord
from dqn_core.training.checkpoint import Checkpoint

__all__ = [
    "Acknowledged",
    "Detachable",
    "EventSource",
    "Killable",
    "Mailbox",
    "NeverBegun",
    "RunThread",
    "TrainerFactory",
    "end_of",
    "make_trainer",
]

_LOG = logging.getLogger(__name__)
_RETRY_S = 2.0
_CLEAN_UP_S = 3.0
"""How long the environments of a run whose end is stored may take to close before nobody waits for them any more."""
_DEATH_S = 2.0
"""How long the events of a trainer that was killed may take to end."""

Mailbox = queue.SimpleQueue[Command]


class EventSource(Protocol):
    """What a run consumes: the real :class:`~dqn_core.training.trainer.Trainer`, or a script in a test."""

    def events(self) -> Iterator[Event]:
        """Events up to and with RunEnded."""


@runtime_checkable
class Killable(EventSource, Protocol):
    """An event source that works where it can be ended from outside."""

    def kill(self) -> None:
        """End it, whatever it does; its events then raise. Any thread may call this."""


@runtime_checkable
class Acknowledged(EventSource, Protocol):
    """An event source that keeps what it said until it is stored."""

    def acknowledge(self) -> None:
        """All events so far are stored. The thread that consumes them calls this."""


@runtime_checkable
class Detachable(EventSource, Protocol):
    """An event source that works where another server of the lab can go on reading from it."""

    def detach(self) -> None:
        """Leave what trains as it is, and say nothing more of it. Any thread may call this."""


TrainerFactory = Callable[..., EventSource]
"""Called with (config, mailbox), and ``resume_from=state`` for a run that goes on, or ``initial_weights=weights`` for
one that begins with another's."""


def make_trainer(
    config: TrainingConfig,
    mailbox: Mailbox,
    resume_from: Checkpoint | None = None,
    initial_weights: Mapping[str, NDArray[np.float32]] | None = None,
) -> EventSource:
    """The real trainer; imported here because torch takes seconds to import and the server starts without it."""
    from dqn_core.training.trainer import Trainer

    return Trainer(config, mailbox, resume_from=resume_from, initial_weights=initial_weights)


class NeverBegun:
    """Stands for the trainer of a run that ends before its turn came: its end is its only event."""

    def __init__(self, ended: RunEnded) -> None:
        self._ended = ended

    def events(self) -> Iterator[Event]:
        """The end."""
        yield self._ended


def end_of(record: RunRecord, reason: EndReason, error: DqnLabError | None = None) -> RunEnded:
    """The end of a run as it stands in ``record``, told by somebody else than its trainer."""
    return RunEnded(
        reason=reason,
        wall_time_s=record.wall_time_s,
        episodes=record.episodes,
        env_steps=record.env_steps,
        updates=record.updates,
        best_eval=nan_if_none(record.best_eval),
        template=error.template if error else "",
        parameters=error.parameters if error else {},
    )


class RunThread(threading.Thread):
    """Runs one trainer to its end. A daemon: an environment that hangs cannot keep the process alive.

    ``on_event`` is called with each event after it was logged.
    """

    def __init__(
        self,
        config: TrainingConfig,
        recorder: RunRecorder,
        mailbox: Mailbox,
        trainer_factory: TrainerFactory,
        on_event: Callable[[Event], None],
    ) -> None:
        super().__init__(name=f"run-{recorder.feed.run_id}", daemon=True)
        self._config = config
        self._recorder = recorder
        self._mailbox = mailbox
        self._trainer_factory = trainer_factory
        self._on_event = on_event
        self._source: EventSource | None = None
        self._verdict: tuple[EndReason, DqnLabError] | None = None
        """How the run ends, once it is given up."""
        self._recording = threading.Lock()  # whoever holds it is the run's writer
        self._has_answered = threading.Event()
        self._has_ended = threading.Event()
        self._is_stored = threading.Event()
        self._is_leaving = threading.Event()
        self.is_lost = False
        """Whether another server of the lab has taken the run over."""

    @property
    def is_stored(self) -> bool:
        """Whether the run is over and everything that it did is stored."""
        return self._is_stored.is_set()

    def wait(self, timeout_s: float) -> None:
        """Wait until everything is stored, for ``timeout_s`` at most, and a little longer for environments to close."""
        deadline = time.monotonic() + timeout_s
        if self._is_stored.wait(max(0.0, timeout_s)):
            self.join(max(0.0, min(_CLEAN_UP_S, deadline - time.monotonic())))

    def wait_for_end(self, answer_s: float, closing_s: float) -> bool:
        """Whether the trainer takes its Stop within ``answer_s``, and its end follows within ``closing_s``."""
        return self._has_answered.wait(answer_s) and self._has_ended.wait(closing_s)

    def leave(self) -> None:
        """Do not wait any longer for a database that takes no writes."""
        self._is_leaving.set()

    def give_up(self, reason: EndReason, error: DqnLabError) -> None:
        """End a run whose trainer does not answer; another thread calls this, and stores what the run did.

        A trainer in a process of its own is killed. One in this thread cannot be: it is left alone, and whatever it
        still says is not recorded.
        """
        self._verdict = reason, error
        if isinstance(self._source, Killable):
            self._source.kill()
            if self._has_ended.wait(_DEATH_S):
                return
        with self._losing():
            if self._end(end_of(self._recorder.feed.record(), reason, error)):
                self._store()

    def lose(self) -> None:
        """Another server has taken the run over: record nothing more of it, and let the thread end. Any thread may."""
        self.is_lost = True
        self._recorder.feed.leave()
        self._has_ended.set()
        self._has_answered.set()
        self._is_leaving.set()
        self._is_stored.set()
        if isinstance(self._source, Detachable):
            self._source.detach()
        elif isinstance(self._source, Killable):
            self._source.kill()
        else:
            self._mailbox.put(Stop())

    @contextlib.contextmanager
    def _losing(self) -> Iterator[None]:
        """A write that tells that the run is another server's now ends all work at it."""
        try:
            yield
        except RunLostError:
            self.lose()

    def run(self) -> None:
        """Train, log, and tell how it ended, whatever happens; environments, which may hang, are closed after that."""
        with self._losing(), contextlib.ExitStack() as cleaning_up:
            is_mine = self._end(self._train(cleaning_up))
            if is_mine and self._recorder.flush():
                self._is_stored.set()
        if self.is_lost:
            self._on_event(end_of(self._recorder.feed.record(), EndReason.INTERRUPTED))
            return
        if is_mine and not self.is_stored:
            with self._losing():
                self._store()

    def _train(self, cleaning_up: contextlib.ExitStack) -> RunEnded:
        """Consume the trainer's events up to the last one, which is returned; an error becomes one."""
        try:
            source = self._source = self._trainer_factory(self._config, self._mailbox)
            keeping = source if isinstance(source, Acknowledged) else None
            events = source.events()
            cleaning_up.callback(_close, events)
            for event in events:
                if isinstance(event, RunEnded):
                    return event
                with self._recording:
                    if self._has_ended.is_set():
                        break
                    self._recorder.take(event)
                if keeping is not None and self._recorder.has_stored_all:
                    keeping.acknowledge()
                self._on_event(event)
                if isinstance(event, Stopping):
                    self._has_answered.set()
        except RunLostError:
            self.lose()
        except BaseException as error:  # noqa: BLE001  also SystemExit: no run may stay "running" without a thread
            if not isinstance(error, DqnLabError):
                _LOG.error("Run %s failed", self._recorder.feed.run_id, exc_info=error)
            return self._failure(as_error(error))
        return self._failure(
            DqnLabError(mark("The run failed: its trainer stopped responding without giving a reason."))
        )

    def _failure(self, error: DqnLabError) -> RunEnded:
        reason = EndReason.INTERRUPTED if isinstance(error, WorkerDiedError) else EndReason.FAILED
        if self._verdict is not None:  # it fails because it was ended
            reason, error = self._verdict
        return end_of(self._recorder.feed.record(), reason, error)

    def _end(self, ended: RunEnded) -> bool:
        """Record the run's end; False where it has one already."""
        with self._recording:
            if self._has_ended.is_set():
                return False
            try:
                self._recorder.take(ended)
            except RunLostError:
                self.lose()
                return False
            finally:
                self._recorder.feed.close()
                self._has_ended.set()
                self._has_answered.set()
        self._on_event(ended)
        return True

    def _store(self) -> None:
        """Store everything, however long a disk takes no writes."""
        while not self._recorder.flush():
            if self._is_leaving.wait(_RETRY_S):
                return
        self._is_stored.set()


def _close(events: Iterator[Event]) -> None:
    """Let a generator clean up (its environments) now; a clean-up that fails does not change how the run ended."""
    if isinstance(events, Generator):
        try:
            events.close()
        except Exception:  # noqa: BLE001  an environment is other people's code
            _LOG.exception("A trainer's clean-up failed")
