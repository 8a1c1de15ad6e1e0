"""Worker processes: started ahead of their run, so that Start is answered at once, and each for one run alone.

A crash, a leak or a changed global setting ends with the process that had it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from dqn_core.errors import DqnLabError, RunStateError, WorkerDiedError, mark
from dqn_core.events import Command
from dqn_core.runs.executors.outbox import Message
from dqn_core.runs.executors.piped_process import start_piped
from dqn_core.runs.executors.worker import Job, Setup

__all__ = ["Worker", "WorkerPool"]

_LOG = logging.getLogger(__name__)
_CRASHES = frozenset({"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT"})
_LAST_WORDS_S = 1.0
"""A process whose pipe has ended has ended too, or does within this time."""


class Worker:
    """The server's side of one process. Raises OSError where no process can be started."""

    def __init__(self, preload: Sequence[str]) -> None:
        self._process, self._commands, self._events = start_piped("dqn_core.runs.executors.worker")
        self._is_given_up = False
        self._send(Setup(preload=tuple(preload)))

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def is_warm(self) -> bool:
        """Whether a run would begin at once; asked before the worker has one."""
        return self._events.poll()

    def begin(self, job: Job) -> None:
        """Have the run trained."""
        self._send(job)

    def tell(self, command: Command) -> None:
        """Pass on a command; one that dies with its worker is not missed."""
        self._send(command)

    def receive(self) -> list[Message]:
        """The next messages; waits for them. Raises :class:`WorkerDiedError` with the cause where none will come."""
        try:
            messages: list[Message] = self._events.recv()
        except (EOFError, OSError):
            raise self._death() from None
        return messages

    def give_up(self) -> None:
        """End the process, whatever it does."""
        self._is_given_up = self.is_alive
        self.kill()

    def kill(self) -> None:
        """End the process now, and the processes that an environment started in it."""
        if self.is_alive:
            with contextlib.suppress(OSError):  # it has just ended
                os.killpg(self.pid, signal.SIGKILL)

    def leave(self, grace_s: float) -> None:
        """Wait up to ``grace_s`` for the process to end by itself, then end it."""
        if grace_s > 0.0 and self._events.poll(grace_s):  # its pipe has ended
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS_S)
        self.kill()
        self._process.wait()

    def close(self) -> None:
        """Let go of the pipes; the process has ended."""
        self._commands.close()
        self._events.close()

    def _send(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # a worker that died says so where it is listened to
            self._commands.send(message)

    def _death(self) -> WorkerDiedError:
        self.leave(_LAST_WORDS_S)
        if self._is_given_up:
            return WorkerDiedError(mark("The server shut down before this run had stopped. What it logged is kept."))
        return _death_by(self._process.returncode)


def _death_by(status: int) -> WorkerDiedError:
    """What the exit status of a process says, in words; below zero it is a signal's number."""
    if status >= 0:
        template = mark(
            "The process that trained this run ended without a word (exit status {status}). What it logged is kept."
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
        self._spares: list[Worker] = []
        self._at_work: list[Worker] = []
        self._is_closed = False

    @property
    def at_work(self) -> tuple[Worker, ...]:
        """The workers that train a run."""
        return tuple(self._at_work)

    @property
    def spares(self) -> tuple[Worker, ...]:
        """The workers that wait for a run, or warm up for one."""
        return tuple(self._spares)

    def prepare(self) -> None:
        """Have the spare workers that are missing started; returns before they are warm."""
        with self._lock:
            self._bury_dead_spares()
            try:
                while not self._is_closed and len(self._spares) < self._wanted:
                    self._spares.append(Worker(self._preload))
            except OSError as error:  # a run that needs one says so
                _LOG.warning("No worker could be started ahead: %s", error)

    def take(self) -> Worker:
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

    def put_away(self, worker: Worker) -> None:
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
            worker.leave(grace_s=0.0)
            worker.close()

    def close(self) -> None:
        """End all workers, also those at work."""
        self.close_spares()
        for worker in self.at_work:
            worker.give_up()

    def _started(self) -> Worker:
        try:
            return Worker(self._preload)
        except OSError as error:
            template = mark("No process can be started for this run ({cause}): stop another run, or close programs.")
            raise DqnLabError(template, cause=error) from error

    def _bury_dead_spares(self) -> None:
        for worker in [each for each in self._spares if not each.is_alive]:
            self._spares.remove(worker)
            worker.close()
