from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dqn_core.analysis.bands import band, common_grid, interpolated, wilson_interval
from dqn_core.analysis.bootstrap import RESAMPLES
from dqn_core.analysis.episode_table import Curve
from dqn_core.analysis.run_data import group_runs
from known_runs import noisy_run


def curve(*points: tuple[float, float]) -> Curve:
    x, y = np.array(points, dtype=float).reshape(-1, 2).T
    return Curve(x, y)


def test_a_grid_has_round_steps_and_reaches_from_the_first_point_to_the_last() -> None:
    grid = common_grid([curve((13, 0), (1_000, 0)), curve((40, 0), (1_987, 0))], points=50)
    assert grid[[0, 1, 2, -2, -1]].tolist() == [13, 50, 100, 1_950, 1_987]
    assert len(grid) <= 50


def test_a_grid_keeps_its_points_while_its_runs_grow() -> None:
    before = common_grid([curve((0, 0), (6_100, 0))], points=100)
    after = common_grid([curve((0, 0), (7_900, 0))], points=100)
    assert set(before[1:-1]) < set(after)


def test_no_curve_no_grid() -> None:
    assert len(common_grid([])) == 0
    assert len(common_grid([curve()])) == 0
    assert common_grid([curve((7, 1))]).tolist() == [7]


def test_a_curve_is_straight_between_its_points_and_nothing_outside() -> None:
    values = interpolated(curve((10, 0), (20, 10), (30, 40)), np.array([9.0, 10.0, 15.0, 19.0, 25.0, 31.0]))
    np.testing.assert_array_equal(values, [np.nan, 0, 5, 9, 25, np.nan])


def test_a_band_is_worked_out_over_env_steps() -> None:
    """Two runs of the same height at the same env step agree, however many episodes each took to get there."""
    few = curve(*((x, x / 10) for x in range(0, 1_001, 100)))
    many = curve(*((x, x / 10) for x in range(0, 1_001, 10)))
    found = band([few, many], np.arange(0.0, 1_001.0, 50.0))
    np.testing.assert_allclose(found.mean, found.x / 10)
    np.testing.assert_allclose(found.low, found.high)
    assert set(found.n) == {2}


def test_a_band_is_scipys_at_each_point() -> None:
    curves = [noisy_run(number, 30, seed=number).episodes.curve("env_step", "episode_return") for number in range(5)]
    found = band(curves, common_grid(curves, 12))
    values = np.array([interpolated(each, found.x) for each in curves])
    np.testing.assert_allclose(found.mean, values.mean(axis=0))
    theirs = stats.bootstrap(
        (values,), np.mean, axis=0, n_resamples=20_000, method="percentile", rng=np.random.default_rng(0)
    )
    width = found.high - found.low
    assert RESAMPLES >= 1_000
    np.testing.assert_allclose(found.low, theirs.confidence_interval.low, atol=0.06 * width.max())
    np.testing.assert_allclose(found.high, theirs.confidence_interval.high, atol=0.06 * width.max())


def test_a_band_ends_where_the_first_of_its_runs_ends() -> None:
    found = band([curve((0, 1), (100, 1)), curve((10, 3), (60, 3))], np.arange(0.0, 101.0, 10.0))
    assert found.x.tolist() == [10, 20, 30, 40, 50, 60]
    assert set(found.n) == {2}


def test_beyond_the_shortest_run_the_number_of_those_left_is_told() -> None:
    runs = [curve((0, 1), (100, 1)), curve((10, 3), (60, 3)), curve((0, 5), (80, 5))]
    found = band(runs, np.arange(0.0, 101.0, 10.0), beyond_shortest=True)
    assert found.n.tolist() == [2, 3, 3, 3, 3, 3, 3, 2, 2, 1, 1]
    assert found.mean.tolist() == [3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 1]
    assert np.isnan(found.low[-2:]).all()
    assert not np.isnan(found.low[:-2]).any()


@pytest.mark.parametrize("beyond_shortest", [False, True])
def test_runs_without_points_in_common_have_no_band(beyond_shortest: bool) -> None:
    assert len(band([], np.arange(3.0), beyond_shortest=beyond_shortest).x) == 0
    empty = band([curve()], np.arange(3.0), beyond_shortest=beyond_shortest)
    assert len(empty.x) == len(empty.mean) == 0


@settings(max_examples=30)
@given(st.data())
def test_the_order_of_the_runs_changes_nothing(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=6))
    runs = [noisy_run(number, episodes, seed=number) for number, episodes in enumerate(lengths)]
    shuffled = data.draw(st.permutations(runs + runs[: len(runs) // 2]))
    for one, other in zip(group_runs(runs), group_runs(shuffled), strict=True):
        first, second = (
            [run.episodes.curve("env_step", "episode_return") for run in group.runs] for group in (one, other)
        )
        mine, theirs = (band(curves, common_grid(curves, 40), beyond_shortest=True) for curves in (first, second))
        for name in ("x", "mean", "low", "high", "n"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))


@given(st.integers(1, 200), st.floats(0.0, 1.0))
def test_wilsons_interval_is_that_of_scipy(trials: int, share: float) -> None:
    successes = round(share * trials)
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)
