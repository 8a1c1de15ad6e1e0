"""Names of numbers and actions where there is no preset: those of the states that they stand for."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest

from dqn_core.environments.make import inspect_environment, make_environment
from dqn_core.environments.names import action_names, observation_names
from dqn_core.json_text import json_text


@pytest.mark.parametrize("env_id", ["FrozenLake-v1", "FrozenLake8x8-v1", "CliffWalking-v1", "Taxi-v4", "Blackjack-v1"])
def test_every_number_and_action_of_the_toy_texts_has_a_name_of_its_own(env_id: str) -> None:
    report = inspect_environment(env_id)
    assert len(set(report.observation_names)) == report.observation_size
    assert len(set(report.action_names)) == report.n_actions
    assert not any("[" in name for name in (*report.observation_names, *report.action_names))


def test_the_names_of_cells_follow_the_map() -> None:
    environment = make_environment("FrozenLake-v1")
    lake = environment.unwrapped
    assert {lake.desc[0, 0], lake.desc[3, 3]} == {b"S", b"G"}
    observation, _ = environment.reset(seed=0)
    assert environment.observation_names[int(observation.argmax())] == "row 0, column 0"
    hole = int((lake.desc == b"H").argmax())  # row by row, as the states are numbered
    assert all(terminated for *_, terminated in lake.P[hole][0])
    assert environment.observation_names[hole] == "row 1, column 1"
    environment.close()


def test_the_names_of_a_taxi_say_what_its_state_encodes() -> None:
    environment = make_environment("Taxi-v4")
    taxi, names = environment.unwrapped, environment.observation_names
    assert names[taxi.encode(3, 1, 4, 2)] == "taxi in row 3, column 1, passenger in the taxi, to Y"
    assert names[taxi.encode(0, 4, 1, 0)] == "taxi in row 0, column 4, passenger at G, to R"
    environment.close()


def test_the_actions_do_what_their_names_say() -> None:
    cliff = make_environment("CliffWalking-v1")
    for action, name in enumerate(inspect_environment("CliffWalking-v1").action_names):
        cliff.reset(seed=0)
        cliff.unwrapped.s = 24  # row 2, column 0
        observation, *_ = cliff.step(action)
        moved = int(np.flatnonzero(observation)[0]) - 24
        assert name == {-12: "go up", 1: "go right", 12: "go down", 0: "go left"}[moved]
    cliff.close()


def test_a_hand_of_cards_is_read_off_the_names() -> None:
    environment = make_environment("Blackjack-v1")
    observation, _ = environment.reset(seed=3)
    own, dealer, ace = gym.make("Blackjack-v1").reset(seed=3)[0]
    held = [environment.observation_names[i] for i in np.flatnonzero(observation)]
    shown = f"the dealer shows {'an ace' if dealer == 1 else dealer}"
    assert held == [f"own sum is {own}", shown, "a usable ace" if ace else "no usable ace"]
    environment.close()


@pytest.mark.parametrize(
    ("env_id", "size", "actions"),
    [("highway-fast-v0", 25, 5), ("intersection-v0", 105, 3), ("MiniGrid-Empty-5x5-v0", 151, 7)],
)
def test_environments_of_other_packages_have_names(env_id: str, size: int, actions: int) -> None:
    names, of_actions = observation_names(env_id, size), action_names(env_id, actions)
    assert names is not None
    assert of_actions is not None
    assert (len(set(names)), len(set(of_actions))) == (size, actions)


def test_a_composed_name_travels_as_the_text_that_it_is() -> None:
    (name, *_), (taxi, *_) = observation_names("CliffWalking-v1", 48) or (), observation_names("Taxi-v4", 500) or ()
    assert (name, f"{name}", {name: 1}["row 0, column 0"]) == ("row 0, column 0", "row 0, column 0", 1)
    assert json_text([name]) == '["row 0, column 0"]'
    for each in (pickle.loads(pickle.dumps(taxi)), copy.deepcopy(taxi)):  # noqa: S301
        assert (each, each.template, each.parts["rider"].parts) == (taxi, taxi.template, {"place": "R"})


def test_names_do_not_hold_for_another_size() -> None:
    assert observation_names("Taxi-v4", 400) is None
    assert observation_names("FrozenLake-v1", 15) is None
    assert action_names("Taxi-v4", 5) is None
    assert observation_names("Unheard/Of-v0", 4) is None
    assert action_names("Unheard/Of-v0", 2) is None
