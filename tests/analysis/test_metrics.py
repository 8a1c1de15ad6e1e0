from __future__ import annotations

import math

import pytest

from dqn_core.analysis.metrics import area_under_curve, estimate, run_metrics
from known_runs import run, table


def test_the_numbers_of_a_solved_run() -> None:
    episodes = table([100, 200, 400], episode_return=[0, 10, 30], eval_return=[math.nan, 50, 40])
    found = run_metrics(run(1, episodes, is_solved=True))
    assert (found.final_eval, found.best_eval) == (40, 50)
    assert found.mean_return == pytest.approx((5 * 100 + 20 * 200) / 300)
    assert (found.episodes, found.env_steps, found.wall_time_s) == (3, 400, 4)
    assert (found.goal_env_steps, found.goal_wall_time_s) == (400, 4)


def test_what_was_not_reached_or_measured_has_no_number() -> None:
    found = run_metrics(run(1, table([100], episode_return=[5])))
    assert math.isnan(found.goal_env_steps)
    assert math.isnan(found.best_eval)
    assert math.isnan(found.mean_return)
    assert run_metrics(run(2)).episodes == 0


def test_the_area_is_normalised_by_env_steps_and_not_by_episodes() -> None:
    short_then_long = table([10, 20, 30, 1_030], episode_return=[0, 0, 0, 100]).curve("env_step", "episode_return")
    assert area_under_curve(short_then_long) == pytest.approx(50 * 1_000 / 1_020)


def test_an_estimate_counts_the_runs_that_have_the_number() -> None:
    solved = [run_metrics(run(number, table([0, steps]), is_solved=True)) for number, steps in enumerate((100, 300))]
    both = [*solved, run_metrics(run(3, table([0, 900])))]
    found = estimate(each.goal_env_steps for each in both)
    assert (found.mean, found.n) == (200, 2)
    assert (found.low, found.high) == (100, 300)
    nothing = estimate(each.best_eval for each in both)
    assert nothing.n == 0
    assert math.isnan(nothing.mean)
