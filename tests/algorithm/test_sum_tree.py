from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.algorithm.sum_tree import SumTree

numbers = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))


def tree_of(values: list[float]) -> SumTree:
    tree = SumTree(len(values))
    tree.set(np.arange(len(values)), np.array(values), 1.0)
    return tree


def test_a_small_tree_by_hand() -> None:
    tree = tree_of([3.0, 0.0, 5.0])
    assert tree.total == 8.0
    assert tree.find(np.array([0.0, 2.9, 3.0, 7.9])).tolist() == [0, 0, 2, 2]
    tree.set(np.array([0, 1]), np.array([4.0, 9.0]), 0.5)
    assert tree.numbers.tolist() == [2.0, 3.0, 5.0]
    assert tree.find(np.array([1.9, 2.0, 4.9, 5.0])).tolist() == [0, 1, 1, 2]


@given(values=st.lists(numbers, min_size=1, max_size=70), shares=st.lists(st.floats(0, 1, exclude_max=True)))
def test_finds_what_a_running_sum_finds(values: list[float], shares: list[float]) -> None:
    tree = tree_of(values)
    assert tree.total == pytest.approx(sum(values))
    sums = np.array(shares) * tree.total
    found = tree.find(sums)
    ends = np.cumsum(values)
    slack = 1e-9 * max(tree.total, 1e-300)  # sums in another order differ in their last bits
    for position, each in zip(found.tolist(), sums.tolist(), strict=True):
        if sum(values) > 0:
            assert values[position] > 0
        assert ends[position] - values[position] - slack <= each <= ends[position] + slack


@given(
    size=st.integers(1, 40),
    rounds=st.lists(st.lists(st.tuples(st.integers(0, 39), st.floats(0, 1e6)), max_size=12), max_size=12),
)
def test_a_tree_changed_step_by_step_is_the_tree_made_at_once(size: int, rounds: list[list[tuple[int, float]]]) -> None:
    tree = SumTree(size)
    expected = np.zeros(size)
    for changes in rounds:
        positions = np.array([position % size for position, _ in changes], np.int64)
        values = np.array([value for _, value in changes])
        tree.set(positions, values, 0.6)
        for position, value in zip(positions, values, strict=True):
            expected[position] = value
    at_once = SumTree(size)
    at_once.set(np.arange(size), expected, 0.6)
    np.testing.assert_array_equal(tree._nodes, at_once._nodes)


def test_drawing_follows_the_numbers() -> None:
    values = [1.0, 0.0, 2.0, 5.0, 0.0, 0.0, 12.0]
    tree = tree_of(values)
    counts = np.bincount(tree.find(np.random.default_rng(0).random(200_000) * tree.total), minlength=7)
    assert counts / 200_000 == pytest.approx(np.array(values) / 20, abs=0.005)
