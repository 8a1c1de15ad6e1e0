"""A run in a process of its own: the same events as from a trainer in this one, over a pipe."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compute import adopt_rates, known_rates
from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError
from dqn_core.events import Event, RunEnded, Stop
from dqn_core.runs.executors.outbox import Measured
from dqn_core.runs.executors.pool import Worker, WorkerPool
from dqn_core.runs.executors.thread import Mailbox
from dqn_core.runs.executors.worker import Job, portable_environment
from dqn_core.training.trainer_state import TrainerState

__all__ = ["ProcessTrainer"]

_GRACE_S = 2.0
"""A worker whose run is over has this long to close its environments."""


class ProcessTrainer:
    """Stands for the :class:`~dqn_core.training.trainer.Trainer` that a worker of ``pool`` runs.

    Its events raise :class:`~dqn_core.errors.WorkerDiedError` where the worker goes away before the run is over.
    """

    def __init__(
        self,
        config: TrainingConfig,
        mailbox: Mailbox,
        pool: WorkerPool,
        resume_from: TrainerState | None = None,
        initial_weights: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        self._job = Job(
            config=config,
            rates={},
            resume_from=resume_from,
            initial_weights=initial_weights,
            environment=portable_environment(config.env_id),
        )
        self._mailbox = mailbox
        self._pool = pool
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._is_killed = False

    def events(self) -> Iterator[Event]:
        """The trainer's events up to and with RunEnded."""
        worker = self._pool.take()
        with self._lock:
            self._worker = worker
            if self._is_killed:
                worker.kill()
        forwarder = _Forwarder(self._mailbox, worker)
        is_over = False
        try:
            worker.begin(replace(self._job, rates=known_rates()))
            forwarder.start()
            while not is_over:
                for message in worker.receive():
                    is_over = isinstance(message, (RunEnded, DqnLabError))
                    if isinstance(message, DqnLabError):
                        raise message
                    if isinstance(message, Measured):
                        adopt_rates(message.rates)
                    else:
                        yield message
        finally:
            worker.leave(_GRACE_S if is_over else 0.0)
            forwarder.stop()
            self._pool.put_away(worker)

    def kill(self) -> None:
        """End the worker, whatever it does; any thread may."""
        with self._lock:
            self._is_killed = True
            if self._worker is not None:
                self._worker.kill()


class _Forwarder(threading.Thread):
    """Passes commands on to the worker as they come."""

    def __init__(self, mailbox: Mailbox, worker: Worker) -> None:
        super().__init__(name=f"commands-{worker.pid}", daemon=True)
        self._mailbox = mailbox
        self._worker = worker
        self._is_over = False

    def run(self) -> None:
        while True:
            command = self._mailbox.get()
            if self._is_over:
                return
            self._worker.tell(command)

    def stop(self) -> None:
        """End the thread; the worker's process has ended, so that no send can hang."""
        self._is_over = True
        self._mailbox.put(Stop())  # wakes it; no trainer reads this mailbox any more
        if self.is_alive():
            self.join()
