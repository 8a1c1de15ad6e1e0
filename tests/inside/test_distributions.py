from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.inside.distributions import histogram, histograms, quantiles, shares_of


def test_sets_share_their_bins() -> None:
    found = histograms([np.float32([0, 0, 1]), np.float32([2, 4])], bins=4)
    assert found.edges.tolist() == [0, 1, 2, 3, 4]
    assert found.centers.tolist() == [0.5, 1.5, 2.5, 3.5]
    assert found.shares == pytest.approx(np.array([[2 / 3, 1 / 3, 0, 0], [0, 0, 0.5, 0.5]]))


def test_numbers_that_are_not_finite_are_left_out() -> None:
    found = histograms([np.float32([np.nan, 1, 3]), np.float32([np.inf])], bins=2)
    assert found.shares.tolist() == [[0.5, 0.5], [0, 0]]


@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1), min_size=1), st.integers(1, 30))
def test_shares_add_up(sets: list[list[float]], bins: int) -> None:
    found = histograms([np.float32(each) for each in sets], bins)
    assert found.shares.sum(axis=1) == pytest.approx(1.0)
    assert np.all(np.diff(found.edges) > 0)


def test_a_few_whole_numbers_get_a_bin_each() -> None:
    found = histogram(np.float32([-1, 0, 0, 2]), bins=40)
    assert found.centers.tolist() == [-1, 0, 1, 2]
    assert found.shares.tolist() == [[0.25, 0.5, 0, 0.25]]
    assert len(histogram(np.float32([0.5, 1, 2]), bins=40).centers) == 40
    assert histogram(np.float32([3, 3]), bins=40).shares.sum() == 1


def test_with_trim_the_outermost_bins_hold_what_lies_beyond() -> None:
    numbers = np.float32([-1000, *range(100), 1000])
    found = histograms([numbers], bins=10, trim=0.01)
    assert -1 < found.edges[0] < found.edges[-1] < 101
    assert found.shares.sum() == pytest.approx(1.0)
    assert found.shares[0, 0] == pytest.approx(11 / 102, abs=0.011)


def test_shares_of_whole_numbers_count_those_that_are_missing_too() -> None:
    found = shares_of(np.float32([0, 2, 2, 2]), count=4)
    assert found.centers.tolist() == [0, 1, 2, 3]
    assert found.shares.tolist() == [[0.25, 0, 0.75, 0]]
    assert shares_of(np.float32([]), count=2).shares.tolist() == [[0, 0]]


def test_quantiles_of_each_set() -> None:
    assert quantiles([np.float32([1, 2, 3]), np.float32([5])], (0, 0.5, 1)).tolist() == [[1, 2, 3], [5, 5, 5]]
    assert quantiles([]).shape == (0, 5)
