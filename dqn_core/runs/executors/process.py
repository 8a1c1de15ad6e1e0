"""A run in a process of its own: the same events as from a trainer in this one, over a pipe.

Processes are started ahead of their run, so that Start is answered at once, and each is for one run alone.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compute import adopt_rates, known_rates
from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError, RunStateError, WorkerDiedError, mark
from dqn_core.events import Command, Event, RunEnded, Stop
from dqn_core.runs.executors.thread import Mailbox
from dqn_core.runs.executors.training_worker import Measured, RunToTrain, portable_environment, train, warm_up
from dqn_core.runs.executors.worker_process import Failed, Finished, ProcessEndedError, WorkerProcess
from dqn_core.training.checkpoint import Checkpoint

__all__ = ["Forwarder", "ProcessTrainer", "WorkerPool", "death_of"]

_LOG = logging.getLogger(__name__)
_CRASHES = frozenset({"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT"})
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
        resume_from: Checkpoint | None = None,
        initial_weights: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        self._run = RunToTrain(
            config=config,
            rates={},
            resume_from=resume_from,
            initial_weights=initial_weights,
            environment=portable_environment(config.env_id),
        )
        self._mailbox = mailbox
        self._pool = pool
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._is_killed = False

    def events(self) -> Iterator[Event]:
        """The trainer's events up to and with RunEnded."""
        worker = self._pool.take()
        with self._lock:
            self._worker = worker
            if self._is_killed:
                worker.kill()
        forwarder = Forwarder(self._mailbox, worker.tell, f"commands-{worker.pid}")
        is_over = False
        try:
            worker.begin(train, replace(self._run, rates=known_rates()))
            forwarder.start()
            while not is_over:
                for message in worker.receive():
                    is_over = isinstance(message, (RunEnded, Finished, Failed))
                    if isinstance(message, Failed):
                        raise message.error
                    if isinstance(message, Finished):
                        break
                    if isinstance(message, Measured):
                        adopt_rates(message.rates)
                    else:
                        yield message
        except ProcessEndedError as ended:
            raise death_of(ended.status, is_given_up=worker.is_given_up) from None
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


class Forwarder(threading.Thread):
    """Passes commands on as they come, by calling ``tell`` with each."""

    def __init__(self, mailbox: Mailbox, tell: Callable[[Command], None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._mailbox = mailbox
        self._tell = tell
        self._is_over = False

    def run(self) -> None:
        """Wait for commands, to :meth:`stop`."""
        while True:
            command = self._mailbox.get()
            if self._is_over:
                return
            self._tell(command)

    def stop(self) -> None:
        """End the thread; called when no call of ``tell`` can hang any more."""
        self._is_over = True
        self._mailbox.put(Stop())  # wakes it; no trainer reads this mailbox any more
        if self.is_alive():
            self.join()


def death_of(status: int, *, is_given_up: bool) -> WorkerDiedError:
    """What the exit status of a worker says, in words; below zero it is a signal's number.

    ``is_given_up`` says whether the server ended it because it shut down itself.
    """
    if is_given_up:
        return WorkerDiedError(mark("The server shut down before this run had stopped. What it logged is kept."))
    if status >= 0:
        template = mark(
            "The process that trained this run ended without a message (exit status {status}). What it logged is kept."
        )
        return WorkerDiedError(template, status=status)
    name = _signal_name(-status)
    if name == "SIGKILL":
        template = mark(
            "The process that trained this run was killed ({signal}): by hand, or by the system because memory ran "
            "out. What it logged is kept."
        )
    elif name in _CRASHES:
        template = mark(
            "The process that trained this run crashed ({signal}), most likely in its environment's own code. "
            "What it logged is kept."
        )
    else:
        template = mark("The process that trained this run was ended by a signal ({signal}). What it logged is kept.")
    return WorkerDiedError(template, signal=name)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the real-time signals, which have no names
        return str(number)


class WorkerPool:
    """Starts workers, keeps spare ones warm, and ends all of them with itself. Any thread may call any method.

    Parameters
    ----------
    preload
        Modules that every worker imports, which register environments.
    spares
        Workers kept ahead, at most one for each core; each holds about 60 MB.
    """

    def __init__(self, preload: Sequence[str] = (), spares: int = 1) -> None:
        self._preload = tuple(preload)
        self._wanted = min(spares, os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._spares: list[WorkerProcess] = []
        self._at_work: list[WorkerProcess] = []
        self._is_closed = False

    @property
    def at_work(self) -> tuple[WorkerProcess, ...]:
        """The workers that train a run."""
        return tuple(self._at_work)

    @property
    def spares(self) -> tuple[WorkerProcess, ...]:
        """The workers that wait for a run, or warm up for one."""
        return tuple(self._spares)

    def prepare(self) -> None:
        """Have the spare workers that are missing started; returns before they are warm."""
        with self._lock:
            self._bury_dead_spares()
            try:
                while not self._is_closed and len(self._spares) < self._wanted:
                    self._spares.append(WorkerProcess(self._preload, warm_up))
            except OSError as error:  # a run that needs one says so
                _LOG.warning("No worker could be started ahead: %s", error)

    def take(self) -> WorkerProcess:
        """A worker for one run, warm if there is one; :meth:`put_away` it after the run.

        Raises :class:`DqnLabError` where no process can be started.
        """
        with self._lock:
            if self._is_closed:
                raise RunStateError(mark("The server is shutting down: start the run when it is up again."))
            self._bury_dead_spares()
            spare = next((each for each in self._spares if each.is_warm), next(iter(self._spares), None))
            worker = self._started() if spare is None else spare
            if spare is not None:
                self._spares.remove(spare)
            self._at_work.append(worker)
        self.prepare()
        return worker

    def put_away(self, worker: WorkerProcess) -> None:
        """The worker's run is over and its process has ended."""
        with self._lock:
            self._at_work.remove(worker)
        worker.close()

    def close_spares(self) -> None:
        """End the workers that wait, and start no more."""
        with self._lock:
            self._is_closed = True
            spares, self._spares = self._spares, []
        for worker in spares:
            worker.give_up()
            worker.leave()
            worker.close()

    def close(self) -> None:
        """End all workers, also those at work."""
        self.close_spares()
        for worker in self.at_work:
            worker.give_up()

    def _started(self) -> WorkerProcess:
        try:
            return WorkerProcess(self._preload, warm_up)
        except OSError as error:
            template = mark("No process can be started for this run ({cause}): stop another run, or close programs.")
            raise DqnLabError(template, cause=error) from error

    def _bury_dead_spares(self) -> None:
        for worker in [each for each in self._spares if not each.is_alive]:
            self._spares.remove(worker)
            worker.close()
