"""``python -m dqn_core bench``: how fast this machine trains, as one JSON object.

The settings are those that DQNs are compared with: one update per env step, batch 128, two hidden layers of 32.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro

from dqn_core.cli.process import stdout_for_result
from dqn_core.config import Compute, TrainingConfig
from dqn_core.errors import ConfigError, DqnLabError, FieldProblem, mark
from dqn_core.events import RunEnded, RunStarted
from dqn_core.json_text import json_text

__all__ = ["Speed", "bench", "env_only_rate", "speed_config", "training_speed"]

_BATCH = 128
_MOST_STEPS = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class _BenchOptions:
    """Measure how fast this machine trains."""

    env: str = "CartPole-v1"
    """Gymnasium id of the environment."""
    steps: int = 20_000
    """Env steps to time, each with one update."""
    hidden_sizes: tuple[int, ...] = (32, 32)
    """Width of each hidden layer."""
    compute: Compute = "auto"
    """Where the updates run."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What a run took."""

    compute: str
    env_steps: int
    """Env steps with an update each."""
    seconds: float
    """From the end of the set-up (environment, network, choice of the compute) to the run's end."""

    @property
    def rate(self) -> float:
        """Env steps, and updates, a second."""
        return self.env_steps / self.seconds


def bench(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    options = tyro.cli(_BenchOptions, args=arguments, prog="python -m dqn_core bench")
    if not 1 <= options.steps <= _MOST_STEPS:
        template = mark("must be from {low} to {high}")
        raise ConfigError((FieldProblem("steps", options.steps, template, {"low": 1, "high": _MOST_STEPS}),))
    config = speed_config(options.env, options.steps, hidden_sizes=options.hidden_sizes, compute=options.compute)
    with stdout_for_result() as say:
        env_only = env_only_rate(options.env, options.steps)
        speed = training_speed(config)
        result = {
            "env": options.env,
            "steps": speed.env_steps,
            "compute": speed.compute,
            "env_steps_per_s": round(speed.rate, 1),
            "updates_per_s": round(speed.rate, 1),
            "env_only_steps_per_s": round(env_only, 1),
        }
        say(json_text(result))
    return 0


def speed_config(env_id: str, env_steps: int, **changes: Any) -> TrainingConfig:
    """A config that does ``env_steps`` env steps with exactly one update each, after one batch less a row of warm-up.

    Exploration stays the same and nothing is evaluated, so that every step costs the same.
    """
    values: dict[str, Any] = {
        "env_id": env_id,
        "learning_rate": 1e-3,
        "batch_size": _BATCH,
        "buffer_size": 10_000,
        "warmup_steps": _BATCH - 1,
        "hidden_sizes": (32, 32),
        "loss": "huber",
        "gradient_clip_value": 2.0,
        "target_update": "steps",
        "target_update_every": 500,
        "epsilon_start": 0.1,
        "epsilon_end": 0.1,
        "evaluate_every": 0,
        "max_episodes": 10_000_000,
    }
    values |= changes
    return TrainingConfig(**values, max_env_steps=values["warmup_steps"] + env_steps)


def training_speed(config: TrainingConfig, clock: Callable[[], float] = time.perf_counter) -> Speed:
    """Train ``config`` to its end and time it; raises :class:`DqnLabError` with the cause where the run fails.

    The seconds include the warm-up, whose steps are not counted. ``clock`` gives seconds.
    """
    from dqn_core.training.trainer import Trainer

    compute, started_at = "", clock()
    for event in Trainer(config).events():
        if isinstance(event, RunStarted):
            compute, started_at = event.compute, clock()
        elif isinstance(event, RunEnded):
            ended, seconds = event, clock() - started_at
    if ended.template:
        raise DqnLabError(ended.template, **ended.parameters)
    return Speed(compute=compute, env_steps=ended.updates, seconds=seconds)


def env_only_rate(env_id: str, env_steps: int) -> float:
    """Env steps a second with random actions and no learning, resets included.

    Raises :class:`~dqn_core.errors.UnsupportedEnvironmentError` for an environment that cannot be used.
    """
    from dqn_core.environments.make import make_environment

    environment = make_environment(env_id)
    actions = np.random.default_rng(0).integers(environment.n_actions, size=env_steps).tolist()
    try:
        environment.reset(seed=0)
        started_at = time.perf_counter()
        for action in actions:
            _, _, terminated, truncated, _ = environment.step(action)
            if terminated or truncated:
                environment.reset()
        return env_steps / (time.perf_counter() - started_at)
    finally:
        environment.close()
