"""An episode whose actions a person chooses, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.environments.make import (
    action_range,
    close_environment,
    make_environment,
    render_jpeg,
    set_decorated,
)
from dqn_core.errors import RolloutError, mark

__all__ = ["HandEpisode", "play_by_hand"]


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
    """JPEG of the state that the last action was chosen in; None before the first, or where nothing can be drawn."""
    picture: bytes | None
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
    RolloutError
        Its own code failed.
    """
    environment = make_environment(config.env_id, config.max_episode_steps)
    try:
        return _played(environment, seed, actions)
    except Exception as error:  # an environment is other people's code
        template = mark("The episode could not be played ({kind}: {cause}).")
        raise RolloutError(template, kind=type(error).__name__, cause=error) from error
    finally:
        close_environment(environment)


def _played(environment: gym.Env[np.ndarray, Any], seed: int, actions: Sequence[int]) -> HandEpisode:
    first_action, _ = action_range(environment)
    observation, _ = environment.reset(seed=seed)
    observations, rewards = [np.array(observation, np.float32)], []
    terminated = truncated = False
    before, now = None, None if actions else render_jpeg(environment)
    for number, action in enumerate(actions):
        is_last = number == len(actions) - 1
        if is_last:
            before = render_jpeg(environment)
            set_decorated(environment, on=True)  # engines show their flames
        observation, reward, terminated, truncated, _ = environment.step(first_action + action)
        observations.append(np.array(observation, np.float32))
        rewards.append(float(reward))
        if is_last or terminated or truncated:
            now = render_jpeg(environment)
            break
    return HandEpisode(
        observations=np.stack(observations),
        actions=tuple(actions[: len(rewards)]),
        rewards=tuple(rewards),
        terminated=bool(terminated),
        truncated=bool(truncated),
        picture_before=before,
        picture=now,
    )
