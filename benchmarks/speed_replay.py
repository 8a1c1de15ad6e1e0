"""What a large replay memory costs: the same work with few and with many rows, all of them filled."""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np

from benchmarks.measuring import interleaved, microseconds_each, ratios, summary
from benchmarks.sizes import Sizes
from benchmarks.speed_update import N_ACTIONS, filled_replay
from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.cli.bench import speed_config
from dqn_core.events import Phase, Progress
from dqn_core.training.trainer import Trainer

__all__ = ["SteadyTrainer", "measure"]

_FEW, _MANY = "few", "many"


def measure(sizes: Sizes) -> dict[str, Any]:
    """Microseconds of an env step of the whole loop, and of drawing rows and updating, by number of rows."""
    return {
        "rows": {_FEW: sizes.few_rows, _MANY: sizes.many_rows},
        "loop": _compared(_loop(sizes), sizes),
        "update_4": _compared(_update(4, sizes), sizes),
        "update_8": _compared(_update(8, sizes), sizes),
    }


def _compared(contenders: dict[str, functools.partial[float]], sizes: Sizes) -> dict[str, Any]:
    for contender in contenders.values():
        contender()
    values = interleaved(contenders, max(5, sizes.repetitions))
    return {
        "us": {name: summary(each) for name, each in values.items()},
        "times_longer": summary(ratios(values, _MANY, _FEW)),
    }


def _loop(sizes: Sizes) -> dict[str, functools.partial[float]]:
    return {
        name: functools.partial(SteadyTrainer(rows).step_us, sizes.replay_steps)
        for name, rows in ((_FEW, sizes.few_rows), (_MANY, sizes.many_rows))
    }


class SteadyTrainer:
    """A trainer that has filled its replay memory with ``rows`` env steps, and goes on when asked.

    It learns next to nothing (its learning rate is tiny): so trainers with different memories play the same policy,
    and their steps cost the same but for the memory.
    """

    def __init__(self, rows: int) -> None:
        config = speed_config(
            "CartPole-v1", 1_000_000_000, buffer_size=rows, warmup_steps=rows, learning_rate=1e-12, compute="fused"
        )
        self._events = Trainer(config).events()
        while self._next_progress().phase is not Phase.TRAINING:
            pass

    def _next_progress(self) -> Progress:
        return next(event for event in self._events if isinstance(event, Progress))

    def step_us(self, env_steps: int) -> float:
        """Microseconds of an env step with its update, over at least ``env_steps``."""
        first, started_at = self._next_progress(), time.perf_counter()
        last = self._next_progress()
        while last.env_step - first.env_step < env_steps:
            last = self._next_progress()
        return 1e6 * (time.perf_counter() - started_at) / (last.env_step - first.env_step)


def _update(observation_size: int, sizes: Sizes) -> dict[str, functools.partial[float]]:
    config = speed_config("CartPole-v1", 1, compute="fused")
    learner, _ = make_learner(config, observation_size, N_ACTIONS, np.random.default_rng(0))
    return {
        name: functools.partial(_draw_and_update_us, learner, filled_replay(rows, observation_size), sizes.piece_s)
        for name, rows in ((_FEW, sizes.few_rows), (_MANY, sizes.many_rows))
    }


def _draw_and_update_us(learner: Learner, replay: ReplayBuffer, seconds: float) -> float:
    generator = np.random.default_rng(1)
    return microseconds_each(lambda: learner.update(replay, replay.sample_indices(generator, 128)), seconds)
