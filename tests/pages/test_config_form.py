from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from app_pages import open_groups
from dqn_core.config import TrainingConfig, field_rule
from dqn_core.presets import PRESETS, preset_config
from dqn_core.runs.manager import RunManager
from pages.shared.form_state import FormState
from pages.shared.texts.fields import FIELDS, GROUP_TITLES, Group, Widget
from pages.shared.texts.numbers import number_text, one_two_five
from pages.train.epsilon_schedule import first_below
from scripted_trainer import wait_until

ALL_FIELDS = [each.name for each in dataclasses.fields(TrainingConfig)]


@pytest.fixture
def run_id(manager: RunManager) -> str:
    run_id = manager.start(preset_config("CartPole-v1", "lab8"))
    wait_until(lambda: manager.snapshot(run_id).record.compute != "")
    return run_id


def widget(app: AppTest, key: str) -> Any:
    (found,) = [
        each
        for kind in (app.select_slider, app.slider, app.number_input, app.selectbox, app.text_input, app.toggle)
        for each in kind
        if each.key == key
    ]
    return found


def test_every_field_of_the_config_has_its_line() -> None:
    assert sorted(FIELDS) == sorted(ALL_FIELDS)


def test_stops_lie_within_the_rule() -> None:
    for name, each in FIELDS.items():
        if each.widget is Widget.STOPS:
            roomy = TrainingConfig(warmup_steps=0, batch_size=1, buffer_size=10_000_000)
            kind = type(getattr(roomy, name))
            for stop in each.stops:
                roomy.replace(**{name: kind(stop)})


def test_the_labs_mistake_is_told_beside_its_preset_alone(app: AppTest) -> None:
    def told() -> bool:
        return any("including one mistake" in each.value for each in app.caption)

    app.segmented_control(key="new:preset").set_value("lab8").run()
    assert told()
    app.segmented_control(key="new:preset").set_value("fast").run()
    assert not told()
    assert not app.exception


@pytest.mark.parametrize("env_id", PRESETS)
def test_presets_are_shown_exactly(app: AppTest, env_id: str) -> None:
    app.selectbox(key="new:environment").set_value(env_id).run()
    for name in PRESETS[env_id].configs:
        app.segmented_control(key="new:preset").set_value(name).run()
        assert not app.exception
        draft = TrainingConfig.from_dict(app.session_state["new:draft"])
        assert draft == preset_config(env_id, name)
        assert app.select_slider(key="new:learning_rate").value == draft.learning_rate


def test_a_preset_keeps_the_seed(app: AppTest) -> None:
    app.number_input(key="new:seed").set_value(5).run()
    app.segmented_control(key="new:preset").set_value("fast").run()
    assert app.number_input(key="new:seed").value == 5


def test_a_changed_setting_makes_the_preset_custom(app: AppTest) -> None:
    app.select_slider(key="new:gamma").set_value(0.9).run()
    assert app.segmented_control(key="new:preset").value == "custom"
    app.segmented_control(key="new:preset").set_value("lab8").run()
    assert app.select_slider(key="new:gamma").value == 0.99
    assert app.segmented_control(key="new:preset").value == "lab8"


def test_only_settings_that_have_an_effect_are_shown(app: AppTest) -> None:
    keys = {each.key for each in app.select_slider}
    assert "new:epsilon_decay_rate" in keys
    assert not {"new:epsilon_decay_steps", "new:target_tau", "new:target_update_every"} & keys
    app.selectbox(key="new:epsilon_schedule").set_value("linear_steps").run()
    app.selectbox(key="new:target_update").set_value("soft").run()
    keys = {each.key for each in app.select_slider}
    assert {"new:epsilon_decay_steps", "new:target_tau"} <= keys
    assert "new:epsilon_decay_rate" not in keys


