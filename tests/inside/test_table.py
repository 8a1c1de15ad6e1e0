from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from dqn_core.config import TrainingConfig
from dqn_core.inside.table import optimal_q_values, reached_states, state_table, transitions_of


class Chain:
    """0 -> 1 -> 2 and the end: action 1 goes on and is paid 1 at the end, action 0 stays; 3 is never reached."""

    def __init__(self, **others: Any) -> None:
        on = {0: (1, 0.0, False), 1: (2, 0.0, False), 2: (0, 1.0, True), 3: (3, 9.0, False)}
        self.P: Any = {
            s: {0: [(1.0, s, 0.0, False)], 1: [(0.5, after, reward, over), (0.5, after, reward, over)]}
            for s, (after, reward, over) in on.items()
        }
        self.initial_state_distrib = np.array([1.0, 0.0, 0.0, 0.0])
        for name, value in others.items():
            setattr(self, name, value)


def test_optimal_values_follow_from_the_transitions() -> None:
    transitions = transitions_of(Chain(), 4, 2)
    assert transitions is not None
    q_values = optimal_q_values(transitions, 0.9)
    assert q_values[:3] == pytest.approx(np.array([[0.729, 0.81], [0.81, 0.9], [0.9, 1.0]]))
    assert reached_states(transitions).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    "environment",
    [
        object(),
        Chain(P={0: {}}),
        Chain(P="no table"),
        Chain(P={s: {a: [(0.4, 0, 0.0, False)] for a in range(2)} for s in range(4)}),
        Chain(P={s: {a: [(1.0, 9, 0.0, False)] for a in range(2)} for s in range(4)}),
        Chain(P={s: {a: [(1.0, 0, float("nan"), False)] for a in range(2)} for s in range(4)}),
        Chain(initial_state_distrib=np.ones(3)),
    ],
)
def test_a_table_that_is_none_is_not_taken(environment: Any) -> None:
    assert transitions_of(environment, 4, 2) is None


@pytest.mark.parametrize(
    ("env_id", "gamma", "best"),
    [
        ("CliffWalking-v1", 1.0, -13.0),
        ("Taxi-v4", 1.0, 7.93),
        ("FrozenLake-v1", 1.0, 14 / 17),
        ("FrozenLake-v1", 0.99, 0.542),
    ],
)
def test_the_best_return_of_gymnasiums_environments(env_id: str, gamma: float, best: float) -> None:
    table = state_table(TrainingConfig(env_id=env_id, gamma=gamma))
    assert table is not None
    assert table.optimal is not None
    starts = gym.make(env_id).unwrapped.initial_state_distrib  # type: ignore[attr-defined]
    assert float(starts @ table.optimal.max(axis=1)) == pytest.approx(best, abs=1e-3)


def test_states_that_no_episode_is_in_are_known() -> None:
    lake = state_table(TrainingConfig(env_id="FrozenLake-v1"))
    assert lake is not None
    holes_and_goal = {5, 7, 11, 12, 15}
    assert set(np.flatnonzero(~lake.reached).tolist()) == holes_and_goal
    taxi = state_table(TrainingConfig(env_id="Taxi-v4"))
    assert taxi is not None
    assert int(taxi.reached.sum()) == 400  # less those in which the passenger has arrived


def test_arguments_of_the_environment_count() -> None:
    lake = state_table(TrainingConfig(env_id="FrozenLake-v1", gamma=1.0, env_kwargs={"is_slippery": False}))
    assert lake is not None
    assert lake.optimal is not None
    assert lake.optimal[0].max() == pytest.approx(1.0)


def test_where_no_transitions_are_given_only_the_map_is_known() -> None:
    cards = state_table(TrainingConfig(env_id="Blackjack-v1"))
    assert cards is not None
    assert cards.optimal is None
    assert cards.reached.all()
    assert state_table(TrainingConfig(env_id="CartPole-v1")) is None
