"""An episode: played by a network, kept as its seed and its actions, and replayed from them.

Whoever plays calls :meth:`Episode.step <dqn_core.algorithm.episode.Episode.step>`, which nothing else does in its
place. ``greedy_episode`` plays for the return alone; ``roll_out`` keeps the episode step by step, to be looked at;
``replay`` takes the actions of an episode that is over, and checks that the environment repeats itself.
"""

from __future__ import annotations

import functools
import logging
import math
import operator
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.episode import Environment, Episode, RewardFormula
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.networks import as_trained
from dqn_core.config import Arguments, EnvironmentChoice, TrainingConfig
from dqn_core.environments.make import inspect_environment, make_environment
from dqn_core.environments.settings import reward_formula
from dqn_core.errors import (
    ConfigError,
    DqnLabError,
    EnvironmentFailedError,
    RolloutError,
    UnavailableComputeError,
    mark,
)
from dqn_core.events import EpisodeRecorded

__all__ = [
    "LARGEST_SEED",
    "RecordedEpisode",
    "Rollout",
    "as_rollout_error",
    "check_episode",
    "check_evaluation",
    "environment_of",
    "greedy_episode",
    "policy_with",
    "replay",
    "roll_out",
]

LARGEST_SEED = 2**31 - 1
_LOG = logging.getLogger(__name__)


# ---------------------------------------------------------------------------------------------- played by a network


def greedy_episode(
    environment: Environment,
    learner: Learner,
    seed: int,
    epsilon: float = 0.0,
    formula: RewardFormula | None = None,
) -> Generator[None, None, Episode]:
    """Play one greedy episode; yields after each env step.

    An ``epsilon`` above 0, drawn by ``seed`` too, makes it an episode that is not greedy. With a reward ``formula``
    its shaped return is counted too.
    """
    exploration = np.random.default_rng(seed)
    episode = Episode(environment, seed)
    while not episode.is_over:
        if epsilon > 0.0 and exploration.random() < epsilon:
            action = int(exploration.integers(episode.n_actions))
        else:
            action = learner.act(episode.observation)
        before = episode.observation
        reward = episode.step(action)
        if formula is not None:
            episode.shaped(formula, before, reward)
        yield
    return episode


@dataclass(frozen=True, kw_only=True, eq=False)
class Rollout:
    """An episode of T env steps in an environment of D numbers and A actions, kept step by step."""

    seed: int
    """Of the environment's reset."""
    epsilon: float
    """Probability of a random action."""
    observations: NDArray[np.float32] | NDArray[np.uint8]
    """[T + 1, D]; the last one is what the episode ended in. Pictures of bytes, or of 0 and 1, are kept as bytes."""
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
    env_kwargs: Mapping[str, Any] | None = None
    """Arguments of the environment that it was played in; None for those of the run's config."""
    shaped_rewards: NDArray[np.float64] | None = None
    """[T]: the rewards that the run's formula gives in place of the environment's; None without a formula."""

    @property
    def length(self) -> int:
        """Env steps T."""
        return len(self.actions)

    @property
    def episode_return(self) -> float:
        """Sum of the rewards, added up in their order."""
        return functools.reduce(operator.add, self.rewards.tolist(), 0.0)  # sum() corrects its rounding from 3.12 on

    def discounted_returns(self, gamma: float) -> NDArray[np.float64]:
        """[T]: ``G_t = r_t + gamma r_{t+1} + gamma^2 r_{t+2} + ...`` to the episode's end (Sutton & Barto, eq. 3.8).

        They are of the rewards that the network learned from, which are those that a formula gives where there is one:
        so they can be compared with its Q-values. What a truncated episode would have brought after its end is in none.
        """
        rewards = self.rewards if self.shaped_rewards is None else self.shaped_rewards
        returns = np.empty(self.length)
        following = 0.0
        for step in range(self.length - 1, -1, -1):
            following = float(rewards[step]) + gamma * following
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

    A greedy rollout's return is that of :func:`~dqn_core.training.evaluation.evaluate` on the same seed.

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
    environment = make_environment(*config.environment)
    try:
        kept = environment.layout.kept if environment.layout else _as_it_is
        formula = reward_formula(config)
        return _rolled_out(Episode(environment, seed), learner, epsilon, formula, on_step=on_step, kept=kept)
    finally:
        environment.close()


def _as_it_is(observation: NDArray[np.float32]) -> NDArray[Any]:
    return observation


def _rolled_out(  # noqa: PLR0913  what is played, and by whom, and what is kept of it
    episode: Episode,
    learner: Learner,
    epsilon: float,
    formula: RewardFormula | None,
    *,
    on_step: Callable[[], object] | None,
    kept: Callable[[NDArray[np.float32]], NDArray[Any]],
) -> Rollout:
    assert episode.seed is not None  # noqa: S101  a rollout is reset with one
    chance = np.random.default_rng(np.random.SeedSequence(episode.seed).spawn(1)[0])  # not the environment's own
    observations, greedy, rewards, q_values = [kept(episode.observation)], [], [], []
    shaped: list[float] = []
    while not episode.is_over:
        seen = episode.observation
        is_greedy = epsilon == 0.0 or chance.random() >= epsilon
        action = learner.act(seen) if is_greedy else int(chance.integers(episode.n_actions))
        q_values.append(learner.q_values(seen[None])[0])
        rewards.append(episode.step(action))
        if formula is not None:
            shaped.append(episode.shaped(formula, seen, rewards[-1]))
        observations.append(kept(episode.observation))
        greedy.append(is_greedy)
        if on_step is not None:
            on_step()
    return Rollout(
        seed=episode.seed,
        epsilon=epsilon,
        observations=np.stack(observations),
        actions=np.array(episode.actions),
        is_greedy=np.array(greedy),
        rewards=np.array(rewards),
        q_values=np.stack(q_values),
        terminated=episode.terminated,
        truncated=episode.truncated,
        env_kwargs=episode.env_kwargs,
        shaped_rewards=np.array(shaped) if formula is not None else None,
    )


