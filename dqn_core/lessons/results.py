"""What came out of a lesson's runs, and whether it answers the question."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from dqn_core.analysis.comparison import trailing_mean
from dqn_core.analysis.episode_table import Curve, EpisodeTable
from dqn_core.analysis.metrics import Estimate, area_under_curve, estimate
from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import Rollout, roll_out
from dqn_core.lessons.lesson import Lesson
from dqn_core.training.run_folder import WeightsKind

__all__ = ["LessonRun", "Verdict", "lesson_run", "verdict", "weights_wanted"]

_ROLLOUTS, _MANY_ROLLOUTS = 10, 20
_ROLLOUT_SEED = 20_000
"""Episodes that no training or evaluation saw."""
_SMOOTHED = 10
"""Training episodes that the curve of their returns is the mean of."""
Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class LessonRun:
    """One run of a lesson: its number, and its curve."""

    variant: int
    seed: int
    value: float
    """The lesson's measure; NaN where it cannot be told."""
    curve: Curve
    """The lesson's ``shown`` over env steps."""
    env_steps: int = 0
    updates: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the runs say, whatever was expected."""

    measured: tuple[Mapping[int, float], ...]
    """Each variant's measure by seed."""
    estimates: tuple[Estimate, ...]
    """The measure of each variant: mean over seeds and 95 % interval."""
    highest: int
    """The variant with the highest mean, and the one after it."""
    second: int

    @property
    def can_compare(self) -> bool:
        """Whether both have an interval: a single run has none."""
        return all(math.isfinite(self.estimates[each].low) for each in (self.highest, self.second))

    @property
    def is_clear(self) -> bool:
        """Whether the interval of the highest lies above that of every other."""
        best = self.estimates[self.highest].low
        others = [each.high for variant, each in enumerate(self.estimates) if variant != self.highest]
        return self.can_compare and all(best > high for high in others if math.isfinite(high))

    @property
    def answer(self) -> int | None:
        """The variant that answers the question; None for "no clear difference"."""
        return self.highest if self.is_clear else None


def verdict(lesson: Lesson, runs: Iterable[LessonRun]) -> Verdict:
    """The verdict of ``runs``, at least one for each of at least two variants."""
    measured: tuple[dict[int, float], ...] = tuple({} for _ in lesson.labels)
    for run in runs:
        measured[run.variant][run.seed] = run.value
    estimates = tuple(estimate(values.values()) for values in measured)
    first, second, *_ = sorted(range(len(estimates)), key=lambda variant: -_or_least(estimates[variant].mean))
    return Verdict(measured=measured, estimates=estimates, highest=first, second=second)


def weights_wanted(lesson: Lesson) -> WeightsKind | None:
    """Whose weights :func:`lesson_run` asks for: those at the run's end or of its best evaluation; None for none."""
    if lesson.measure == "best_excess":
        return "best"
    return "last" if lesson.measure in {"first_value", "overestimation"} else None


def lesson_run(  # noqa: PLR0913  each is one plain fact about the run
    lesson: Lesson,
    config: TrainingConfig,
    variant: int,
    episodes: EpisodeTable,
    weights: Weights | None,
    *,
    env_steps: int,
    updates: int,
) -> LessonRun:
    """What counts of a run; ``weights`` are those that :func:`weights_wanted` names, None where they are gone."""
    evaluations = _up_to(env_steps, episodes.curve("env_step", "eval_return"))
    returns = episodes.curve("env_step", "episode_return")
    match lesson.measure:
        case "mean_eval":
            value = area_under_curve(evaluations)
        case "mean_return":
            value = area_under_curve(returns)
        case "best_excess":
            value = math.nan if weights is None else float(evaluations.y.max()) - _mean_return(config, weights)
        case "first_value":
            value = math.nan if weights is None else _first_value(config, weights)
        case "overestimation":
            value = math.nan if weights is None else _overestimation(config, weights)
    shown = evaluations if lesson.shown == "eval_return" else Curve(returns.x, trailing_mean(returns.y, _SMOOTHED))
    return LessonRun(variant=variant, seed=config.seed, value=value, curve=shown, env_steps=env_steps, updates=updates)


def _up_to(env_steps: int, evaluations: Curve) -> Curve:
    """``evaluations``, the last of which holds until the end of the run, so that all runs are judged over the same."""
    if len(evaluations) == 0 or evaluations.x[-1] >= env_steps:
        return evaluations
    return Curve(np.append(evaluations.x, env_steps), np.append(evaluations.y, evaluations.y[-1]))


def _rollouts(config: TrainingConfig, weights: Weights, count: int = _ROLLOUTS) -> Iterable[Rollout]:
    """Greedy episodes up to the environment's own limit, one after the other."""
    free = config.replace(max_episode_steps=None)
    return (roll_out(free, dict(weights), seed) for seed in range(_ROLLOUT_SEED, _ROLLOUT_SEED + count))


def _mean_return(config: TrainingConfig, weights: Weights) -> float:
    return float(np.mean([each.episode_return for each in _rollouts(config, weights, _MANY_ROLLOUTS)]))


def _first_value(config: TrainingConfig, weights: Weights) -> float:
    return float(np.mean([each.q_values[0].max() for each in _rollouts(config, weights)]))


def _overestimation(config: TrainingConfig, weights: Weights) -> float:
    """Mean of max_a Q(s, a) less the discounted return that follows, over the states of each episode.

    Reference: van Hasselt et al. 2016, section 4. Episodes that are cut off are left out, as what would have come
    after is unknown; NaN where all are.
    """
    excesses = [
        float((each.q_values.max(axis=1) - each.discounted_returns(config.gamma)).mean())
        for each in _rollouts(config, weights)
        if each.terminated
    ]
    return float(np.mean(excesses)) if excesses else math.nan


def _or_least(mean: float) -> float:
    return mean if math.isfinite(mean) else -math.inf
