from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.inside.distributions import histogram, histograms, quantiles


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


def test_quantiles_of_each_set() -> None:
    assert quantiles([np.float32([1, 2, 3]), np.float32([5])], (0, 0.5, 1)).tolist() == [[1, 2, 3], [5, 5, 5]]
    assert quantiles([]).shape == (0, 5)