def policy_with(
    config: TrainingConfig, weights: Mapping[str, np.ndarray], *, compute: Literal["fused", "torch-cpu"] = "fused"
) -> Learner:
    """A learner with ``weights``: the fused one, fast on one observation at a time, where it covers the network.

    With ``compute="torch-cpu"`` it is torch's, whose gradients can be asked for.

    Raises
    ------
    RunFolderError
        The weights are not those of the config's network in its environment; the message names the array.
    UnsupportedEnvironmentError
        The environment is not installed here.
    """
    environment = inspect_environment(*config.environment)
    asked = (
        environment.observation_size,
        environment.n_actions,
        np.random.default_rng(config.seed),
        environment.picture,
    )
    config = as_trained(config, weights, environment.picture)
    try:
        learner, _ = make_learner(config.replace(compute=compute, mixed_precision=False), *asked)  # of updates alone
    except (ConfigError, UnavailableComputeError):  # a kind of network that it does not know, or no numba
        learner, _ = make_learner(config.replace(compute="torch-cpu"), *asked)
    learner.load_weights(weights)
    return learner


# ---------------------------------------------------------------------------------------------------------- replayed

RecordedEpisode = Rollout | EpisodeRecorded
"""An episode as data, which :func:`replay` can play again."""


def environment_of(recorded: RecordedEpisode, config: TrainingConfig) -> EnvironmentChoice:
    """The environment that an episode of a run with ``config`` was played in, before live changes perhaps."""
    if recorded.env_kwargs is None:
        return config.environment
    return config.environment._replace(env_kwargs=Arguments(recorded.env_kwargs))


def replay(
    environment: Environment, recorded: RecordedEpisode, env_id: str, most_steps: int | None = None
) -> Iterator[Episode]:
    """Play an episode again: yields it at its reset and after each step, ``most_steps`` at most.

    A rollout is compared with the environment's observations in every step, a recording of a run by its return.

    Raises
    ------
    RolloutError
        The environment, called ``env_id``, does not repeat itself: it draws on randomness that its seed does not set.
    """
    generator = recorded.generator if isinstance(recorded, EpisodeRecorded) else None
    try:
        episode = Episode(environment, recorded.seed, generator)
    except (TypeError, ValueError, KeyError) as error:  # a generator's state that is none
        raise _not_repeated(env_id, 0) from error
    for action in [None, *map(int, recorded.actions[:most_steps])]:
        if action is not None:
            episode.step(action)
        if not _is_repeated(episode, recorded):
            raise _not_repeated(env_id, episode.length)
        yield episode


def _is_repeated(episode: Episode, recorded: RecordedEpisode) -> bool:
    if isinstance(recorded, Rollout):
        return np.array_equal(episode.observation, recorded.observations[episode.length])
    if episode.length < len(recorded.actions):
        return True
    return episode.episode_return == recorded.episode_return


def _not_repeated(env_id: str, step: int) -> RolloutError:
    template = mark("{env_id} did not repeat itself exactly at step {step}: its episodes cannot be drawn afterwards.")
    return RolloutError(template, env_id=env_id, step=step)


# ----------------------------------------------------------------------------------------------------------- refused


def check_episode(seed: int, epsilon: float) -> None:
    """Refuse a seed or an epsilon that is out of range with :class:`RolloutError`."""
    if not 0 <= seed <= LARGEST_SEED:
        template = mark("The seed of an episode is a whole number from 0 to {largest}, not {seed}.")
        raise RolloutError(template, largest=LARGEST_SEED, seed=seed)
    if not (math.isfinite(epsilon) and 0.0 <= epsilon <= 1.0):
        template = mark("Epsilon is a probability from 0 (greedy) to 1 (random), not {epsilon}.")
        raise RolloutError(template, epsilon=epsilon)


def check_evaluation(episodes: int, seed: int, most: int) -> None:
    """Refuse more than ``most`` episodes, fewer than one, or a first seed out of range with :class:`RolloutError`."""
    if not 1 <= episodes <= most:
        template = mark("An evaluation takes 1 to {most} episodes, not {episodes}.")
        raise RolloutError(template, most=most, episodes=episodes)
    if not 0 <= seed <= LARGEST_SEED - episodes:
        template = mark("The first episode's seed is a whole number from 0 to {largest}, not {seed}.")
        raise RolloutError(template, largest=LARGEST_SEED - episodes, seed=seed)


def as_rollout_error(error: Exception) -> DqnLabError:
    """``error`` as something to show; what an environment's own code raised goes to the log with its traceback too."""
    if not isinstance(error, DqnLabError) or isinstance(error, EnvironmentFailedError):
        _LOG.error("An episode could not be played", exc_info=error)
    if isinstance(error, DqnLabError):
        return error
    template = mark("The episode could not be played ({kind}: {cause}).")
    return RolloutError(template, kind=type(error).__name__, cause=error)
