"""Networks that never saw any training, for tests that need one to act."""

from __future__ import annotations

import numpy as np

from dqn_core.algorithm.compute import make_learner
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment

Weights = dict[str, np.ndarray]


def some_weights(config: TrainingConfig, seed: int = 3) -> Weights:
    """Weights as a run with ``config`` may begin with."""
    report = inspect_environment(config.env_id)
    generator = np.random.default_rng(seed)
    return make_learner(config, report.observation_size, report.n_actions, generator, report.picture)[0].weights()


def always(action: int, config: TrainingConfig) -> Weights:
    """Weights of a network that prefers one action everywhere."""
    weights = {name: np.zeros_like(array) for name, array in some_weights(config).items()}
    list(weights.values())[-1][action] = 1.0
    return weights
