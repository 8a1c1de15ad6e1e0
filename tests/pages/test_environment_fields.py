"""The form's fields for an environment: its arguments, those of evaluations, and the reward formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box
from streamlit.testing.v1 import AppTest

import fake_environments as fake
from dqn_core.config import Arguments, TrainingConfig
from dqn_core.presets import preset_config
from dqn_core.runs.manager import RunManager
from scripted_trainer import wait_until

_LANDER = "LunarLander-v3"


@pytest.fixture
def lander(app: AppTest) -> AppTest:
    """The form of a run in LunarLander."""
    app.selectbox(key="new:environment").set_value(_LANDER).run()
    assert not app.exception
    return app


class Open(fake.Corridor):
    def __init__(self, size: int = 5, sizes: tuple[int, ...] = (1,), **options: Any) -> None:
        super().__init__(size)
        self.options = options


@pytest.fixture
def opened(app: AppTest) -> Iterator[AppTest]:
    """The form of a run in an environment that takes any argument."""
    gym.register("DqnLabTest/Open-v0", entry_point=Open)
    app.selectbox(key="new:environment").set_value("another").run()
    app.text_input(key="new:env_id").set_value("DqnLabTest/Open-v0").run()
    yield app
    gym.registry.pop("DqnLabTest/Open-v0")


def draft(app: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = app.session_state["new:draft"]
    return found


def errors(app: AppTest) -> str:
    """What the page complains of, without Markdown's backslashes."""
    return "\n".join(each.value for each in app.error).replace("\\", "")


# --------------------------------------------------------------------------------------------------- a run to come


def test_each_argument_has_a_field_with_its_range_unit_and_words(lander: AppTest) -> None:
    gravity = lander.slider(key="new:env_kwargs.gravity")
    assert (gravity.label, gravity.min, gravity.max, gravity.value) == ("Gravity (m/s²)", -11.9, -0.1, -10.0)
    assert "falls more slowly" in gravity.help
    assert "From -11.9 to -0.1." in gravity.help
    gravity.set_value(-1.6).run()
    assert draft(lander)["env_kwargs"] == {"gravity": -1.6}
    assert lander.segmented_control(key="new:preset").value == "custom"
    lander.slider(key="new:env_kwargs.gravity").set_value(-10.0).run()
    assert draft(lander)["env_kwargs"] == {}
    assert lander.segmented_control(key="new:preset").value != "custom"
    assert not lander.exception


def test_what_needs_a_switch_is_shown_with_it(lander: AppTest) -> None:
    assert "new:env_kwargs.wind_power" not in {each.key for each in lander.slider}
    lander.toggle(key="new:env_kwargs.enable_wind").set_value(True).run()
    lander.slider(key="new:env_kwargs.wind_power").set_value(7.5).run()
    assert draft(lander)["env_kwargs"] == {"enable_wind": True, "wind_power": 7.5}


def test_constants_that_no_constructor_takes_have_fields_too(app: AppTest) -> None:
    assert app.slider(key="new:env_kwargs.pole_length").value == 1.0
    app.slider(key="new:env_kwargs.pole_length").set_value(3.0).run()
    assert draft(app)["env_kwargs"] == {"pole_length": 3.0}


def test_another_environment_begins_with_its_own_defaults(lander: AppTest) -> None:
    lander.slider(key="new:env_kwargs.gravity").set_value(-1.6).run()
    lander.selectbox(key="new:environment").set_value("CartPole-v1").run()
    assert draft(lander)["env_kwargs"] == {}
    assert lander.slider(key="new:env_kwargs.gravity").value == 9.8


