"""Environments behind a wrapper: MiniGrid's pictures, CarRacing's few actions, Atari as the literature has it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from dqn_core.config import Arguments, TrainingConfig
from dqn_core.environments.listed import listed_environments
from dqn_core.environments.make import inspect_environment, make_environment, registered
from dqn_core.environments.physics import environment_arguments
from dqn_core.environments.settings import check_live_change, environment_problems
from dqn_core.errors import ChangeRefusedError, UnsupportedEnvironmentError

DOOR = "MiniGrid-DoorKey-5x5-v0"


def layout_of(env_id: str, **arguments: object) -> tuple[tuple[int, ...], str, int]:
    layout = inspect_environment(env_id, None, Arguments(arguments)).layout
    assert layout is not None
    return layout.shape, layout.kind, len(layout.names)


def test_mini_grid_gives_its_numbers_unless_a_picture_is_asked_for() -> None:
    assert inspect_environment(DOOR).layout is None
    assert inspect_environment(DOOR).observation_size == 151
    assert layout_of(DOOR, observation="view") == ((56, 56, 3), "colour", 1)
    assert layout_of(DOOR, observation="whole") == ((40, 40, 3), "colour", 1)
    assert layout_of(DOOR, observation="planes") == ((7, 7, 20), "planes", 20)


def test_a_plane_of_mini_grid_is_where_its_name_says() -> None:
    environment = make_environment(DOOR, None, Arguments({"observation": "planes"}))
    observation, _ = environment.reset(seed=4)
    codes = environment.unwrapped.gen_obs()["image"]
    layout = environment.layout
    environment.close()
    assert layout is not None
    planes = dict(zip(layout.names, layout.planes(observation[None])[0], strict=True))
    assert set(np.unique(observation)) == {0.0, 1.0}
    for name, code in (("wall", 2), ("door", 4), ("key", 5)):
        assert np.array_equal(planes[name] == 1.0, code == codes[..., 0].T)


def test_car_racing_has_five_actions_and_is_offered() -> None:
    report = inspect_environment("CarRacing-v3")
    assert report.action_names == ("do nothing", "steer right", "steer left", "accelerate", "brake")
    assert layout_of("CarRacing-v3") == ((96, 96, 3), "colour", 1)
    assert layout_of("CarRacing-v3", grayscale=True, stack_size=2) == ((2, 96, 96), "frames", 2)
    assert {each.obstacle for each in listed_environments() if each.env_id == "CarRacing-v3"} == {""}


def test_frames_are_stacked_with_the_newest_last_and_repeated_at_the_start() -> None:
    environment = make_environment("CarRacing-v3", None, Arguments({"grayscale": True, "stack_size": 3}))
    observation, _ = environment.reset(seed=0)
    first = observation.reshape(3, 96, 96)
    assert np.array_equal(first[0], first[2])
    for _ in range(12):
        before = observation.reshape(3, 96, 96)
        observation, *_ = environment.step(3)
        assert np.array_equal(observation.reshape(3, 96, 96)[:2], before[1:])
    environment.close()
    assert not np.array_equal(observation.reshape(3, 96, 96)[2], first[2])


def test_what_a_wrapper_takes_is_checked_like_any_argument() -> None:
    config = TrainingConfig(env_id=DOOR, env_kwargs=Arguments({"observation": "smell"}))
    (problem,) = environment_problems(config)
    assert (problem.field, problem.parameters["choices"]) == ("env_kwargs.observation", "numbers, planes, view, whole")
    config = TrainingConfig(env_id="CarRacing-v3", env_kwargs=Arguments({"stack_size": 9}))
    assert [each.field for each in environment_problems(config)] == ["env_kwargs.stack_size"]
    plain = TrainingConfig(env_id=DOOR)
    with pytest.raises(ChangeRefusedError, match="start a new run"):
        check_live_change(plain, plain.replace(env_kwargs=Arguments({"observation": "planes"})))


# ------------------------------------------------------------------------------------------------------------- Atari


@pytest.fixture
def _opencv() -> None:
    pytest.importorskip("ale_py")
    pytest.importorskip("cv2")


def test_without_opencv_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ale_py")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UnsupportedEnvironmentError, match="pip install opencv-python-headless"):
        make_environment("ALE/Pong-v5")


@pytest.mark.usefixtures("_opencv")
def test_atari_gives_stacks_of_grey_frames() -> None:
    report = inspect_environment("ALE/Breakout-v5")
    assert report.layout is not None
    assert (report.layout.shape, report.layout.kind, report.layout.names[-1]) == (
        (4, 84, 84),
        "frames",
        "newest frame",
    )
    assert report.action_names == ("do nothing", "fire", "go right", "go left")
    assert (report.max_episode_steps, report.frames_per_s, report.repeats) == (27_000, 15.0, True)
    assert layout_of("ALE/Breakout-v5", stack_size=2, screen_size=42) == ((2, 42, 42), "frames", 2)


@pytest.mark.usefixtures("_opencv")
def test_a_step_of_atari_adds_a_frame_to_the_stack_and_keeps_the_others() -> None:
    environment = make_environment("ALE/Pong-v5")
    observation, _ = environment.reset(seed=0)
    for action in np.random.default_rng(0).integers(environment.n_actions, size=40).tolist():
        before = observation.reshape(4, 84, 84)
        observation, *_ = environment.step(action)
        assert np.array_equal(observation.reshape(4, 84, 84)[:3], before[1:])
    environment.close()


@pytest.mark.usefixtures("_opencv")
def test_a_lost_life_ends_the_episode_where_that_is_asked_for() -> None:
    lengths = []
    for ends in (True, False):
        environment = make_environment("ALE/Breakout-v5", None, Arguments({"terminal_on_life_loss": ends}))
        environment.reset(seed=0)
        terminated, steps = False, 0
        while not terminated and steps < 2_000:
            _, _, terminated, _, _ = environment.step(1 + steps % 2)
            steps += 1
        assert terminated
        lengths.append(steps)
        environment.close()
    assert lengths[0] < lengths[1]


@pytest.mark.usefixtures("_opencv")
def test_arguments_of_the_emulator_that_the_wrapper_settles_are_not_offered() -> None:
    names = {each.name for each in environment_arguments(registered("ALE/Pong-v5"))}
    assert {"repeat_action_probability", "terminal_on_life_loss", "frame_skip", "mode"} <= names
    assert names.isdisjoint({"frameskip", "obs_type", "game", "sound_obs", "continuous"})
