"""What a worker process does for a run: it warms up, trains it, and sends its events."""

from __future__ import annotations

import contextlib
import logging
import pickle
from collections.abc import Mapping
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from dqn_core.algorithm.compute import KnownRates, adopt_rates, known_rates, make_learner
from dqn_core.config import TrainingConfig
from dqn_core.environments.own import is_own
from dqn_core.errors import DqnLabError, UnavailableComputeError, mark
from dqn_core.events import EpisodeEnded, EpisodeRecorded, Frame, Progress, RunStarted, WeightsReady
from dqn_core.runs.executors.worker_process import Commands, Send
from dqn_core.training.checkpoint import Checkpoint

__all__ = [
    "CAN_WAIT",
    "Measured",
    "RunToTrain",
    "as_error",
    "portable_environment",
    "register_environment",
    "train",
    "warm_up",
]

_LOG = logging.getLogger(__name__)

CAN_WAIT = (EpisodeEnded, EpisodeRecorded, Frame, Progress, WeightsReady)
"""Events that go together with the next ones. Any other is news that somebody waits for, and goes at once."""


@dataclass(frozen=True)
class Measured:
    """The learners' speed for this run's network, which nobody has to measure again."""

    rates: KnownRates


@dataclass(frozen=True, kw_only=True)
class RunToTrain:
    """The one run that a worker trains."""

    config: TrainingConfig
    rates: KnownRates
    """What the server knows of the learners' speed: nothing is timed again, and torch not loaded to be timed."""
    resume_from: Checkpoint | None
    """Where an earlier trainer stood, for a run that goes on."""
    initial_weights: Mapping[str, NDArray[np.float32]] | None = None
    """Weights to begin with, for a run that does not draw its own."""
    environment: bytes | None = None
    """How its environment is registered, for a worker that does not know it: see :func:`portable_environment`."""


def warm_up() -> None:
    """Import and compile what most runs need.

    Not torch: it takes four times the memory and three times the time of all else together, and a run for which the
    fused learner is known to be the fastest never asks for it.
    """
    from dqn_core.training import trainer  # noqa: F401  with all that it imports

    with contextlib.suppress(UnavailableComputeError):
        make_learner(TrainingConfig(compute="fused"), 4, 2, np.random.default_rng(0))


def train(run: RunToTrain, commands: Commands, send: Send) -> None:
    """Train ``run`` and send its events, and what was measured for it. Raises :class:`DqnLabError` for any failure."""
    from dqn_core.training.trainer import Trainer

    adopt_rates(run.rates)
    try:
        register_environment(run.config.env_id, run.environment)
        trainer = Trainer(run.config, commands, resume_from=run.resume_from, initial_weights=run.initial_weights)
        for event in trainer.events():
            send(event, can_wait=isinstance(event, CAN_WAIT))
            if isinstance(event, RunStarted) and known_rates() != run.rates:
                send(Measured(known_rates()))
    except BaseException as error:
        if not isinstance(error, DqnLabError):
            _LOG.error("A run in %s failed", run.config.env_id, exc_info=error)
        raise as_error(error) from error


def as_error(error: BaseException) -> DqnLabError:
    """What a trainer's own code could not turn into an event, as an error to show."""
    if isinstance(error, DqnLabError):
        return error
    template = mark("The run failed ({kind}: {cause}). What it logged up to then is kept.")
    return DqnLabError(template, kind=type(error).__name__, cause=str(error))


def portable_environment(env_id: str) -> bytes | None:
    """How ``env_id`` is registered here, to register it in another process; None for what stays in this one.

    A class of the main program is found by no other. What people's own files and modules register, a worker finds by
    itself.
    """
    spec = None if is_own(env_id) else gym.registry.get(env_id)
    if spec is None or "__main__" in {getattr(spec.entry_point, "__module__", ""), str(spec.entry_point).split(":")[0]}:
        return None
    try:
        return pickle.dumps(spec)
    except Exception:  # noqa: BLE001  a function within a function, say: there are many ways not to pickle
        return None


def register_environment(env_id: str, portable: bytes | None) -> None:
    """Register in this process what :func:`portable_environment` gave in another, unless the id is known here."""
    if portable is not None and env_id not in gym.registry:
        spec: EnvSpec = pickle.loads(portable)  # noqa: S301  of this server's own making
        gym.registry[spec.id] = spec
