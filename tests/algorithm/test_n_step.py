from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.algorithm.n_step import NStepWindow
from dqn_core.algorithm.replay import ReplayBuffer

GAMMA = 0.5


def observation(number: float) -> np.ndarray:
    return np.array([number], np.float32)


def window_of(n_step: int, capacity: int = 1_000) -> tuple[NStepWindow, ReplayBuffer]:
    replay = ReplayBuffer(capacity, 1)
    return NStepWindow(replay, n_step, GAMMA), replay


def play(window: NStepWindow, rewards: Sequence[float], ending: str, first: int = 0) -> None:
    """An episode through the states ``first``, first + 1, ...; the action is the state's number too."""
    for t, reward in enumerate(rewards):
        is_last = t == len(rewards) - 1
        window.add(
            observation(first + t),
            first + t,
            reward,
            observation(first + t + 1),
            terminated=is_last and ending == "terminated",
            truncated=is_last and ending == "truncated",
        )


def rows(replay: ReplayBuffer) -> list[tuple[float, ...]]:
    """(state, next state, steps, action, return, terminated) of each transition."""
    return [tuple(row) for row in replay.rows[: len(replay)].tolist()]


def test_three_steps_by_hand() -> None:
    window, replay = window_of(3)
    play(window, [1, 2, 4, 8, 16], "going on")
    # Half of each later reward: 1 + 2/2 + 4/4, 2 + 4/2 + 8/4, 4 + 8/2 + 16/4. The last two wait for theirs.
    assert rows(replay) == [(0, 3, 3, 0, 3.0, 0), (1, 4, 3, 1, 6.0, 0), (2, 5, 3, 2, 12.0, 0)]
    assert len(window) == 2


def test_a_return_beyond_float32_is_infinite() -> None:
    window, replay = window_of(3)
    play(window, [-3e38] * 3, "terminated")
    assert [row[4] for row in rows(replay)] == [-np.inf, -np.inf, float(np.float32(-3e38))]


def test_after_a_termination_no_return_goes_on() -> None:
    window, replay = window_of(3)
    play(window, [1, 2, 4, 8], "terminated")
    assert rows(replay) == [(0, 3, 3, 0, 3.0, 0), (1, 4, 3, 1, 6.0, 1), (2, 4, 2, 2, 8.0, 1), (3, 4, 1, 3, 8.0, 1)]
    assert len(window) == 0


def test_after_a_truncation_returns_go_on_from_the_last_state_seen() -> None:
    window, replay = window_of(3)
    play(window, [1, 2, 4, 8], "truncated")
    # Each bootstraps from state 4, after the 3, 2 or 1 steps that it has seen.
    assert rows(replay) == [(0, 3, 3, 0, 3.0, 0), (1, 4, 3, 1, 6.0, 0), (2, 4, 2, 2, 8.0, 0), (3, 4, 1, 3, 8.0, 0)]


def test_an_episode_that_is_given_up_counts_as_truncated() -> None:
    window, replay = window_of(3)
    play(window, [1, 2], "going on")
    assert rows(replay) == []
    window.cut(observation(2))
    assert rows(replay) == [(0, 2, 2, 0, 2.0, 0), (1, 2, 1, 1, 2.0, 0)]


@given(
    n_step=st.integers(1, 6),
    episodes=st.lists(
        st.tuples(st.lists(st.integers(-4, 4), min_size=1, max_size=9), st.sampled_from(["terminated", "truncated"])),
        max_size=5,
    ),
)
def test_every_return_is_the_sum_it_stands_for(n_step: int, episodes: list[tuple[list[int], str]]) -> None:
    window, replay = window_of(n_step)
    expected = []
    for number, (rewards, ending) in enumerate(episodes):
        first = 100 * number
        play(window, rewards, ending, first)
        for t in range(len(rewards)):
            seen = rewards[t : t + n_step]
            reaches_end = t + len(seen) == len(rewards)
            total = sum(GAMMA**k * reward for k, reward in enumerate(seen))
            is_over = reaches_end and ending == "terminated"
            expected.append((first + t, first + t + len(seen), len(seen), first + t, total, is_over))
    assert rows(replay) == expected  # halves are exact


@given(rewards=st.lists(st.integers(-4, 4), min_size=1, max_size=12), stop=st.integers(0, 12), n_step=st.integers(1, 5))
def test_a_window_taken_up_again_goes_on_bit_for_bit(rewards: list[int], stop: int, n_step: int) -> None:
    whole, replay = window_of(n_step)
    before, first_part = window_of(n_step)
    after, second_part = window_of(n_step)
    for t, reward in enumerate(rewards):
        ends = t == len(rewards) - 1
        if t == stop:
            after.restore(before.state())
        for each in (whole, before if t < stop else after):
            each.add(observation(t), t, reward / 3, observation(t + 1), terminated=False, truncated=ends)
    assert rows(replay) == rows(first_part) + rows(second_part)


@pytest.mark.parametrize(("before", "after"), [(5, 2), (1, 4), (4, 1)])
def test_the_number_of_steps_changes_within_an_episode(before: int, after: int) -> None:
    window, replay = window_of(before)
    for t in range(10):
        if t == 6:
            window.configure(after, GAMMA)
        window.add(observation(t), t, 1.0, observation(t + 1), terminated=t == 9, truncated=False)
    found = rows(replay)
    assert [row[0] for row in found] == list(range(10))
    for state, next_state, steps, _, total, terminated in found:
        assert next_state - state == steps
        assert total == pytest.approx(sum(GAMMA**k for k in range(int(steps))))
        assert terminated == (next_state == 10)
    assert found[-1][2] == 1


def test_observations_that_an_environment_writes_over_are_kept() -> None:
    window, replay = window_of(2)
    reused = np.zeros(1, np.float32)
    for t in range(3):
        reused[:] = t
        window.add(reused, 0, 1.0, reused + 1, terminated=False, truncated=False)
    assert replay.observations[:, 0].tolist() == [0, 1]
