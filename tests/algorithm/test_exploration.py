from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.algorithm.exploration import episode_exponential, epsilon_at, linear_steps
from dqn_core.config import TrainingConfig


@pytest.mark.parametrize(
    ("episode", "epsilon"),
    # 0.01 + 0.99 exp(-10 k / 400): the lab's schedule for 400 episodes
    [(0, 1.0), (40, 0.01 + 0.99 * 0.36787944), (100, 0.09126415), (400, 0.01004495)],
)
def test_episode_exponential_by_hand(episode: int, epsilon: float) -> None:
    assert episode_exponential(episode, 400, 1.0, 0.01, 10.0) == pytest.approx(epsilon, abs=1e-8)


@pytest.mark.parametrize(("env_step", "epsilon"), [(0, 1.0), (250, 0.775), (500, 0.55), (1_000, 0.1), (9_999, 0.1)])
def test_linear_steps_by_hand(env_step: int, epsilon: float) -> None:
    assert linear_steps(env_step, 1.0, 0.1, 1_000) == pytest.approx(epsilon)


@given(
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    steps=st.lists(st.integers(0, 10**9), min_size=2).map(sorted),
    span=st.integers(1, 10**8),
    rate=st.floats(0, 1_000),
)
def test_epsilon_only_falls_and_stays_between_its_ends(
    ends: list[float], steps: list[int], span: int, rate: float
) -> None:
    end, start = ends
    for values in (
        [linear_steps(step, start, end, span) for step in steps],
        [episode_exponential(step, span, start, end, rate) for step in steps],
    ):
        assert all(end - 1e-12 <= value <= start + 1e-12 for value in values)
        assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(values))


def test_the_config_says_which_schedule() -> None:
    config = TrainingConfig(max_episodes=400, epsilon_decay_steps=1_000, epsilon_start=1.0, epsilon_end=0.01)
    by_episodes = config.replace(epsilon_schedule="episode_exponential")
    by_steps = config.replace(epsilon_schedule="linear_steps")
    assert epsilon_at(by_episodes, 40, 10**6) == pytest.approx(0.01 + 0.99 * math.exp(-1))
    assert epsilon_at(by_steps, 10**6, 500) == pytest.approx(0.505)