def test_variants_and_mistakes_are_switches_with_their_explanations(app: AppTest) -> None:
    captions = {each.value for each in app.caption}
    for name in ("double_dqn", "dueling", "prioritized_replay", "noisy_nets", "mistake_no_replay"):
        assert app.toggle(key=f"new:{name}").value is False
        assert FIELDS[name].raising in captions
    assert all(FIELDS[name].label.startswith("Mistake") for name in ALL_FIELDS if name.startswith("mistake_"))
    assert "new:priority_alpha" not in {each.key for each in app.slider}
    app.toggle(key="new:prioritized_replay").set_value(True).run()
    assert app.slider(key="new:priority_alpha").value == 0.6
    assert app.session_state["new:draft"]["prioritized_replay"] is True
    app.toggle(key="new:mistake_no_replay").set_value(True).run()
    assert any("turn one of the two off" in each.value for each in app.error)


def test_settings_that_do_not_fit_together_are_named_and_cannot_be_started(app: AppTest) -> None:
    app.select_slider(key="new:batch_size").set_value(2048).run()
    texts = [each.value for each in app.error]
    assert any(text.startswith("**Batch size** (2,048): must be at most Replay memory size = 1,000") for text in texts)
    assert any(text.startswith("Correct these settings to start:") for text in texts)
    assert app.button(key="start").disabled
    app.select_slider(key="new:buffer_size").set_value(5000).run()
    assert not app.error
    assert not app.button(key="start").disabled


def test_a_group_is_drawn_when_it_is_opened_and_keeps_its_values_closed(open_app: Callable[..., AppTest]) -> None:
    app = open_app(groups_open=False)
    always = {"new:seed"} | {f"new:{name}" for name, each in FIELDS.items() if each.group is Group.MAIN}
    shown = {each.key for each in (*app.select_slider, *app.number_input, *app.text_input, *app.toggle)}
    assert {key for key in shown if key.startswith("new:")} <= always
    open_groups(app).run()
    app.select_slider(key="new:batch_size").set_value(64).run()
    for group in GROUP_TITLES:
        app.session_state[f"group:{group.value}"] = False
    app.run()
    assert "new:batch_size" not in {each.key for each in app.select_slider}
    app.button(key="start").click().run()
    open_groups(app).run()
    assert app.select_slider(key=f"{app.query_params['run']}:batch_size").value == 64


def test_a_group_opens_by_itself_where_something_in_it_is_wrong(open_app: Callable[..., AppTest]) -> None:
    app = open_app(groups_open=False)
    app.session_state["new:draft"]["batch_size"] = 2048
    app.run()
    assert app.select_slider(key="new:batch_size").value == 2048
    assert any("must be at most Replay memory size" in each.value for each in app.error)


@pytest.mark.parametrize("text", ["32, x", "-3", "1.5", "0"])
def test_widths_that_are_none_are_refused(app: AppTest, text: str) -> None:
    app.text_input(key="new:hidden_sizes").set_value(text).run()
    assert any("Hidden layer widths" in each.value for each in app.error)
    assert app.button(key="start").disabled
    assert app.text_input(key="new:hidden_sizes").value == text


@pytest.mark.parametrize(("text", "widths"), [("64,32", (64, 32)), (" 8 ", (8,)), ("", ())])
def test_widths_are_read_from_text(app: AppTest, text: str, widths: tuple[int, ...]) -> None:
    app.text_input(key="new:hidden_sizes").set_value(text).run()
    assert app.session_state["new:draft"]["hidden_sizes"] == widths
    assert not app.error


def another(app: AppTest, env_id: str) -> AppTest:
    app.selectbox(key="new:environment").set_value("another").run()
    assert app.button(key="start").disabled
    return app.text_input(key="new:env_id").set_value(env_id).run()


def test_an_unknown_environment_is_a_message_with_suggestions(app: AppTest) -> None:
    another(app, "CartPole-v9x")
    assert not app.exception
    assert any("There is no environment" in each.value and "CartPole" in each.value for each in app.error)
    assert app.button(key="start").disabled


