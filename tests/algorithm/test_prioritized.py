from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.algorithm.prioritized import Priorities, beta_at, importance_weights
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.errors import UnavailableComputeError


def filled(count: int, capacity: int = 100) -> ReplayBuffer:
    replay = ReplayBuffer(capacity, 1)
    add(replay, count)
    return replay


def add(replay: ReplayBuffer, count: int) -> None:
    for _ in range(count):
        replay.add(np.zeros(1, np.float32), 0, float(replay.added), np.zeros(1, np.float32), terminated=False)


def shares(priorities: Priorities, draws: int = 2_000, batch_size: int = 50) -> np.ndarray:
    """How often each row is drawn."""
    generator = np.random.default_rng(0)
    drawn = [priorities.draw(generator, batch_size, 1.0)[0] for _ in range(draws)]
    return np.bincount(np.concatenate(drawn)) / (draws * batch_size)


def test_beta_rises_on_a_line_to_one() -> None:
    assert [beta_at(step, 0.4, 100) for step in (0, 50, 100, 900)] == pytest.approx([0.4, 0.7, 1.0, 1.0])


def test_importance_weights_by_hand() -> None:
    # Of 4 rows, drawn with 1/2, 1/4 and 1/8: (4 P)^-1 = 1/2, 1, 2; over the largest: 1/4, 1/2, 1.
    assert importance_weights(np.array([0.5, 0.25, 0.125]), 4, 1.0).tolist() == [0.25, 0.5, 1.0]
    assert importance_weights(np.array([0.5, 0.25, 0.125]), 4, 0.5) == pytest.approx([0.5, 0.5**0.5, 1.0])
    assert importance_weights(np.array([0.5, 0.25, 0.125]), 4, 0.0).tolist() == [1.0, 1.0, 1.0]


def test_rows_are_drawn_by_their_td_errors_to_the_power_alpha() -> None:
    for alpha, expected in ((1.0, [1 / 8, 5 / 8, 2 / 8]), (0.5, None), (0.0, [1 / 3] * 3)):
        priorities = Priorities(filled(3), alpha)
        priorities.draw(np.random.default_rng(0), 1, 1.0)
        priorities.revise(np.arange(3), np.array([-0.1, 0.5, 0.2], np.float32))
        roots = np.sqrt([0.1, 0.5, 0.2])
        assert shares(priorities) == pytest.approx(roots / roots.sum() if expected is None else expected, abs=0.005)


def test_weights_make_up_for_the_draw() -> None:
    priorities = Priorities(filled(3), 1.0)
    priorities.draw(np.random.default_rng(0), 1, 1.0)
    priorities.revise(np.arange(3), np.array([0.1, 0.5, 0.2], np.float32))
    indices, weights = priorities.draw(np.random.default_rng(1), 300, 1.0)
    # At beta = 1 a row's weight is inverse to its probability: in all, every row counts the same.
    counts = [weights[indices == row].sum() for row in range(3)]
    assert counts == pytest.approx([counts[0]] * 3, rel=0.05)
    assert weights.max() == 1.0


def test_new_rows_have_the_largest_priority_ever() -> None:
    replay = filled(2)
    priorities = Priorities(replay, 1.0)
    priorities.draw(np.random.default_rng(0), 1, 1.0)
    priorities.revise(np.arange(2), np.array([6.0, 0.5], np.float32))
    priorities.revise(np.arange(2), np.array([1.0, 1.0], np.float32))
    add(replay, 1)
    assert shares(priorities) == pytest.approx([1 / 8, 1 / 8, 6 / 8], abs=0.005)


def test_a_row_written_over_is_a_new_row() -> None:
    replay = filled(4, capacity=4)
    priorities = Priorities(replay, 1.0)
    priorities.draw(np.random.default_rng(0), 1, 1.0)
    priorities.revise(np.arange(4), np.array([1.0, 1.0, 1.0, 3.0], np.float32))
    add(replay, 1)
    assert shares(priorities) == pytest.approx([3 / 8, 1 / 8, 1 / 8, 3 / 8], abs=0.005)


def test_alpha_changes_for_all_rows_at_once() -> None:
    priorities = Priorities(filled(2), 0.0)
    priorities.draw(np.random.default_rng(0), 1, 1.0)
    priorities.revise(np.arange(2), np.array([3.0, 1.0], np.float32))
    assert shares(priorities) == pytest.approx([0.5, 0.5], abs=0.005)
    priorities.change_alpha(1.0)
    assert shares(priorities) == pytest.approx([0.75, 0.25], abs=0.005)


@given(capacity=st.integers(1, 12), count=st.integers(1, 30), new_capacity=st.integers(1, 20), more=st.integers(0, 5))
def test_priorities_move_with_their_rows(capacity: int, count: int, new_capacity: int, more: int) -> None:
    replay = filled(count, capacity)
    priorities = Priorities(replay, 1.0)
    priorities.follow()
    td_errors = replay.rewards + 1  # each row's priority tells its number
    priorities.revise(np.arange(len(replay)), td_errors.astype(np.float32))
    priorities.resized(replay.resize(new_capacity))
    held = priorities.state()["each"]
    np.testing.assert_allclose(held, replay.rewards + 1, atol=1e-5)
    replay_before = replay.rewards.copy()
    add(replay, more)
    assert len(priorities.state()["each"]) == len(replay) >= len(replay_before)


@given(count=st.integers(1, 40), seed=st.integers(0, 99))
def test_priorities_taken_up_again_draw_the_same(count: int, seed: int) -> None:
    replay = filled(count, capacity=25)
    first = Priorities(replay, 0.7)
    generator = np.random.default_rng(seed)
    for _ in range(5):
        indices, _ = first.draw(generator, 8, 0.5)
        first.revise(indices, generator.standard_normal(8).astype(np.float32))
        add(replay, int(generator.integers(0, 4)))
    second = Priorities(replay, 0.7)
    second.restore(first.state())
    for each in zip(*(one.draw(np.random.default_rng(seed), 16, 0.5) for one in (first, second)), strict=True):
        np.testing.assert_array_equal(*each)


def test_without_numba_it_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dqn_core.algorithm.sum_tree", None)  # its import fails
    with pytest.raises(UnavailableComputeError, match="prioritized_replay needs numba"):
        Priorities(filled(1), 0.6)
