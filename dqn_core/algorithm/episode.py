"""One episode in an environment: the one place that resets and steps whatever is trained, evaluated or replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.networks import PictureShape
from dqn_core.config import Arguments

__all__ = ["Environment", "Episode", "RewardFormula"]

RewardFormula = Callable[[NDArray[np.float32], int, float, NDArray[np.float32], bool, bool, int], float]
"""The reward to learn from: of (observation before [D], action, reward, observation after [D], terminated, truncated,
env steps of the episode so far)."""


class Environment(Protocol):
    """What an episode asks of an environment: Gymnasium's ``reset`` and ``step``, and a generator that can be saved.

    Nothing is checked that it gives: :class:`~dqn_core.environments.door.CheckedEnvironment` has done so.
    """

    env_kwargs: Arguments
    """What it was made with; another from the next reset on where it is changed."""
    observation_size: int
    """D"""
    picture: PictureShape | None
    """How the numbers of an observation lie where it is a picture; None where it is none."""
    n_actions: int

    def reset(self, *, seed: int | None = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode, with its own generator where no seed is given: (observation [D], info)."""
        ...

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take ``action``, numbered from 0: (a new observation [D], reward, terminated, truncated, info)."""
        ...

    def generator_state(self) -> dict[str, Any]:
        """State of the generator that a reset without a seed goes on with, as JSON values."""
        ...

    def set_generator_state(self, state: Mapping[str, Any]) -> None:
        """Put that generator into ``state``; raises TypeError, ValueError or KeyError for what is none."""
        ...


class Episode:
    """An episode from its reset on: how it was reset, what was done, and where it stands."""

    def __init__(self, environment: Environment, seed: int | None, generator: Mapping[str, Any] | None = None) -> None:
        """Reset ``environment``: with ``seed``, or with its own generator, which is set to ``generator`` if given."""
        self.environment = environment
        self.n_actions = environment.n_actions
        self.seed = seed
        """Of the reset; None where the environment went on with its own generator."""
        if generator is not None:
            environment.set_generator_state(generator)
        self.generator = None if seed is not None else environment.generator_state()
        """State of that generator before the reset."""
        self.observation, _ = environment.reset(seed=seed)
        """[D], the newest."""
        self.env_kwargs = environment.env_kwargs.to_dict()
        """Arguments of the environment in this episode."""
        self.actions: list[int] = []
        """Numbered from 0."""
        self.episode_return = 0.0
        """Sum of the rewards so far, added up in their order."""
        self.shaped_return: float | None = None
        """The same of the rewards that a formula gives in their place; None as long as none was computed."""
        self.terminated = self.truncated = False
        self.is_over = False
        """Whether it has terminated or was truncated."""

    @property
    def length(self) -> int:
        """Env steps so far."""
        return len(self.actions)

    def step(self, action: int) -> float:
        """Take ``action``, numbered from 0; returns its reward."""
        self.observation, reward, terminated, truncated, _ = self.environment.step(action)
        self.actions.append(action)
        self.episode_return += reward
        if terminated or truncated:
            self.terminated, self.truncated, self.is_over = terminated, truncated, True
        return reward

    def shaped(self, formula: RewardFormula, previous: NDArray[np.float32], reward: float) -> float:
        """What ``formula`` makes of the newest step's ``reward``, counted into :attr:`shaped_return`.

        ``previous`` is the observation [D] before that step.
        """
        value = formula(
            previous, self.actions[-1], reward, self.observation, self.terminated, self.truncated, len(self.actions)
        )
        self.shaped_return = value + (
            self.episode_return - reward if self.shaped_return is None else self.shaped_return
        )
        return value