def test_evaluations_may_be_played_with_other_arguments(lander: AppTest) -> None:
    lander.slider(key="new:env_kwargs.gravity").set_value(-1.6).run()
    lander.multiselect(key="new:evaluation_env_kwargs").set_value(["gravity"]).run()
    assert lander.slider(key="new:evaluation_env_kwargs.gravity").value == -1.6
    assert lander.slider(key="new:evaluation_env_kwargs.gravity").label == "Gravity in evaluations (m/s²)"
    lander.slider(key="new:evaluation_env_kwargs.gravity").set_value(-9.8).run()
    assert draft(lander)["env_kwargs"] == {"gravity": -1.6}
    assert draft(lander)["evaluation_env_kwargs"] == {"gravity": -9.8}
    lander.multiselect(key="new:evaluation_env_kwargs").set_value([]).run()
    assert draft(lander)["evaluation_env_kwargs"] == {}
    assert not lander.exception


def test_a_formula_with_a_typo_is_told_of_and_a_right_one_is_taken(app: AppTest) -> None:
    app.text_input(key="new:reward_formula").set_value("reward - 0.1*abs(cart_postion)").run()
    assert "cart_postion at position 18. Did you mean cart_position?" in errors(app)
    assert app.text_input(key="new:reward_formula").value == "reward - 0.1*abs(cart_postion)"
    assert app.button(key="start").disabled
    app.text_input(key="new:reward_formula").set_value(" reward - 0.1*abs(cart_position) ").run()
    assert errors(app) == ""
    assert not app.button(key="start").disabled
    assert draft(app)["reward_formula"] == "reward - 0.1*abs(cart_position)"
    app.text_input(key="new:reward_formula").set_value("").run()
    assert draft(app)["reward_formula"] == ""


@pytest.mark.parametrize(
    ("env_id", "name"),
    [("CartPole-v1", "pole_angular_velocity"), (_LANDER, "left_leg_touches"), ("MountainCar-v0", "car_position")],
)
def test_the_names_that_a_formula_can_use_are_listed(app: AppTest, env_id: str, name: str) -> None:
    app.selectbox(key="new:environment").set_value(env_id).run()
    (names,) = [each.value for each in app.caption if each.value.startswith("Names:")]
    assert name in names
    assert "reward, action, terminated, truncated, step" in names
    assert "clip" in names


def test_of_a_picture_a_few_names_are_listed_and_the_example_is_the_environments_own(app: AppTest) -> None:
    assert app.text_input(key="new:reward_formula").placeholder == "e.g. reward - 0.1*abs(cart_position)"
    app.selectbox(key="new:environment").set_value("MinAtar/Breakout-v1").run()
    (names,) = [each.value for each in app.caption if each.value.startswith("Names:")]
    assert "step, paddle_at_row_0_column_0, ball_at_row_0_column_0, " in names
    assert "brick_at_row_0_column_0, and 396 more. previous_…" in names
    assert app.text_input(key="new:reward_formula").placeholder == "e.g. reward - 0.01"


def test_further_arguments_are_written_as_on_the_command_line(opened: AppTest) -> None:
    assert opened.number_input(key="new:env_kwargs.size").value == 5
    opened.text_input(key="new:env_kwargs-further").set_value('sizes=[1, 2] colour="dark red"').run()
    assert not opened.exception
    assert draft(opened)["env_kwargs"] == {"sizes": [1, 2], "colour": "dark red"}
    opened.number_input(key="new:env_kwargs.size").set_value(7).run()
    opened.text_input(key="new:env_kwargs-further").set_value("colour=blue").run()
    assert draft(opened)["env_kwargs"] == {"size": 7, "colour": "blue"}
    opened.text_input(key="new:env_kwargs-further").set_value("blue").run()
    assert "such as gravity=-5" in errors(opened)
    assert opened.text_input(key="new:env_kwargs-further").value == "blue"
    assert draft(opened)["env_kwargs"] == {"size": 7, "colour": "blue"}


def test_it_is_all_said_in_korean_too(open_app: Callable[..., AppTest]) -> None:
    app = open_app(lang="ko")
    assert app.slider(key="new:env_kwargs.gravity").label.startswith("중력")
    assert "수레" in app.slider(key="new:env_kwargs.cart_mass").help
    assert app.text_input(key="new:reward_formula").label == "보상 수식"
    assert any(each.value.startswith("이름: reward") for each in app.caption)


