"""One episode of a trained agent, kept step by step, so that it can be looked at, drawn and filmed.

``roll_out`` plays it without pictures; ``render_rollout`` plays the same actions again from the same seed and draws.
A greedy rollout's return is that of :func:`~dqn_core.training.evaluation.evaluate` on the same seed: both make the
environment and choose the actions alike.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.learner import Learner
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import (
    action_range,
    can_draw,
    close_environment,
    make_environment,
    render_pixels,
    set_decorated,
)
from dqn_core.errors import DqnLabError, RolloutError, mark
from dqn_core.training.evaluation import policy_with

__all__ = ["LARGEST_SEED", "Rollout", "check_episode", "check_evaluation", "render_rollout", "roll_out"]

LARGEST_SEED = 2**31 - 1
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rollout:
    """An episode of T env steps in an environment of D numbers and A actions."""

    seed: int
    """Of the environment's reset."""
    epsilon: float
    """Probability of a random action."""
    observations: NDArray[np.float32]
    """[T + 1, D]; the last one is what the episode ended in."""
    actions: NDArray[np.int64]
    """[T], numbered from 0, whatever the environment's own numbers are."""
    is_greedy: NDArray[np.bool_]
    """[T]: whether the network chose the action; False where chance did, even if it chose the same."""
    rewards: NDArray[np.float64]
    """[T]"""
    q_values: NDArray[np.float32]
    """[T, A] of the first T observations, as the network says them one by one."""
    terminated: bool
    truncated: bool

    @property
    def length(self) -> int:
        """Env steps T."""
        return len(self.actions)

    @property
    def episode_return(self) -> float:
        """Sum of the rewards, added up in their order."""
        return float(sum(self.rewards.tolist()))

    def discounted_returns(self, gamma: float) -> NDArray[np.float64]:
        """[T]: ``G_t = r_t + gamma r_{t+1} + gamma^2 r_{t+2} + ...`` to the episode's end (Sutton & Barto, eq. 3.8).

        What a truncated episode would have brought after its end is in none of them.
        """
        returns = np.empty(self.length)
        following = 0.0
        for step in range(self.length - 1, -1, -1):
            following = float(self.rewards[step]) + gamma * following
            returns[step] = following
        return returns


def roll_out(
    config: TrainingConfig,
    weights: Mapping[str, NDArray[np.float32]],
    seed: int,
    epsilon: float = 0,
    on_step: Callable[[], object] | None = None,
) -> Rollout:
    """Play one episode with a trained network.

    Parameters
    ----------
    config
        Of the run that the weights are from: its environment and its network.
    weights
        The online network's, as :meth:`Learner.weights` gives them.
    seed
        Of the environment's reset and of the random actions, 0 to 2**31 - 1.
    epsilon
        Probability of a random action; 0 for the greedy policy.
    on_step
        Called after each env step; what it raises breaks off.

    Raises
    ------
    RolloutError
        The seed or epsilon is out of range.
    RunFolderError
        The weights do not fit the config's network.
    UnsupportedEnvironmentError
        The environment is not installed here.
    """
    check_episode(seed, epsilon)
    learner = policy_with(config, weights)
    environment = make_environment(config.env_id, config.max_episode_steps)
    try:
        return _play(environment, learner, seed, epsilon, on_step)
    finally:
        close_environment(environment)


def render_rollout(config: TrainingConfig, rollout: Rollout) -> Generator[NDArray[np.uint8], None, None]:
    """Pictures [height, width, 3] of a rollout's T + 1 states, drawn while its actions are played again.

    Gives none where the environment draws no pictures.

    Raises
    ------
    RolloutError
        The environment did not repeat the episode: it draws on randomness that its seed does not set.
    UnsupportedEnvironmentError
        The environment is not installed here.
    """
    environment = make_environment(config.env_id, config.max_episode_steps)
    try:
        if can_draw(environment):
            set_decorated(environment, on=True)  # engines show their flames; the motion is the same, and checked
            yield from _draw(environment, rollout, config.env_id)
    finally:
        close_environment(environment)