@pytest.mark.parametrize("env_id", ["os:system", "CartPole", "../../etc/passwd", "<b>x</b>", "x" * 3_000])
def test_what_is_no_environments_id_is_a_message(app: AppTest, env_id: str) -> None:
    another(app, env_id)
    assert not app.exception
    assert len(app.error) == 1
    assert app.button(key="start").disabled


@pytest.mark.parametrize("env_id", ["", "   "])
def test_an_empty_id_says_what_to_type(app: AppTest, env_id: str) -> None:
    another(app, env_id)
    assert not app.exception
    assert any("Type the id of an environment" in each.value for each in app.info)
    assert app.button(key="start").disabled


def test_continuous_actions_are_a_message_naming_the_space(app: AppTest) -> None:
    another(app, "Pendulum-v1")
    assert not app.exception
    assert any("Pendulum-v1 takes actions from Box" in each.value for each in app.error)
    assert app.button(key="start").disabled


def test_another_gymnasium_environment_can_be_started(app: AppTest, manager: RunManager) -> None:
    another(app, "CartPole-v0")
    assert not app.error
    app.button(key="start").click().run()
    assert manager.list_runs()[0].config.env_id == "CartPole-v0"


class TestWhileARunIsActive:
    def test_what_cannot_change_is_disabled_with_the_reason(
        self, open_app: Callable[..., AppTest], run_id: str
    ) -> None:
        app = open_app(run=run_id)
        shown = [name for name, each in FIELDS.items() if each.widget is not Widget.OWN and each.needs is None]
        for name in shown:
            assert widget(app, f"{run_id}:{name}").disabled == (field_rule(name).frozen_because is not None), name
        assert app.selectbox(key=f"{run_id}:environment").disabled
        assert "start a new run" in widget(app, f"{run_id}:hidden_sizes").help

    def test_a_switch_reaches_the_run(self, open_app: Callable[..., AppTest], manager: RunManager, run_id: str) -> None:
        app = open_app(run=run_id)
        app.toggle(key=f"{run_id}:double_dqn").set_value(True).run()
        assert manager.snapshot(run_id).wanted_config.double_dqn
        wait_until(lambda: len(manager.store.changes(run_id)) == 1)
        assert not app.error

    @pytest.mark.parametrize(("name", "value"), [("learning_rate", 1e-3), ("buffer_size", 5_000), ("batch_size", 64)])
    def test_a_change_reaches_the_run(
        self, open_app: Callable[..., AppTest], manager: RunManager, run_id: str, name: str, value: float
    ) -> None:
        app = open_app(run=run_id)
        app.select_slider(key=f"{run_id}:{name}").set_value(value).run()
        assert getattr(manager.snapshot(run_id).wanted_config, name) == value
        wait_until(lambda: len(manager.store.changes(run_id)) == 1)
        assert not app.error

    def test_a_refused_change_is_explained_and_taken_back(
        self, open_app: Callable[..., AppTest], manager: RunManager, run_id: str
    ) -> None:
        app = open_app(run=run_id)
        app.select_slider(key=f"{run_id}:batch_size").set_value(2048).run()
        (error,) = app.error
        assert "Batch size" in error.value
        assert "must be at most Replay memory size = 1,000" in error.value
        assert app.select_slider(key=f"{run_id}:batch_size").value == 128
        assert manager.snapshot(run_id).wanted_config.batch_size == 128
        app.select_slider(key=f"{run_id}:batch_size").set_value(64).run()
        assert not app.error

    def test_a_change_after_the_end_is_refused_in_words(
        self, open_app: Callable[..., AppTest], manager: RunManager, run_id: str
    ) -> None:
        app = open_app(run=run_id)
        manager.stop(run_id)
        wait_until(lambda: not manager.snapshot(run_id).is_active)
        app.select_slider(key=f"{run_id}:gamma").set_value(0.9).run()
        assert not app.exception
        assert any("The run is over" in each.value for each in app.error)


