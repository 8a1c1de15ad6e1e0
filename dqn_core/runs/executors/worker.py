"""The inside of a worker process: it warms up, waits for a run, trains it, and ends.

stdin and stdout are the two ends of its server's pipes. In: a :class:`Setup`, at some time a :class:`Job`, then
commands. Out: an empty batch once it is warm, then batches of messages, the last with RunEnded or an error in it.

A worker never outlives its server: the pipe that brings commands ends with whoever holds its other end, and a thread
that waits for nothing else then ends the process at once. (Linux could send a signal at the parent's death, but would
send it at the end of the *thread* that started the worker, which is another run's.)
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from dqn_core.algorithm.compute import KnownRates, adopt_rates, known_rates, make_learner
from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError, UnavailableComputeError
from dqn_core.events import Command, RunStarted
from dqn_core.runs.executors.failures import as_error, import_modules
from dqn_core.runs.executors.outbox import Measured, Message, Outbox
from dqn_core.runs.executors.piped_process import take_connections
from dqn_core.training.trainer_state import TrainerState

__all__ = ["Job", "Setup", "main", "portable_environment"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a worker is told when it starts."""

    preload: tuple[str, ...]
    """Modules to import, which register environments."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """The one run that a worker trains."""

    config: TrainingConfig
    rates: KnownRates
    """What the server knows of the learners' speed: nothing is timed again, and torch not loaded to be timed."""
    resume_from: TrainerState | None
    """Where an earlier trainer stood, for a run that goes on."""
    initial_weights: Mapping[str, NDArray[np.float32]] | None = None
    """Weights to begin with, for a run that does not draw its own."""
    environment: bytes | None = None
    """How its environment is registered, for a worker that does not know it: see :func:`portable_environment`."""


def _registered(env_id: str) -> EnvSpec | None:
    """How Gymnasium knows the environment here; None where it does not."""
    if ":" in env_id:  # would import a module
        return None
    try:
        return gym.spec(env_id)
    except gym.error.Error:
        return None


def portable_environment(env_id: str) -> bytes | None:
    """How ``env_id`` is registered here, to register it in another process; None for what stays in this one.

    A class of the main program is found by no other.
    """
    spec = _registered(env_id)
    if spec is None or "__main__" in {getattr(spec.entry_point, "__module__", ""), str(spec.entry_point).split(":")[0]}:
        return None
    try:
        return pickle.dumps(spec)
    except Exception:  # noqa: BLE001  a function within a function, say: there are many ways not to pickle
        return None


class _Inbox(threading.Thread):
    """Brings what the server sends where it is waited for; ends the process where the server is gone."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        super().__init__(name="inbox", daemon=True)
        self._connection = connection
        self.first: queue.SimpleQueue[Any] = queue.SimpleQueue()
        """The setup, and then the job."""
        self.mailbox: queue.SimpleQueue[Command] = queue.SimpleQueue()

    def run(self) -> None:
        try:
            while True:
                message = self._connection.recv()
                (self.first if isinstance(message, (Setup, Job)) else self.mailbox).put(message)
        except (EOFError, OSError):
            os._exit(0)  # from a thread, and whatever the trainer is in the middle of: nobody is left to hear it


def main() -> None:
    """Run the worker; started by :mod:`dqn_core.runs.executors.pool`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends its workers in good order
    with contextlib.suppress(OSError):  # Linux: where memory runs out, one run shall end rather than the server
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    faulthandler.enable()  # an environment that crashes in C says where in the server's log
    incoming, outgoing = take_connections()
    inbox = _Inbox(incoming)
    inbox.start()
    setup: Setup = inbox.first.get()
    failure = _warm_up(setup.preload)
    outgoing.send([])
    job: Job = inbox.first.get()
    outbox = Outbox()
    pump = threading.Thread(target=_pump, args=(outbox, outgoing), name="outbox")
    pump.start()
    if failure is not None:
        outbox.put(failure)
    else:
        _train(job, inbox.mailbox, outbox)
    outbox.close()
    pump.join()
    with contextlib.suppress(OSError):
        sys.stdout.flush()  # what an environment printed
    os._exit(0)  # everything is sent and closed: taking the interpreter apart would last a second with torch in it


def _warm_up(preload: Sequence[str]) -> DqnLabError | None:
    """Import and compile what most runs need; returns what would make every run fail.

    Not torch: it takes four times the memory and three times the time of all else together, and a run for which the
    fused learner is known to be the fastest never asks for it.
    """
    import numpy as np

    from dqn_core.training import trainer  # noqa: F401  with all that it imports

    with contextlib.suppress(UnavailableComputeError):
        make_learner(TrainingConfig(compute="fused"), 4, 2, np.random.default_rng(0))
    try:
        import_modules(preload)
    except DqnLabError as error:
        return error
    return None


def _train(job: Job, mailbox: queue.SimpleQueue[Command], outbox: Outbox) -> None:
    from dqn_core.training.trainer import Trainer

    adopt_rates(job.rates)
    try:
        if job.environment is not None and _registered(job.config.env_id) is None:
            spec: EnvSpec = pickle.loads(job.environment)  # noqa: S301  of this server's own making
            gym.registry[spec.id] = spec
        trainer = Trainer(job.config, mailbox, resume_from=job.resume_from, initial_weights=job.initial_weights)
        for event in trainer.events():
            outbox.put(event)
            if isinstance(event, RunStarted) and known_rates() != job.rates:
                outbox.put(Measured(known_rates()))
    except BaseException as error:  # noqa: BLE001  also SystemExit, which an environment's code may raise
        if not isinstance(error, DqnLabError):
            _LOG.error("A run in %s failed", job.config.env_id, exc_info=error)
        outbox.put(as_error(error))


def _pump(outbox: Outbox, connection: Connection[Any, list[Message]]) -> None:
    """Send batches until there are no more."""
    try:
        while batch := outbox.take():
            connection.send(batch)
    except OSError:
        os._exit(0)  # the server is gone
    except BaseException:  # noqa: BLE001  whatever it is, the trainer behind it must not wait for ever
        _LOG.exception("A worker could not send its events")
        os._exit(1)
