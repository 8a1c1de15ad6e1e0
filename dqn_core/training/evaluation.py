"""Greedy episodes in an environment of their own, on given seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.episode import Environment, Episode, RewardFormula
from dqn_core.algorithm.learner import Learner
from dqn_core.config import NO_ARGUMENTS, Arguments, TrainingConfig
from dqn_core.environments.make import make_environment
from dqn_core.environments.settings import reward_formula
from dqn_core.episodes.episode import greedy_episode, policy_with
from dqn_core.training.run_folder import RunFolder

__all__ = [
    "EVALUATION_SEED",
    "EvaluationResult",
    "Evaluator",
    "evaluate",
    "evaluate_config",
    "evaluate_folder",
    "greedy_episodes",
]

EVALUATION_SEED = 1_000_000
"""Evaluation episode i is reset with EVALUATION_SEED + i, in every run, so that runs are judged on the same starts."""


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """Returns of greedy episodes; episode i was reset with ``seed + i``."""

    seed: int
    returns: tuple[float, ...]
    lengths: tuple[int, ...]
    shaped_returns: tuple[float, ...] = ()
    """Sums of the rewards that the run's formula gives, one an episode; none without a formula."""

    @property
    def mean(self) -> float:
        """Mean return."""
        return float(np.mean(self.returns))

    @property
    def std(self) -> float:
        """Standard deviation of the returns (n in the denominator)."""
        return float(np.std(self.returns))


def greedy_episodes(
    environment: Environment, learner: Learner, seeds: Iterable[int], epsilon: float = 0.0
) -> Generator[None, None, list[Episode]]:
    """Play one greedy episode on each seed; yields after each env step."""
    played = []
    for seed in seeds:
        played.append((yield from greedy_episode(environment, learner, seed, epsilon)))  # noqa: PERF401  yields cannot nest
    return played


class Evaluator:
    """Evaluates a learner again and again while it trains, each time on the next seeds, the same in every run."""

    def __init__(self) -> None:
        self.played = 0
        """Evaluation episodes so far: the next one's place among the seeds."""
        self.is_evaluating = False
        self.first: Episode | None = None
        """The newest evaluation's first episode."""
        self.best: Episode | None = None
        """The newest evaluation's episode with the highest return, the first of equals."""
        self._began_at = 0

    @property
    def next_evaluation(self) -> int:
        """What :attr:`played` has to be for the next evaluation; one that is under way begins again with it."""
        return self._began_at if self.is_evaluating else self.played

    def evaluate(
        self,
        environment: Environment,
        learner: Learner,
        config: TrainingConfig,
        *,
        epsilon: float,
        best_eval: float,
    ) -> Generator[None, None, tuple[float, bool]]:
        """Play one evaluation of ``learner``; yields after each env step.

        Returns the mean greedy return, and whether the config's goal is reached and confirmed. An evaluation as good as
        ``best_eval`` (NaN: there is none yet) is checked over further episodes, where the config wants it.
        """
        self.is_evaluating, self._began_at, self.best = True, self.played, None
        epsilon = epsilon if config.mistake_explore_in_evaluation else 0.0
        eval_return = yield from self._play(environment, learner, config.evaluation_episodes, epsilon)
        if config.recheck_episodes and not eval_return < best_eval:
            again = yield from self._play(environment, learner, config.recheck_episodes, epsilon)
            episodes = config.evaluation_episodes + config.recheck_episodes
            eval_return += (again - eval_return) * config.recheck_episodes / episodes
        goal = math.inf if config.goal_score is None else config.goal_score
        solved = eval_return > goal
        if solved and config.confirmation_episodes:
            confirmed = yield from self._play(environment, learner, config.confirmation_episodes, epsilon)
            solved = confirmed > goal
        self.is_evaluating = False
        return eval_return, solved

    def _play(
        self, environment: Environment, learner: Learner, episodes: int, epsilon: float
    ) -> Generator[None, None, float]:
        """Mean return of the next ``episodes``."""
        first_seed = EVALUATION_SEED + self.played
        self.played += episodes
        seeds = range(first_seed, first_seed + episodes)
        played = yield from greedy_episodes(environment, learner, seeds, epsilon)
        self.first = played[0]
        self.best = max([self.best, *played] if self.best else played, key=lambda each: each.episode_return)
        return math.fsum(each.episode_return for each in played) / episodes


def evaluate(  # noqa: PLR0913  whom, where, how often, from where on, how long; and who wants to hear of it
    learner: Learner,
    env_id: str,
    *,
    episodes: int,
    seed: int,
    max_episode_steps: int | None = None,
    env_kwargs: Arguments = NO_ARGUMENTS,
    formula: RewardFormula | None = None,
    on_episode: Callable[[int], object] | None = None,
) -> EvaluationResult:
    """Mean and spread of the greedy policy over ``episodes`` episodes reset with seed, seed + 1, ...

    ``on_episode`` is told the number of episodes played so far, after each. With a reward ``formula`` the shaped
    returns are there too.
    """
    environment = make_environment(env_id, max_episode_steps, env_kwargs)
    played: list[Episode] = []
    try:
        for each in range(seed, seed + episodes):
            played.append(_to_its_end(greedy_episode(environment, learner, each, formula=formula)))
            if on_episode is not None:
                on_episode(len(played))
    finally:
        environment.close()
    returns, lengths = zip(*((each.episode_return, each.length) for each in played), strict=True)
    shaped = tuple(each.shaped_return for each in played if each.shaped_return is not None)
    return EvaluationResult(seed=seed, returns=returns, lengths=lengths, shaped_returns=shaped)


def _to_its_end(episode: Generator[None, None, Episode]) -> Episode:
    while True:
        try:
            next(episode)
        except StopIteration as end:
            result: Episode = end.value
            return result


def evaluate_config(
    config: TrainingConfig,
    weights: Mapping[str, NDArray[np.float32]],
    *,
    episodes: int,
    seed: int,
    on_episode: Callable[[int], object] | None = None,
) -> EvaluationResult:
    """:func:`evaluate` a run's ``weights`` in the environment that its config evaluates in.

    Raises :class:`~dqn_core.errors.RunFolderError` where the weights do not fit the config.
    """
    environment = config.evaluation_environment
    return evaluate(
        policy_with(config, weights),
        environment.env_id,
        episodes=episodes,
        seed=seed,
        max_episode_steps=environment.max_episode_steps,
        env_kwargs=environment.env_kwargs,
        formula=reward_formula(config),
        on_episode=on_episode,
    )


def evaluate_folder(
    folder: RunFolder, snapshot: str, *, episodes: int, seed: int, config: TrainingConfig | None = None
) -> EvaluationResult:
    """:func:`evaluate_config` with the network of one of a run folder's snapshots: "best", "last", "episode-00000012".

    ``config`` is the run's own if not given. Raises :class:`~dqn_core.errors.RunFolderError` where the weights are
    missing or do not fit the config.
    """
    weights = folder.snapshot_weights(snapshot)
    return evaluate_config(config or folder.config, weights, episodes=episodes, seed=seed)