def check_episode(seed: int, epsilon: float) -> None:
    """Refuse a seed or an epsilon that is out of range with :class:`RolloutError`."""
    if not 0 <= seed <= LARGEST_SEED:
        template = mark("An episode's seed is a whole number from 0 to {largest}, not {seed}.")
        raise RolloutError(template, largest=LARGEST_SEED, seed=seed)
    if not (math.isfinite(epsilon) and 0.0 <= epsilon <= 1.0):
        template = mark("Epsilon is a probability from 0 (greedy) to 1 (random), not {epsilon}.")
        raise RolloutError(template, epsilon=epsilon)


def as_rollout_error(error: Exception) -> DqnLabError:
    """``error`` as something to show; what an environment's own code raised goes to the log with its traceback too."""
    if isinstance(error, DqnLabError):
        return error
    _LOG.error("An episode could not be played", exc_info=error)
    template = mark("The episode could not be played ({kind}: {cause}).")
    return RolloutError(template, kind=type(error).__name__, cause=error)


def check_evaluation(episodes: int, seed: int, most: int) -> None:
    """Refuse more than ``most`` episodes, fewer than one, or a first seed out of range with :class:`RolloutError`."""
    if not 1 <= episodes <= most:
        template = mark("An evaluation takes 1 to {most} episodes, not {episodes}.")
        raise RolloutError(template, most=most, episodes=episodes)
    if not 0 <= seed <= LARGEST_SEED - episodes:
        template = mark("The first episode's seed is a whole number from 0 to {largest}, not {seed}.")
        raise RolloutError(template, largest=LARGEST_SEED - episodes, seed=seed)


def _play(
    environment: gym.Env[np.ndarray, Any],
    learner: Learner,
    seed: int,
    epsilon: float,
    on_step: Callable[[], object] | None,
) -> Rollout:
    chance = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])  # independent of the environment's own
    first_action, n_actions = action_range(environment)
    observation, _ = environment.reset(seed=seed)
    observations = [np.array(observation, dtype=np.float32)]
    actions, greedy, rewards, q_values = [], [], [], []
    terminated = truncated = False
    while not (terminated or truncated):
        seen = observations[-1]
        is_greedy = epsilon == 0.0 or chance.random() >= epsilon
        action = learner.act(seen) if is_greedy else int(chance.integers(n_actions))
        q_values.append(learner.q_values(seen[None])[0])
        observation, reward, terminated, truncated, _ = environment.step(first_action + action)
        observations.append(np.array(observation, dtype=np.float32))
        actions.append(action)
        greedy.append(is_greedy)
        rewards.append(float(reward))
        if on_step is not None:
            on_step()
    return Rollout(
        seed=seed,
        epsilon=epsilon,
        observations=np.stack(observations),
        actions=np.array(actions),
        is_greedy=np.array(greedy),
        rewards=np.array(rewards),
        q_values=np.stack(q_values),
        terminated=bool(terminated),
        truncated=bool(truncated),
    )


def _draw(environment: gym.Env[np.ndarray, Any], rollout: Rollout, env_id: str) -> Iterator[NDArray[np.uint8]]:
    first_action, _ = action_range(environment)
    observation, _ = environment.reset(seed=rollout.seed)
    _check_repeated(observation, rollout, 0, env_id)
    yield render_pixels(environment)
    for step, action in enumerate(rollout.actions.tolist(), start=1):
        observation, *_ = environment.step(first_action + action)
        _check_repeated(observation, rollout, step, env_id)
        yield render_pixels(environment)


def _check_repeated(observation: np.ndarray, rollout: Rollout, step: int, env_id: str) -> None:
    if not np.array_equal(np.asarray(observation, dtype=np.float32), rollout.observations[step], equal_nan=True):
        template = mark("{env_id} did not repeat itself at step {step}: its episodes cannot be drawn afterwards.")
        raise RolloutError(template, env_id=env_id, step=step)
