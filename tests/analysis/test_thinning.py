from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_core.analysis.bands import thinned, within
from dqn_core.analysis.episode_table import Curve

EXTENT = 2.0**20


@settings(max_examples=40)
@given(st.integers(2, 3_000), st.integers(2, 8), st.integers(0, 99))
def test_every_part_keeps_its_extremes(count: int, power: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = np.sort(generator.integers(0, EXTENT, count)).astype(float)  # powers of two: parts are told apart exactly
    x[[0, -1]] = 0, EXTENT
    y = generator.normal(size=count)
    limit = 2**power
    fewer = thinned(Curve(x, y), limit)
    assert len(fewer) <= limit + 2
    assert {*zip(fewer.x, fewer.y, strict=True)} <= {*zip(x, y, strict=True)}
    assert (fewer.x[0], fewer.y[0], fewer.x[-1], fewer.y[-1]) == (0, y[0], EXTENT, y[-1])
    before, after = (
        pd.Series(points.y).groupby(np.minimum(points.x // (EXTENT * 2 / limit), limit / 2 - 1)).agg(["min", "max"])
        for points in (Curve(x, y), fewer)
    )
    pd.testing.assert_frame_equal(before, after)


def test_a_single_spike_among_many_is_still_there() -> None:
    y = np.zeros(10_000)
    y[7_777] = 1.0
    fewer = thinned(Curve(np.arange(10_000.0), y), 300)
    assert len(fewer) <= 302
    assert fewer.x[fewer.y == 1.0].tolist() == [7_777]


def test_few_points_stay_as_they_are() -> None:
    curve = Curve(np.arange(5.0), np.arange(5.0))
    assert thinned(curve, 5) is curve


@pytest.mark.parametrize(
    ("view", "kept"), [((3, 5), [2, 3, 4, 5, 6]), ((3.5, 3.6), [3, 4]), ((-9, 99), [*range(8)]), ((50, 60), [7])]
)
def test_a_view_keeps_one_point_beyond_either_end(view: tuple[float, float], kept: list[int]) -> None:
    assert within(Curve(np.arange(8.0), np.arange(8.0)), *view).x.tolist() == kept
