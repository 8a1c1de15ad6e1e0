"""An episode that a person plays: one env step at a time, each with a picture."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from dqn_core.environments.make import (
    action_range,
    can_draw,
    close_environment,
    make_environment,
    render_jpeg,
    set_decorated,
)
from dqn_core.errors import RolloutError, mark
from dqn_core.training.rollout import check_episode

__all__ = ["HumanEpisode"]


class HumanEpisode:
    """One episode from its reset with ``seed`` on: the same start that a rollout on this seed has.

    Parameters
    ----------
    max_episode_steps
        Env steps after which it is cut off; None for the environment's own limit.
    idle_actions
        Taken in turn where no action is given; empty: the last one given is kept.

    Raises
    ------
    RolloutError
        The seed is out of range, or the environment draws no pictures.
    UnsupportedEnvironmentError
        The environment is not installed here.
    """

    def __init__(self, env_id: str, max_episode_steps: int | None, seed: int, idle_actions: Sequence[int] = ()) -> None:
        check_episode(seed, epsilon=0.0)
        self._environment = make_environment(env_id, max_episode_steps)
        if not can_draw(self._environment):
            close_environment(self._environment)
            raise RolloutError(mark("{env_id} draws no pictures: nobody could play it."), env_id=env_id)
        set_decorated(self._environment, on=True)
        self._environment.reset(seed=seed)
        self._first_action, self.n_actions = action_range(self._environment)
        self._idle = itertools.cycle(idle_actions) if idle_actions else None
        self._last_action = 0
        self.episode_return = 0.0
        self.length = 0
        self.terminated = self.truncated = False

    @property
    def is_over(self) -> bool:
        """Whether it has terminated or was truncated."""
        return self.terminated or self.truncated

    def step(self, action: int | None) -> None:
        """One env step with ``action``, numbered from 0; None where the player holds no key."""
        if action is None:
            action = next(self._idle) if self._idle is not None else self._last_action
        self._last_action = action
        _, reward, terminated, truncated, _ = self._environment.step(self._first_action + action)
        self.episode_return += float(reward)
        self.length += 1
        self.terminated, self.truncated = bool(terminated), bool(truncated)

    def picture(self) -> bytes:
        """The present state as JPEG."""
        return render_jpeg(self._environment) or b""

    def close(self) -> None:
        """Let go of the environment."""
        close_environment(self._environment)
