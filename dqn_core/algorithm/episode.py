"""One episode in an environment: the one place that resets and steps whatever is trained, evaluated or replayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

__all__ = ["Environment", "Episode", "generator_state", "set_generator_state"]

Environment = gym.Env[np.ndarray, Any]
"""One with a flat Box observation and Discrete actions."""


class Episode:
    """An episode from its reset on: how it was reset, what was done, and where it stands."""

    def __init__(self, environment: Environment, seed: int | None, generator: Mapping[str, Any] | None = None) -> None:
        """Reset ``environment``: with ``seed``, or with its own generator, which is set to ``generator`` if given."""
        actions = environment.action_space
        assert isinstance(actions, Discrete)  # noqa: S101  make_environment has refused every other
        self.environment = environment
        self._first_action, self.n_actions = int(actions.start), int(actions.n)
        self.seed = seed
        """Of the reset; None where the environment went on with its own generator."""
        if generator is not None:
            set_generator_state(environment, generator)
        self.generator = None if seed is not None else generator_state(environment)
        """State of that generator before the reset."""
        observation, _ = environment.reset(seed=seed)
        self.observation: NDArray[np.float32] = np.array(observation, np.float32)
        """[D], the newest; a copy, for the environment may change its own in place."""
        self.actions: list[int] = []
        """Numbered from 0, whatever the environment's own numbers are."""
        self.episode_return = 0.0
        """Sum of the rewards so far, added up in their order."""
        self.terminated = self.truncated = False
        self.is_over = False
        """Whether it has terminated or was truncated."""

    @property
    def length(self) -> int:
        """Env steps so far."""
        return len(self.actions)

    def step(self, action: int) -> float:
        """Take ``action``, numbered from 0; returns its reward."""
        observation, reward, terminated, truncated, _ = self.environment.step(self._first_action + action)
        self.observation = np.array(observation, np.float32)
        self.actions.append(action)
        reward = float(reward)
        self.episode_return += reward
        if terminated or truncated:
            self.terminated, self.truncated, self.is_over = bool(terminated), bool(truncated), True
        return reward


def generator_state(environment: Environment) -> dict[str, Any]:
    """State of the environment's own random generator."""
    return dict(environment.unwrapped.np_random.bit_generator.state)


def set_generator_state(environment: Environment, state: Mapping[str, Any]) -> None:
    """Put the environment's own random generator into ``state``."""
    environment.unwrapped.np_random.bit_generator.state = state
