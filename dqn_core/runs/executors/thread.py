"""The thread of a run: it consumes the trainer's events, logs, and is the run's only writer.

The trainer works in that very thread, or a worker process does and the thread takes what comes over the pipe
(:mod:`dqn_core.runs.executors.process`): the two differ in the trainer factory alone.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError, WorkerDiedError, mark
from dqn_core.events import Command, EndReason, Event, RunEnded
from dqn_core.runs.executors.failures import as_error
from dqn_core.runs.recorder import RunRecorder
from dqn_core.runs.records import RunRecord
from dqn_core.training.trainer_state import TrainerState

__all__ = ["EventSource", "Mailbox", "NeverBegun", "RunThread", "TrainerFactory", "end_of", "make_trainer"]

_LOG = logging.getLogger(__name__)
_RETRY_S = 2.0

Mailbox = queue.SimpleQueue[Command]


class EventSource(Protocol):
    """What a run consumes: the real :class:`~dqn_core.training.trainer.Trainer`, or a script in a test."""

    def events(self) -> Iterator[Event]:
        """Events up to and with RunEnded."""


TrainerFactory = Callable[..., EventSource]
"""Called with (config, mailbox), and ``resume_from=state`` for a run that goes on, or ``initial_weights=weights`` for
one that begins with another's."""


def make_trainer(
    config: TrainingConfig,
    mailbox: Mailbox,
    resume_from: TrainerState | None = None,
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
        best_eval=record.best_eval,
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
        self._is_leaving = threading.Event()

    def leave(self) -> None:
        """Do not wait any longer for a database that takes no writes."""
        self._is_leaving.set()

    def run(self) -> None:
        """Train, log, and tell how it ended, whatever happens."""
        ended = self._train()
        try:
            self._recorder.take(ended)
        finally:
            self._recorder.feed.close()
            self._on_event(ended)
        while not self._recorder.flush() and not self._is_leaving.wait(_RETRY_S):
            pass

    def _train(self) -> RunEnded:
        """Consume the trainer's events up to the last one, which is returned; an error becomes one."""
        try:
            events = self._trainer_factory(self._config, self._mailbox).events()
            with _closing(events):
                for event in events:
                    if isinstance(event, RunEnded):
                        return event
                    self._recorder.take(event)
                    self._on_event(event)
        except BaseException as error:  # noqa: BLE001  also SystemExit: no run may stay "running" without a thread
            if not isinstance(error, DqnLabError):
                _LOG.error("Run %s failed", self._recorder.feed.run_id, exc_info=error)
            return self._failure(as_error(error))
        return self._failure(DqnLabError(mark("The run failed: its trainer fell silent without giving a reason.")))

    def _failure(self, error: DqnLabError) -> RunEnded:
        reason = EndReason.INTERRUPTED if isinstance(error, WorkerDiedError) else EndReason.FAILED
        return end_of(self._recorder.feed.record(), reason, error)


@contextlib.contextmanager
def _closing(events: Iterator[Event]) -> Iterator[None]:
    """Let a generator clean up (its environments) now; a clean-up that fails does not change how the run ended."""
    try:
        yield
    finally:
        if isinstance(events, Generator):
            try:
                events.close()
            except Exception:  # noqa: BLE001  an environment is other people's code
                _LOG.exception("A trainer's clean-up failed")
