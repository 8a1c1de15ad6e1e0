from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.algorithm.replay import ReplayBuffer


def add_numbered(replay: ReplayBuffer, number: int) -> None:
    """Add a transition whose every part tells its number."""
    observation = np.full(replay.observation_size, number, np.float32)
    replay.add(observation, number % 3, number / 2, observation + 1, number % 2 == 1)


def numbers(rows: np.ndarray) -> list[int]:
    return rows[:, 0].astype(int).tolist()


@given(capacity=st.integers(1, 20), count=st.integers(0, 60))
def test_holds_the_newest_in_their_order(capacity: int, count: int) -> None:
    replay = ReplayBuffer(capacity, 2)
    for number in range(count):
        add_numbered(replay, number)
    kept = min(capacity, count)
    assert len(replay) == kept
    assert numbers(replay.newest(kept)) == list(range(count - kept, count))
    assert sorted(numbers(replay.rows[:kept])) == list(range(count - kept, count))


@given(capacity=st.integers(1, 20), count=st.integers(0, 50), new_capacity=st.integers(1, 30), more=st.integers(0, 50))
def test_resize_keeps_the_newest_and_goes_on(capacity: int, count: int, new_capacity: int, more: int) -> None:
    replay = ReplayBuffer(capacity, 1)
    for number in range(count):
        add_numbered(replay, number)
    kept = min(count, capacity, new_capacity)
    replay.resize(new_capacity)
    assert numbers(replay.newest(kept)) == list(range(count - kept, count))
    assert replay.rows.shape == (new_capacity, 6)
    for number in range(count, count + more):
        add_numbered(replay, number)
    kept = min(kept + more, new_capacity)
    assert len(replay) == kept
    assert numbers(replay.newest(kept)) == list(range(count + more - kept, count + more))
    assert (count + more - 1 - replay.ages).tolist() == numbers(replay.rows[:kept])


@given(capacity=st.integers(1, 50), count=st.integers(1, 80), batch_size=st.integers(1, 200), seed=st.integers(0, 99))
def test_draws_only_filled_rows(capacity: int, count: int, batch_size: int, seed: int) -> None:
    replay = ReplayBuffer(capacity, 1)
    for number in range(count):
        add_numbered(replay, number)
    indices = replay.sample_indices(np.random.default_rng(seed), batch_size)
    assert indices.shape == (batch_size,)
    assert indices.dtype == np.int64
    assert indices.min() >= 0
    assert indices.max() < len(replay)


def test_draws_every_row_equally_often() -> None:
    replay = ReplayBuffer(100, 1)
    for number in range(10):
        add_numbered(replay, number)
    counts = np.bincount(replay.sample_indices(np.random.default_rng(0), 100_000), minlength=10)
    assert len(counts) == 10
    assert counts == pytest.approx(10_000, rel=0.05)


def test_parts_are_views_on_the_rows() -> None:
    replay = ReplayBuffer(4, 2)
    replay.add(np.array([1, 2], np.float32), 3, -0.5, np.array([4, 5], np.float32), terminated=True)
    replay.add(np.array([6, 7], np.float32), 0, 1.5, np.array([8, 9], np.float32), terminated=False)
    assert replay.observations.tolist() == [[1, 2], [6, 7]]
    assert replay.next_observations.tolist() == [[4, 5], [8, 9]]
    assert replay.actions.tolist() == [3, 0]
    assert replay.rewards.tolist() == [-0.5, 1.5]
    assert replay.terminated.tolist() == [1, 0]
    for part in (replay.observations, replay.next_observations, replay.actions, replay.rewards, replay.terminated):
        assert np.shares_memory(part, replay.rows)


@given(count=st.integers(1, 60), share=st.floats(0.01, 1.0), seed=st.integers(0, 999))
def test_a_draw_without_replacement_has_no_row_twice(count: int, share: float, seed: int) -> None:
    replay = ReplayBuffer(60, 1)
    for number in range(count):
        replay.add(np.array([number], np.float32), 0, 0.0, np.zeros(1, np.float32), terminated=False)
    wanted = max(1, int(share * count))
    drawn = replay.sample_distinct_indices(np.random.default_rng(seed), wanted)
    assert drawn.dtype == np.int64
    assert len(set(drawn.tolist())) == wanted
    assert 0 <= drawn.min() <= drawn.max() < count


@pytest.mark.parametrize("wanted", [3, 7])
def test_each_place_of_a_draw_without_replacement_is_uniform(wanted: int) -> None:
    replay = ReplayBuffer(10, 1)
    for _ in range(10):
        replay.add(np.zeros(1, np.float32), 0, 0.0, np.zeros(1, np.float32), terminated=False)
    generator = np.random.default_rng(0)
    draws = np.array([replay.sample_distinct_indices(generator, wanted) for _ in range(4_000)])
    for place in range(wanted):
        counts = np.bincount(draws[:, place], minlength=10)
        assert np.abs(counts - 400).max() < 6 * math.sqrt(400)
