"""Environments that observe pictures, small enough to train in; registered with Gymnasium under ``DqnLabTest/``."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import FrameStackObservation

CATCH = "DqnLabTest/Catch-v0"
"""10 x 10 points of two channels, bool."""
CATCH_STACK = "DqnLabTest/CatchStack-v0"
"""The last four frames of 40 x 40 grey points, channels first."""
CATCH_GREY = "DqnLabTest/CatchGrey-v0"
"""10 x 10 points of one channel, float from 0 to 1."""

_SIDE = 10


class Catch(gym.Env[np.ndarray, int]):
    """A ball falls; left, stay and right move the paddle at the bottom below it. Caught or not: reward 1 or -1."""

    def __init__(self, balls: int = 1) -> None:
        self.observation_space = Box(0, 1, (_SIDE, _SIDE, 2), bool)
        self.action_space = Discrete(3)
        self.balls = balls

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.left, self.paddle = self.balls, _SIDE // 2
        self._drop()
        return self._observe(), {}

    def _drop(self) -> None:
        self.row, self.column = 0, int(self.np_random.integers(_SIDE))

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.paddle = min(max(self.paddle + int(action) - 1, 0), _SIDE - 1)
        self.row += 1
        reward = 0.0
        if self.row == _SIDE - 1:
            reward = 1.0 if abs(self.column - self.paddle) <= 1 else -1.0
            self.left -= 1
        observation = self._observe()
        if reward and self.left:
            self._drop()
        return observation, reward, self.left == 0, False, {}

    def _observe(self) -> np.ndarray:
        picture = np.zeros((_SIDE, _SIDE, 2), bool)
        picture[self.row, self.column, 0] = True
        picture[_SIDE - 1, self.paddle, 1] = True
        return picture


class _Grey(gym.ObservationWrapper[np.ndarray, int, np.ndarray]):
    """Ball and paddle in two shades of grey, each point ``scale`` x ``scale`` large."""

    def __init__(self, environment: gym.Env[np.ndarray, int], scale: int, dtype: type) -> None:
        super().__init__(environment)
        self._scale, self._high = scale, 255 if dtype is np.uint8 else 1.0
        side = _SIDE * scale
        shape = (side, side) if dtype is np.uint8 else (side, side, 1)
        self.observation_space = Box(0, self._high, shape, dtype)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        shades = (observation[..., 0] * self._high) + (observation[..., 1] * (0.5 * self._high))
        large = np.kron(shades.clip(0, self._high), np.ones((self._scale, self._scale)))
        return large.reshape(self.observation_space.shape).astype(self.observation_space.dtype)


def _stack(**arguments: Any) -> gym.Env[np.ndarray, int]:
    return FrameStackObservation(_Grey(Catch(**arguments), 4, np.uint8), 4)


def _grey(**arguments: Any) -> gym.Env[np.ndarray, int]:
    return _Grey(Catch(**arguments), 1, np.float32)


def register() -> None:
    """Make the environments known to ``gym.make``; harmless when called again."""
    if CATCH not in gym.registry:
        for env_id, maker in {CATCH: Catch, CATCH_STACK: _stack, CATCH_GREY: _grey}.items():
            gym.register(env_id, maker, max_episode_steps=100)
