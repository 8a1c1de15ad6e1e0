"""The training episode that runs now, kept so that it can be taken up again in another process.

Few environments can save their state (a Box2D world cannot), but most repeat themselves: the same reset and the same
actions lead to the same state. So an episode remembers how it was reset and what was done.
"""

from __future__ import annotations

from typing import Any, Self

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dqn_core.environments.make import action_range

__all__ = ["RunningEpisode", "generator_state", "set_generator_state"]

Environment = gym.Env[np.ndarray, Any]


class RunningEpisode:
    """One episode from its reset on."""

    def __init__(self, environment: Environment, seed: int | None, generator: dict[str, Any] | None = None) -> None:
        """Reset ``environment``: with ``seed``, or with its own generator, which is set to ``generator`` if given."""
        self.seed = seed
        """Of the reset; None where the environment went on with its own generator."""
        if generator is not None:
            set_generator_state(environment, generator)
        self.generator = None if seed is not None else generator_state(environment)
        """State of that generator before the reset."""
        observation, _ = environment.reset(seed=seed)
        self.observation: NDArray[np.float32] = np.array(observation, dtype=np.float32)
        """[D], the newest; a copy, for the environment may change its own in place."""
        self.episode_return = 0.0
        self.actions: list[int] = []
        """Numbered from 0, whatever the environment's own numbers are."""
        self.pending: tuple[int, bool] | None = None
        """(action, whether it is greedy) chosen for the newest observation and not taken yet."""
        self.terminated = self.truncated = False

    @property
    def length(self) -> int:
        """Env steps so far."""
        return len(self.actions)

    @property
    def is_over(self) -> bool:
        """Whether it has terminated or was truncated."""
        return self.terminated or self.truncated

    def stand_at(self, observation: NDArray[np.float32], *, terminated: bool, truncated: bool) -> None:
        """The newest observation [D] and whether it is the last; no action is chosen for it yet."""
        self.observation, self.pending = observation, None
        self.terminated, self.truncated = bool(terminated), bool(truncated)

    def state(self) -> dict[str, Any]:
        """All that :meth:`restored` needs, as JSON values."""
        return {
            "seed": self.seed,
            "generator": self.generator,
            "actions": self.actions.copy(),  # the episode goes on while a checkpoint is on its way
            "pending": self.pending,
            "observation": self.observation.tolist(),
        }

    @classmethod
    def restored(cls, environment: Environment, state: dict[str, Any]) -> Self | None:
        """The episode of ``state``, played again; None where the environment did not lead to the same observation."""
        episode = cls(environment, state["seed"], state["generator"])
        first_action, _ = action_range(environment)
        for action in state["actions"]:
            observation, reward, terminated, truncated, _ = environment.step(first_action + action)
            episode.actions.append(action)
            episode.episode_return += float(reward)
            episode.stand_at(np.array(observation, dtype=np.float32), terminated=terminated, truncated=truncated)
        episode.pending = None if state["pending"] is None else (int(state["pending"][0]), bool(state["pending"][1]))
        return episode if episode.observation.tolist() == state["observation"] else None


def generator_state(environment: Environment) -> dict[str, Any]:
    """State of the environment's own random generator."""
    return dict(environment.unwrapped.np_random.bit_generator.state)


def set_generator_state(environment: Environment, state: dict[str, Any]) -> None:
    """Put the environment's own random generator into ``state``."""
    environment.unwrapped.np_random.bit_generator.state = state