# -------------------------------------------------------------------------------------------------- a run that trains


def started(manager: RunManager, **changes: Any) -> str:
    run_id = manager.start(preset_config(_LANDER, "fast").replace(**changes))
    wait_until(lambda: manager.snapshot(run_id).record.compute != "")
    return run_id


def test_gravity_and_the_formula_change_while_a_run_trains(
    manager: RunManager, open_app: Callable[..., AppTest]
) -> None:
    run_id = started(manager)
    app = open_app(run=run_id)
    app.slider(key=f"{run_id}:env_kwargs.gravity").set_value(-3.7).run()
    app.text_input(key=f"{run_id}:reward_formula").set_value("reward - abs(angle)").run()
    wanted = manager.snapshot(run_id).wanted_config
    assert (wanted.env_kwargs, wanted.reward_formula) == (Arguments({"gravity": -3.7}), "reward - abs(angle)")
    assert not app.error
    app.slider(key=f"{run_id}:env_kwargs.gravity").set_value(-10.0).run()  # said, though it is the default
    assert manager.snapshot(run_id).wanted_config.env_kwargs == Arguments({"gravity": -10.0})


def test_a_wrong_formula_of_a_run_stays_in_its_field_to_be_corrected(
    manager: RunManager, open_app: Callable[..., AppTest]
) -> None:
    run_id = started(manager)
    app = open_app(run=run_id)
    app.text_input(key=f"{run_id}:reward_formula").set_value("reward - abs(angel)").run()
    assert "Did you mean angle?" in errors(app)
    assert app.text_input(key=f"{run_id}:reward_formula").value == "reward - abs(angel)"
    assert manager.snapshot(run_id).wanted_config.reward_formula == ""
    app.text_input(key=f"{run_id}:reward_formula").set_value("reward - abs(angle)").run()
    assert errors(app) == ""


def test_a_map_is_fixed_while_a_run_trains(manager: RunManager, open_app: Callable[..., AppTest]) -> None:
    lake = TrainingConfig(env_id="FrozenLake-v1", env_kwargs={"map_name": "8x8"})
    run_id = manager.start(lake)
    wait_until(lambda: manager.snapshot(run_id).record.compute != "")
    app = open_app(run=run_id)
    assert app.selectbox(key=f"{run_id}:env_kwargs.map_name").value == "8x8"
    assert app.selectbox(key=f"{run_id}:env_kwargs.map_name").disabled
    assert "start a new run" in app.selectbox(key=f"{run_id}:env_kwargs.map_name").help
    assert not app.toggle(key=f"{run_id}:env_kwargs.is_slippery").disabled


class Sized(fake.Corridor):
    """Cannot be made without being told its size; observes as many numbers."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.observation_space = Box(0.0, 5.0, (size,), np.float32)

    def _observe(self) -> np.ndarray:
        return np.full(self.size, self.position, np.float32)


def test_what_an_environment_cannot_be_made_without_is_asked_for(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    env_id = "DqnLabTest/Sized-v0"
    monkeypatch.setitem(gym.registry, env_id, gym.envs.registration.EnvSpec(env_id, entry_point=Sized))
    app.selectbox(key="new:environment").set_value("another").run()
    app.text_input(key="new:env_id").set_value(env_id).run()
    assert f"must be given: {env_id} cannot be made without it" in errors(app)
    assert app.button(key="start").disabled
    app.number_input(key="new:env_kwargs.size").set_value(3).run()
    assert errors(app) == ""
    assert not app.button(key="start").disabled
    assert any("3 numbers" in each.value for each in app.header)


def test_a_map_is_the_one_that_is_about_and_in_the_picture(app: AppTest) -> None:
    app.selectbox(key="new:environment").set_value("another").run()
    app.text_input(key="new:env_id").set_value("FrozenLake-v1").run()
    assert any("16 numbers" in each.value for each in app.header)
    app.selectbox(key="new:env_kwargs.map_name").set_value("8x8").run()
    assert any("64 numbers" in each.value for each in app.header)
    assert not app.exception