def test_after_a_run_its_settings_are_a_draft_of_the_next(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    manager.change(run_id, "gamma", 0.95)
    manager.stop(run_id)
    wait_until(lambda: not manager.snapshot(run_id).is_active)
    app = open_app(run=run_id)
    assert app.select_slider(key=f"{run_id}:gamma").value == 0.95
    app.number_input(key=f"{run_id}:seed").set_value(9).run()
    app.button(key="start").click().run()
    newest, _ = manager.list_runs()
    assert newest.run_id == app.query_params["run"] != run_id
    assert (newest.initial_config.gamma, newest.initial_config.seed) == (0.95, 9)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (10_000, "10,000"),
        (0.005, "0.005"),
        (2e-4, "2e-4"),
        (2.5e-4, "2.5e-4"),
        (1e-8, "1e-8"),
        (0.99, "0.99"),
        (1.0, "1"),
        (0.0, "0"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_are_written_as_people_read_them(number: float, text: str) -> None:
    assert number_text(number) == text


def test_one_two_five_steps_are_exact() -> None:
    assert one_two_five(1e-4, 1e-2) == (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
    assert one_two_five(10, 1_000) == (10, 20, 50, 100, 200, 500, 1_000)


@given(some.integers(1, 5_000), some.integers(0, 6_000))
def test_first_below_is_the_first(end: int, crossing: int) -> None:
    found = first_below(lambda k: 1.0 if k < crossing else 0.0, 0.5, end)
    assert found == (crossing if crossing <= end else None)


def test_problems_follow_the_draft() -> None:
    draft = TrainingConfig().to_dict()
    form = FormState("new", draft, is_live=False)
    assert form.problems() == {}
    draft["gamma"] = 2.0
    assert list(form.problems()) == ["gamma"]
    draft |= {"gamma": 0.9, "batch_size": 0}
    assert list(form.problems()) == ["batch_size"]


def test_another_environment_keeps_the_chosen_preset_where_it_has_one_so_called(app: AppTest) -> None:
    app.segmented_control(key="new:preset").set_value("fast").run()
    app.selectbox(key="new:environment").set_value("LunarLander-v3").run()
    assert app.segmented_control(key="new:preset").value == "fast"
    app.number_input(key="new:max_episodes").set_value(77).run()  # a preset no more
    app.selectbox(key="new:environment").set_value("CartPole-v1").run()
    assert app.segmented_control(key="new:preset").value == "fast"
    app.selectbox(key="new:environment").set_value("another").run()
    app.text_input(key="new:env_id").set_value("CartPole-v0").run()
    assert app.segmented_control(key="new:preset").value == "default"
    app.selectbox(key="new:environment").set_value("LunarLander-v3").run()
    assert app.segmented_control(key="new:preset").value == "fast"
    assert not app.exception


def test_a_width_of_thousands_of_digits_is_refused_in_words(app: AppTest) -> None:
    app.text_input(key="new:hidden_sizes").set_value("9" * 5_000).run()
    assert not app.exception
    assert app.button(key="start").disabled
    said = [each.value for each in app.error if "999" in each.value]
    assert said
    assert all(len(each) < 600 for each in said)


def test_limits_that_come_before_epsilon_has_decayed_are_said_beside_the_fields(app: AppTest) -> None:
    def told() -> list[str]:
        return [each.value for each in app.warning if "before epsilon has decayed" in each.value]

    app.segmented_control(key="new:preset").set_value("fast").run()
    assert not told()
    open_groups(app)
    app.number_input(key="new:max_env_steps").set_value(4_000).run()
    assert len(told()) == 2  # by the decay steps, and by the limit
    assert "raise Max env steps" in told()[0]
    assert not app.button(key="start").disabled
    app.select_slider(key="new:epsilon_decay_steps").set_value(1_000).run()
    assert not told()
