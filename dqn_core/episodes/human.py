"""Episodes whose actions a person chooses: in real time with keys, or one after the other by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.episode import Episode
from dqn_core.config import EnvironmentChoice, TrainingConfig
from dqn_core.environments.door import CheckedEnvironment
from dqn_core.environments.make import make_environment
from dqn_core.episodes.episode import check_episode
from dqn_core.errors import EnvironmentFailedError

__all__ = ["HandEpisode", "HumanEpisode", "play_by_hand"]


class HumanEpisode(Episode):
    """An episode that a person plays with keys, each env step with a picture.

    Parameters
    ----------
    choice
        The environment.
    seed
        Of the reset: the same start that a rollout on this seed has.
    idle_actions
        Taken in turn where no key is held; empty: the last action is repeated.

    Raises
    ------
    RolloutError
        The seed is out of range.
    UnsupportedEnvironmentError
        The environment is not installed here.
    """

    def __init__(self, choice: EnvironmentChoice, seed: int, idle_actions: Sequence[int] = ()) -> None:
        check_episode(seed, epsilon=0.0)
        environment = make_environment(*choice)
        environment.set_decorated(on=True)
        self._checked = environment
        try:
            super().__init__(environment, seed)
        except EnvironmentFailedError:
            environment.close()
            raise
        self._idle = itertools.cycle(idle_actions) if idle_actions else None

    def step(self, action: int | None) -> float:
        """One env step with ``action``, numbered from 0; None where the player holds no key."""
        if action is None:
            last = self.actions[-1] if self.actions else 0
            action = next(self._idle) if self._idle is not None else last
        return super().step(action)

    def picture(self) -> bytes:
        """The present state as JPEG."""
        return self._checked.draw_jpeg()

    def close(self) -> None:
        """Close the environment."""
        self._checked.close()


@dataclass(frozen=True, kw_only=True, eq=False)
class HandEpisode:
    """An episode of T steps by a person."""

    observations: NDArray[np.float32]
    """[T + 1, D]"""
    actions: tuple[int, ...]
    """[T], numbered from 0; fewer than were asked for where the episode was over before."""
    rewards: tuple[float, ...]
    """[T]"""
    terminated: bool
    truncated: bool
    picture_before: bytes | None
    """JPEG of the state that the last action was chosen in; None before the first."""
    picture: bytes
    """JPEG of the newest state."""

    @property
    def is_over(self) -> bool:
        """Whether no further action can follow."""
        return self.terminated or self.truncated


def play_by_hand(config: TrainingConfig, seed: int, actions: Sequence[int]) -> HandEpisode:
    """Play ``actions`` from the reset with ``seed``; what comes after the episode's end is left out.

    Every call begins at the reset: no environment has to be kept between two clicks.

    Raises
    ------
    UnsupportedEnvironmentError
        The environment is not installed here.
    EnvironmentFailedError
        Its own code failed.
    """
    environment = make_environment(*config.environment)
    try:
        return _played(environment, seed, actions)
    finally:
        environment.close()


def _played(environment: CheckedEnvironment, seed: int, actions: Sequence[int]) -> HandEpisode:
    episode = Episode(environment, seed)
    observations, rewards, before = [episode.observation], [], None
    for number, action in enumerate(actions, start=1):
        if number == len(actions):
            before = environment.draw_jpeg()
            environment.set_decorated(on=True)  # engines show their flames
        rewards.append(episode.step(action))
        observations.append(episode.observation)
        if episode.is_over:
            break
    return HandEpisode(
        observations=np.stack(observations),
        actions=tuple(episode.actions),
        rewards=tuple(rewards),
        terminated=episode.terminated,
        truncated=episode.truncated,
        picture_before=before,
        picture=environment.draw_jpeg(),
    )
