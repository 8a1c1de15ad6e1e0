"""A run in a few numbers, and a group of runs in the mean of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dqn_core.analysis.bootstrap import bootstrap_interval
from dqn_core.analysis.episode_table import Curve
from dqn_core.analysis.run_data import RunData

__all__ = ["METRICS", "Estimate", "RunMetrics", "area_under_curve", "estimate", "run_metrics"]


@dataclass(frozen=True, kw_only=True)
class RunMetrics:
    """Numbers of one run; NaN where there is none."""

    final_eval: float
    """Return of the last evaluation."""
    best_eval: float
    """Return of the best evaluation."""
    mean_return: float
    """Area under the return's curve over env steps, divided by its env steps: the mean return while it learned."""
    episodes: float
    env_steps: float
    wall_time_s: float
    goal_env_steps: float
    """Env steps until the goal was reached and confirmed."""
    goal_wall_time_s: float
    """Seconds of training until then."""


METRICS = tuple(RunMetrics.__dataclass_fields__)
"""Names of the numbers, in their order."""


@dataclass(frozen=True)
class Estimate:
    """Mean of a group's runs, with the ends of its 95 % bootstrap interval (NaN for one run alone)."""

    mean: float
    low: float
    high: float
    n: int
    """Runs that have the number."""


def run_metrics(run: RunData) -> RunMetrics:
    """The numbers of ``run`` so far."""
    episodes = run.episodes
    evaluations = episodes.curve("env_step", "eval_return").y
    end = {name: float(episodes[name][-1]) if len(episodes) else math.nan for name in ("env_step", "wall_time_s")}
    return RunMetrics(
        final_eval=float(evaluations[-1]) if len(evaluations) else math.nan,
        best_eval=float(np.fmax(evaluations.max(), run.best_eval)) if len(evaluations) else run.best_eval,
        mean_return=area_under_curve(episodes.curve("env_step", "episode_return")),
        episodes=float(len(episodes)) if run.every == 1 else float(episodes["episode"][-1]),
        env_steps=end["env_step"],
        wall_time_s=end["wall_time_s"],
        goal_env_steps=end["env_step"] if run.is_solved else math.nan,
        goal_wall_time_s=end["wall_time_s"] if run.is_solved else math.nan,
    )


def area_under_curve(curve: Curve) -> float:
    """Area under ``curve`` (trapezoids) divided by its extent in x: its mean height; NaN for fewer than two points."""
    extent = curve.x[-1] - curve.x[0] if len(curve) else 0.0
    return float(np.trapezoid(curve.y, curve.x) / extent) if extent > 0 else math.nan


def estimate(numbers: Iterable[float]) -> Estimate:
    """Mean of those of ``numbers`` that are there (not NaN)."""
    values = np.array([number for number in numbers if math.isfinite(number)])
    if len(values) == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    low, high = bootstrap_interval(values[:, None])
    return Estimate(float(values.mean()), float(low[0]), float(high[0]), len(values))
