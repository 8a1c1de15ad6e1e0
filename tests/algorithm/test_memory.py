from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dqn_core.algorithm.memory import Memory
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from strategies import weights_of

CONFIG = TrainingConfig(buffer_size=50, warmup_steps=0, batch_size=4, gamma=0.5)


def memory_of(**changes: Any) -> Memory:
    return Memory(CONFIG.replace(**changes), 1, np.random.default_rng(0))


def add(memory: Memory, count: int, ending: str = "") -> None:
    """States 0, 1, 2, ... with reward 1 each; the last may be an episode's end."""
    for t in range(count):
        ends = t == count - 1
        state, next_state = np.array([t], np.float32), np.array([t + 1], np.float32)
        memory.add(state, 0, 1.0, next_state, ends and ending == "terminated", ends and ending == "truncated")


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize(("ending", "is_mistaken", "expected"), [
    ("terminated", False, 1),
    ("truncated", False, 0),
    ("terminated", True, 1),
    ("truncated", True, 1),
])  # fmt: skip
def test_only_a_mistake_cuts_the_bootstrap_at_a_truncation(
    n_step: int, ending: str, is_mistaken: bool, expected: int
) -> None:
    memory = memory_of(n_step=n_step, mistake_cut_at_truncation=is_mistaken)
    add(memory, 6, ending)
    assert len(memory.replay) == 6
    assert memory.replay.terminated[-1] == expected
    assert memory.replay.terminated[: 6 - n_step].sum() == 0


def test_without_replay_a_batch_is_the_last_transitions_in_their_order() -> None:
    memory = memory_of(mistake_no_replay=True)
    add(memory, 60)
    for _ in range(2):
        indices, weights = memory.draw(4, 0)
        assert memory.replay.observations[indices, 0].tolist() == [56, 57, 58, 59]
        assert weights is None


def test_uniform_draws_are_the_replay_memorys_own() -> None:
    memory = memory_of()
    add(memory, 30)
    indices, weights = memory.draw(16, 0)
    np.testing.assert_array_equal(indices, memory.replay.sample_indices(np.random.default_rng(0), 16))
    assert weights is None


def test_what_is_drawn_changes_with_the_config() -> None:
    memory = memory_of()
    add(memory, 30)
    memory.configure(CONFIG.replace(prioritized_replay=True, priority_beta=0.5))
    learner = TorchLearner(CONFIG, weights_of(0, (1, 4, 2)))
    for _ in range(3):
        indices, weights = memory.draw(8, 0)
        assert weights is not None
        learner.update(memory.replay, indices, weights)
        memory.revise(indices, learner)
    assert memory.priorities is not None
    errors = np.abs(learner.td_errors())
    held = memory.priorities.state()["each"][indices]
    np.testing.assert_allclose(held[-1], errors[-1], atol=1e-5)
    memory.configure(CONFIG)
    assert memory.draw(8, 0)[1] is None


def test_beta_rises_with_the_training_steps() -> None:
    memory = memory_of(prioritized_replay=True, priority_alpha=1.0, priority_beta=0.0, priority_beta_steps=100)
    add(memory, 10)
    memory.draw(4, 0)
    assert memory.priorities is not None
    memory.priorities.revise(np.arange(10), np.arange(1, 11, dtype=np.float32))
    spreads = [np.ptp(memory.draw(64, step)[1]) for step in (0, 50, 100, 500)]  # type: ignore[arg-type]
    assert spreads[0] == 0.0
    assert 0.0 < spreads[1] < spreads[2] == pytest.approx(0.9, abs=0.05)
    assert spreads[3] == pytest.approx(spreads[2], abs=0.05)


def test_a_smaller_memory_keeps_rows_and_priorities_together() -> None:
    memory = memory_of(prioritized_replay=True, priority_alpha=1.0)
    add(memory, 40)
    assert memory.priorities is not None
    memory.priorities.follow()
    memory.priorities.revise(np.arange(40), memory.replay.observations[:, 0])
    memory.configure(CONFIG.replace(prioritized_replay=True, priority_alpha=1.0, buffer_size=10))
    held = memory.priorities.state()["each"]
    np.testing.assert_allclose(held, memory.replay.observations[:, 0], atol=1e-5)
    assert held.tolist() == pytest.approx(list(range(30, 40)), abs=1e-5)


@pytest.mark.parametrize("changes", [{}, {"n_step": 4}, {"prioritized_replay": True}])
def test_a_memory_taken_up_again_goes_on_as_it_was(changes: dict[str, Any]) -> None:
    first, second = memory_of(**changes), memory_of(**changes)
    add(first, 23)
    first.draw(4, 0)
    second.restore(first.state(), first.replay.cursor)
    for memory in (first, second):
        memory._generator = np.random.default_rng(1)
        add(memory, 11, "truncated")
    np.testing.assert_array_equal(first.replay.rows, second.replay.rows)
    for one, other in zip(first.draw(16, 5), second.draw(16, 5), strict=True):
        np.testing.assert_array_equal(one, other)  # type: ignore[arg-type]


def test_a_window_left_over_from_more_steps_is_not_forgotten() -> None:
    first, second = memory_of(n_step=4), memory_of()
    add(first, 6)
    second.restore(first.state(), first.replay.cursor)
    add(second, 1)
    assert len(second.windows[0]) == 0
    assert second.replay.steps.tolist() == [4, 4, 4, 4, 3, 2, 1]


def test_rows_of_an_earlier_version_are_rows_of_one_step() -> None:
    memory, again = memory_of(), memory_of()
    add(memory, 5)
    state = memory.state()
    rows = np.delete(state["replay.rows"], 2, axis=1)  # they had no column of steps
    again.restore({"replay.rows": rows}, 5)
    np.testing.assert_array_equal(again.replay.rows, memory.replay.rows)


@pytest.mark.parametrize("changes", [{"prioritized_replay": True}, {"mistake_no_replay": True}])
def test_minibatches_are_taken_of_rows_in_random_order(changes: dict[str, Any]) -> None:
    """Without minibatches both kinds of draws come in the memory's order, which would make each minibatch a stretch."""
    for minibatch_size, is_in_order in ((0, True), (4, False)):
        memory = memory_of(batch_size=20, minibatch_size=minibatch_size, **changes)
        add(memory, 20)
        indices, weights = memory.draw(20, 0)
        assert (sorted(indices.tolist()) == indices.tolist()) == is_in_order
        assert weights is None or len(weights) == 20


def test_distinct_rows_are_drawn_where_asked_for() -> None:
    memory = memory_of(batch_size=20, distinct_rows=True)
    add(memory, 25)
    for _ in range(10):
        indices, weights = memory.draw(20, 0)
        assert len(set(indices.tolist())) == 20
        assert weights is None
