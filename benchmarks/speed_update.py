"""The update alone: each learner, each width of the two hidden layers, the same rows."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np

from benchmarks.measuring import interleaved, microseconds_each, ratios, summary
from benchmarks.sizes import Sizes
from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.cli.bench import speed_config

__all__ = ["filled_replay", "learners", "measure", "update_us"]

OBSERVATION_SIZE, N_ACTIONS = 8, 4
"""LunarLander's."""
_DRAWS = 64
_COMPUTES = ("fused", "torch-cpu", "torch-cuda")


def measure(sizes: Sizes) -> dict[str, Any]:
    """Microseconds of one update by width and learner, and how many of the fused one's take as long as torch's."""
    return {str(width): _measure_width(width, sizes) for width in sizes.widths}


def _measure_width(width: int, sizes: Sizes) -> dict[str, Any]:
    replay = filled_replay(sizes.few_rows, OBSERVATION_SIZE)
    contenders = {
        name: functools.partial(update_us, learner, replay, sizes.piece_s) for name, learner in learners(width).items()
    }
    for contender in contenders.values():
        contender()  # compiles, allocates, captures
    values = interleaved(contenders, max(3, sizes.repetitions))
    return {
        "us": {name: summary(each) for name, each in values.items()},
        "times_faster_than_torch_cpu": {
            name: summary(ratios(values, "torch-cpu", name)) for name in contenders if name != "torch-cpu"
        },
    }


def learners(width: int) -> dict[str, Learner]:
    """Every learner that this machine has, with two hidden layers of ``width`` and the same initial weights."""
    import torch

    names = _COMPUTES if torch.cuda.is_available() else _COMPUTES[:2]
    return {
        name: make_learner(
            speed_config("LunarLander-v3", 1, hidden_sizes=(width, width), compute=name),
            OBSERVATION_SIZE,
            N_ACTIONS,
            np.random.default_rng(0),
        )[0]
        for name in names
    }


def filled_replay(count: int, observation_size: int) -> ReplayBuffer:
    """A full replay memory of ``count`` made-up transitions."""
    generator = np.random.default_rng(0)
    replay = ReplayBuffer(count, observation_size)
    observations = generator.standard_normal((count + 1, observation_size), np.float32)
    actions = generator.integers(N_ACTIONS // 2, size=count).tolist()
    for i, action in enumerate(actions):
        replay.add(observations[i], action, 1.0, observations[i + 1], terminated=i % 50 == 0)
    return replay


def update_us(learner: Learner, replay: ReplayBuffer, seconds: float) -> float:
    """Microseconds of one update on rows drawn beforehand; a device is waited for."""
    generator, batch_size = np.random.default_rng(1), 128
    draws = itertools.cycle([replay.sample_indices(generator, batch_size) for _ in range(_DRAWS)])
    return microseconds_each(lambda: learner.update(replay, next(draws)), seconds, learner.take_statistics)
