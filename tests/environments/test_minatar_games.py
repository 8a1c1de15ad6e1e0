"""MinAtar's games through the door: as the package plays them, but drawn, seeded and cut off as they should be."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from dqn_core.config import Arguments
from dqn_core.environments.listed import listed_environments
from dqn_core.environments.make import environment_picture, inspect_environment, make_environment
from dqn_core.environments.planes import PLANE_COLORS

GAMES = {"Asterix": 4, "Breakout": 4, "Freeway": 7, "Seaquest": 10, "SpaceInvaders": 6}
"""Channels of each."""
MODULES = {"SpaceInvaders": "space_invaders"}


@pytest.mark.parametrize("game", GAMES)
def test_states_and_rewards_are_those_of_the_package(game: str) -> None:
    from minatar import Environment

    own = Environment(MODULES.get(game, game.lower()), sticky_action_prob=0.1)
    own.seed(5)
    own.reset()
    environment = make_environment(f"MinAtar/{game}-v0")
    observation, _ = environment.reset(seed=5)
    assert np.array_equal(observation, own.state().reshape(-1))
    rewards = []
    for action in np.random.default_rng(1).integers(6, size=600).tolist():
        observation, reward, terminated, truncated, _ = environment.step(action)
        expected, is_over = own.act(action)
        assert (reward, terminated, truncated) == (expected, is_over, False)
        assert np.array_equal(observation, own.state().reshape(-1))
        rewards.append(reward)
        if terminated:
            break
    environment.close()
    assert len(rewards) > 3


@pytest.mark.parametrize("game", GAMES)
def test_every_number_and_action_says_what_it_is(game: str) -> None:
    report = inspect_environment(f"MinAtar/{game}-v1")
    layout = report.layout
    assert layout is not None
    assert (layout.shape, layout.kind, len(set(layout.names))) == ((10, 10, GAMES[game]), "planes", GAMES[game])
    assert len(set(report.observation_names)) == report.observation_size == 100 * GAMES[game]
    assert report.observation_names[-1] == f"{layout.names[-1]} at row 9, column 9"
    assert len(set(report.action_names)) == report.n_actions <= 6
    assert inspect_environment(f"MinAtar/{game}-v0").n_actions == 6
    assert not any("[" in name for name in (*report.observation_names, *report.action_names))


def test_the_actions_do_what_their_names_say() -> None:
    environment = make_environment("MinAtar/Breakout-v1", None, Arguments({"sticky_action_prob": 0.0}))
    for name, column in (("do nothing", 4), ("go left", 3), ("go right", 5)):
        environment.reset(seed=0)
        observation, *_ = environment.step(inspect_environment("MinAtar/Breakout-v1").action_names.index(name))
        assert int(observation.reshape(10, 10, 4)[9, :, 0].argmax()) == column
    environment.close()


def test_an_episode_is_its_seed_and_its_actions_whatever_was_played_before() -> None:
    """Sticky actions of MinAtar's own environments begin with the last one of the episode before."""
    environment = make_environment("MinAtar/Breakout-v1", None, Arguments({"sticky_action_prob": 1.0}))
    seen = []
    for before in (1, 2):
        environment.reset(seed=0)
        environment.step(before)
        environment.unwrapped._last_action = before
        environment.reset(seed=1)
        seen.append(environment.step(before)[0])
    environment.close()
    assert np.array_equal(*seen)


def test_arguments_change_the_game() -> None:
    always = make_environment("MinAtar/Breakout-v1", None, Arguments({"sticky_action_prob": 1.0}))
    always.reset(seed=0)
    observation, *_ = always.step(1)
    assert observation.reshape(10, 10, 4)[9, 4, 0] == 1.0  # it goes on doing nothing
    always.close()
    assert inspect_environment("MinAtar/Breakout-v1", None, Arguments({"use_minimal_action_set": False})).n_actions == 6


@pytest.mark.parametrize("game", GAMES)
def test_a_game_that_goes_on_for_ever_is_cut_off(game: str) -> None:
    assert inspect_environment(f"MinAtar/{game}-v1").max_episode_steps == 5_000


def test_the_picture_has_sharp_cells_in_the_channels_colours() -> None:
    environment = make_environment("MinAtar/Breakout-v1")
    observation, _ = environment.reset(seed=0)
    picture = environment.draw()
    environment.close()
    cells = picture.reshape(10, 40, 10, 40, 3)
    assert (cells == cells[:, :1, :, :1]).all()
    state, seen = observation.reshape(10, 10, 4), cells[:, 0, :, 0]
    alone = state.sum(axis=-1) == 1.0  # the ball begins before a brick
    for channel in (0, 3):
        shown = {bytes(each).hex() for each in seen[alone & (state[..., channel] == 1.0)]}
        assert shown == {PLANE_COLORS[channel][1:]}
    assert bytes(seen[state[..., 1] == 1.0][0]).hex() == PLANE_COLORS[1][1:]  # and on top of it
    assert environment_picture("MinAtar/Breakout-v1").trouble == ""


def test_neither_making_nor_drawing_imports_what_the_package_draws_with() -> None:
    program = """
import sys
from dqn_core.environments.make import environment_picture
assert environment_picture("MinAtar/Breakout-v1").trouble == ""
print(sorted({"matplotlib", "seaborn", "tkinter"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_games_are_in_the_list_of_environments() -> None:
    listed = [each.env_id for each in listed_environments()]
    assert {f"MinAtar/{game}-{version}" for game in GAMES for version in ("v0", "v1")} <= set(listed)
    assert len(set(listed)) == len(listed)
