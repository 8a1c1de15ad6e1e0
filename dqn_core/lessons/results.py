"""What came out of a lesson's runs, and whether it answers the question."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dqn_core.analysis.episode_table import Curve, EpisodeTable
from dqn_core.analysis.metrics import Estimate, area_under_curve, estimate
from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import roll_out
from dqn_core.lessons.lesson import Lesson

__all__ = ["LessonRun", "Verdict", "lesson_curve", "overestimation", "verdict"]

_OVERESTIMATION_EPISODES = 10
_OVERESTIMATION_SEED = 20_000
"""Episodes that no training or evaluation saw."""


@dataclass(frozen=True, kw_only=True)
class LessonRun:
    """One run of a lesson."""

    variant: int
    seed: int
    episodes: EpisodeTable
    overestimation: float = math.nan
    """See :func:`overestimation`; NaN where the lesson does not ask for it."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the runs say, whatever was expected."""

    measured: tuple[Mapping[int, float], ...]
    """Each variant's measure by seed."""
    estimates: tuple[Estimate, ...]
    """The measure of each variant: mean over seeds and 95 % interval."""
    highest: int
    """The variant with the highest mean."""
    lead: Estimate
    """How far it is ahead of the next one, over the seeds that both have."""

    @property
    def is_clear(self) -> bool:
        """Whether the whole interval of the lead is above 0; never with one seed alone."""
        return self.lead.low > 0.0

    @property
    def answer(self) -> int | None:
        """The variant that answers the question; None for "no clear difference"."""
        return self.highest if self.is_clear else None


def verdict(lesson: Lesson, runs: Iterable[LessonRun]) -> Verdict:
    """The verdict of ``runs``, at least one for each of at least two variants."""
    measured: tuple[dict[int, float], ...] = tuple({} for _ in lesson.labels)
    for run in runs:
        measured[run.variant][run.seed] = _measured(lesson, run)
    estimates = tuple(estimate(values.values()) for values in measured)
    first, second, *_ = sorted(range(len(estimates)), key=lambda variant: -_or_least(estimates[variant].mean))
    lead = _lead(measured[first], measured[second])
    return Verdict(measured=measured, estimates=estimates, highest=first, lead=lead)


def lesson_curve(lesson: Lesson, run: LessonRun) -> Curve:
    """The run's evaluations over env steps; for "progress" as shares of the way from random to solved."""
    curve = run.episodes.curve("env_step", "eval_return")
    if lesson.measure != "progress":
        return curve
    zero, one = lesson.scales[run.variant]
    return Curve(curve.x, np.clip((curve.y - zero) / (one - zero), 0.0, 1.0))


def overestimation(config: TrainingConfig, weights: Mapping[str, np.ndarray]) -> float:
    """Mean of max_a Q(s_0, a) less the discounted return then got, over greedy episodes on seeds of its own.

    Reference: van Hasselt et al. 2016, section 4. Episodes that are cut off are left out, as what would have come
    after is unknown; NaN where all are.
    """
    excesses = []
    for seed in range(_OVERESTIMATION_SEED, _OVERESTIMATION_SEED + _OVERESTIMATION_EPISODES):
        rollout = roll_out(config, dict(weights), seed)
        if rollout.terminated:
            excesses.append(float(rollout.q_values[0].max() - rollout.discounted_returns(config.gamma)[0]))
    return float(np.mean(excesses)) if excesses else math.nan


def _measured(lesson: Lesson, run: LessonRun) -> float:
    if lesson.measure == "overestimation":
        return run.overestimation
    return area_under_curve(lesson_curve(lesson, run))


def _lead(first: Mapping[int, float], second: Mapping[int, float]) -> Estimate:
    common: Sequence[int] = sorted(first.keys() & second.keys())
    return estimate(first[seed] - second[seed] for seed in common)


def _or_least(mean: float) -> float:
    return mean if math.isfinite(mean) else -math.inf
