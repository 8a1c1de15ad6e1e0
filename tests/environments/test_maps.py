from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Discrete

from dqn_core.config import Arguments
from dqn_core.environments.make import inspect_environment, make_environment
from dqn_core.environments.maps import StateMap, state_map

OWN = "DqnLabTest/Numbered-v0"


class Numbered(gym.Env[int, int]):
    """Thirteen states that are only numbers, from 5 on."""

    def __init__(self, count: int = 13) -> None:
        self.observation_space = Discrete(count, start=5)
        self.action_space = Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict]:
        super().reset(seed=seed)
        return 5, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict]:
        return 6, 0.0, True, False, {}


@pytest.fixture
def _numbered() -> Iterator[None]:
    gym.register(OWN, Numbered)  # type: ignore[arg-type]
    yield
    del gym.registry[OWN]


def map_of(env_id: str, **arguments: Any) -> StateMap | None:
    environment = make_environment(env_id, None, Arguments(arguments))
    try:
        return state_map(environment)
    finally:
        environment.close()


def known(env_id: str, **arguments: Any) -> StateMap:
    found = map_of(env_id, **arguments)
    assert found is not None
    return found


def test_the_lake_is_its_own_map() -> None:
    lake = known("FrozenLake-v1")
    grid = lake.grids[()]
    assert grid.states.tolist() == np.arange(16).reshape(4, 4).tolist()
    assert (grid.marks[0][0], grid.marks[1][1], grid.marks[3][3], grid.marks[0][1]) == ("S", "H", "G", "")
    assert lake.symbols == ("←", "↓", "→", "↑")
    assert np.array_equal(lake.vectors, np.eye(16, dtype=np.float32))
    assert known("FrozenLake-v1", map_name="8x8").grids[()].states.shape == (8, 8)


def test_the_cliff_lies_between_start_and_goal() -> None:
    grid = known("CliffWalking-v1").grids[()]
    assert "".join(each or "." for each in grid.marks[3]) == "SCCCCCCCCCCG"
    assert grid.states[3, 0] == 36


@pytest.mark.parametrize("action", range(4))
@pytest.mark.parametrize("env_id", ["FrozenLake-v1", "CliffWalking-v1", "Taxi-v4"])
def test_arrows_point_where_actions_lead(env_id: str, action: int) -> None:
    moves = {"↑": (-1, 0), "↓": (1, 0), "←": (0, -1), "→": (0, 1)}
    arguments = {"is_slippery": False} if env_id == "FrozenLake-v1" else {}
    found = known(env_id, **arguments)
    grid = next(iter(found.grids.values()))
    table = gym.make(env_id, **arguments).unwrapped.P  # type: ignore[attr-defined]
    row, column = (1 if env_id == "CliffWalking-v1" else 2), 2  # neither wall nor cliff beside it
    [(_, after, _, _)] = table[int(grid.states[row, column])][action]
    down, right = moves[found.symbols[action]]
    assert np.argwhere(grid.states == after).tolist() == [[row + down, column + right]]


def test_a_taxi_has_a_grid_for_each_passenger_and_destination() -> None:
    taxi = known("Taxi-v4")
    assert len(taxi.grids) == 5 * 4
    assert [choice.name for choice in taxi.choices] == ["Passenger", "Destination"]
    assert sorted(np.concatenate([grid.states.ravel() for grid in taxi.grids.values()]).tolist()) == list(range(500))
    grid = taxi.grids[1, 2]
    assert [grid.marks[0][0], grid.marks[0][4], grid.marks[4][0], grid.marks[4][3]] == ["R", "G", "Y", "B"]
    assert len(grid.walls) == 6
    table = gym.make("Taxi-v4").unwrapped.P  # type: ignore[attr-defined]
    for x0, y0, _, y1 in grid.walls:  # nobody drives through one
        row, column = round((y0 + y1) / 2), int(x0)
        state = int(grid.states[row, column])
        assert table[state][taxi.symbols.index("→")][0][1] == state


def test_blackjack_is_a_table_of_sums_and_cards() -> None:
    cards = known("Blackjack-v1")
    (without, with_ace) = (cards.grids[0,], cards.grids[1,])
    assert (without.rows[0], without.rows[-1]) == ("21", "4")
    assert (with_ace.rows[0], with_ace.rows[-1]) == ("21", "12")
    assert without.columns == ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10")
    own, card, ace = cards.observations[without.states[4, 2]]
    assert (own, card, ace) == (17, 3, 0)
    assert cards.vectors[without.states[4, 2]].nonzero()[0].tolist() == [17, 32 + 3, 32 + 11 + 0]


@pytest.mark.usefixtures("_numbered")
def test_numbered_states_are_ten_a_row() -> None:
    found = known(OWN)
    grid = found.grids[()]
    assert grid.states.tolist() == [[*range(10)], [10, 11, 12, *[-1] * 7]]
    assert grid.rows == ("5", "15")
    assert found.observations[0] == 5
    assert found.symbols == ("0", "1", "2")
    assert inspect_environment(OWN).n_states == 13


@pytest.mark.parametrize("env_id", ["CartPole-v1", "LunarLander-v3"])
def test_states_that_cannot_be_listed_have_no_map(env_id: str) -> None:
    assert map_of(env_id) is None
    assert inspect_environment(env_id).n_states is None
