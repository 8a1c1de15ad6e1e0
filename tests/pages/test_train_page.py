from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from app_pages import to_page
from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from dqn_core.training import machine
from scripted_trainer import wait_for_end, wait_until
from strategies import weights_of
from trainer_runs import snapshot_of

BUTTONS = ("start", "pause", "step", "resume", "stop")


def possible(app: AppTest) -> set[str]:
    return {name for name in BUTTONS if not app.button(key=name).disabled}


def main_button(app: AppTest) -> list[str]:
    return [name for name in BUTTONS if app.button(key=name).proto.type == "primary"]


def state_is(manager: RunManager, run_id: str, state: RunState) -> None:
    wait_until(lambda: manager.snapshot(run_id).record.state is state)


@pytest.fixture
def run_id(manager: RunManager) -> str:
    run_id = manager.start(TrainingConfig(seed=7))
    state_is(manager, run_id, RunState.RUNNING)
    return run_id


def test_the_empty_page_says_what_to_do(app: AppTest) -> None:
    assert app.title[0].value == "Train an agent"
    assert "Watch an agent learn" in [each.value for each in app.header]
    assert possible(app) == {"start"}
    assert main_button(app) == ["start"]
    assert not app.error
    assert not app.query_params


def test_the_picture_is_a_part_of_the_page(app: AppTest) -> None:
    """One that Streamlit serves is forgotten when the page is left, and whoever asks for it then is told 404."""
    addresses = [each.url for pictures in app.get("image") for each in pictures.proto.imgs]
    assert addresses
    assert all(each.startswith("data:") for each in addresses)


def test_start_begins_a_run_with_the_forms_settings_and_names_it_in_the_address(
    app: AppTest, manager: RunManager
) -> None:
    app.number_input(key="new:seed").set_value(42)
    app.select_slider(key="new:learning_rate").set_value(5e-4).run()
    app.button(key="start").click().run()
    (record,) = manager.list_runs()
    assert app.query_params == {"run": record.run_id}
    assert record.initial_config.seed == 42
    assert record.initial_config.learning_rate == 5e-4
    assert app.title[0].value == "CartPole-v1"
    assert not app.exception


def test_the_controls_follow_the_run(open_app: Callable[..., AppTest], manager: RunManager, run_id: str) -> None:
    app = open_app(run=run_id)
    assert possible(app) == {"pause", "stop"}
    assert main_button(app) == ["pause"]
    app.button(key="pause").click().run()
    state_is(manager, run_id, RunState.PAUSED)
    assert possible(app.run()) == {"step", "resume", "stop"}
    assert main_button(app) == ["resume"]
    app.button(key="step").click().run()
    wait_until(lambda: manager.snapshot(run_id).record.env_steps == 61)
    app.button(key="resume").click().run()
    state_is(manager, run_id, RunState.RUNNING)
    app.button(key="stop").click().run()
    state_is(manager, run_id, RunState.STOPPED)
    assert possible(app.run()) == {"start", "resume"}
    assert app.query_params == {"run": run_id}


def test_a_run_that_waits_can_be_stopped_and_nothing_else(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    *_running, waiting = (manager.start(TrainingConfig(seed=seed)) for seed in range(3))
    app = open_app(run=waiting)
    assert manager.snapshot(waiting).queue_position == 1
    assert possible(app) == {"stop"}
    assert main_button(app) == []
    app.button(key="stop").click().run()
    state_is(manager, waiting, RunState.STOPPED)
    assert possible(app.run()) == {"start", "resume"}
    app.button(key="resume").click().run()
    assert manager.snapshot(waiting).queue_position == 1
    manager.stop(run_id)
    state_is(manager, waiting, RunState.RUNNING)


def test_more_runs_than_one_visitor_may_have_are_refused_in_words(app: AppTest, manager: RunManager) -> None:
    manager._max_runs_per_visitor = 1
    app.session_state["visitor_id"] = "me"
    manager.start(TrainingConfig(), owner="me")
    app.button(key="start").click().run()
    assert ["You have 1 run that is training, waiting or paused" in each.value for each in app.error] == [True]
    assert len(manager.list_runs()) == 1


def test_a_run_without_a_checkpoint_says_why_it_cannot_go_on(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    manager.stop(run_id)
    state_is(manager, run_id, RunState.STOPPED)
    app = open_app(run=run_id)
    app.button(key="resume").click().run()
    assert any("There is no checkpoint" in error.value for error in app.error)
    assert manager.snapshot(run_id).record.state is RunState.STOPPED


def test_the_settings_to_go_on_with_are_those_that_the_run_went_on_with(
    open_app: Callable[..., AppTest], manager: RunManager
) -> None:
    run_id = manager.start(TrainingConfig(seed=7, max_episodes=3))
    state_is(manager, run_id, RunState.RUNNING)
    manager.stop(run_id)
    state_is(manager, run_id, RunState.STOPPED)
    app = open_app(run=run_id)
    assert app.number_input(key=f"{run_id}:max_episodes").value == 3
    manager.store.update_run(run_id, config=TrainingConfig(seed=7, max_episodes=30, epsilon_decay_rate=100.0))
    manager._runs.discard(run_id)  # as after it went on, with a rate that followed the limit, and ended
    app.run()
    assert app.number_input(key=f"{run_id}:max_episodes").value == 30
    app.number_input(key=f"{run_id}:max_episodes").set_value(40).run()
    assert app.run().number_input(key=f"{run_id}:max_episodes").value == 40


def test_two_tabs_show_the_same_run(open_app: Callable[..., AppTest], manager: RunManager, run_id: str) -> None:
    one, other = open_app(run=run_id), open_app(run=run_id)
    one.select_slider(key=f"{run_id}:gamma").set_value(0.9).run()
    assert manager.snapshot(run_id).wanted_config.gamma == 0.9
    assert other.run().select_slider(key=f"{run_id}:gamma").value == 0.9


def test_two_runs_do_not_mix(open_app: Callable[..., AppTest], manager: RunManager, run_id: str) -> None:
    second = manager.start(TrainingConfig(seed=8))
    one, other = open_app(run=run_id), open_app(run=second)
    one.select_slider(key=f"{run_id}:gamma").set_value(0.9).run()
    other.select_slider(key=f"{second}:gamma").set_value(0.5).run()
    assert manager.snapshot(run_id).wanted_config.gamma == 0.9
    assert manager.snapshot(second).wanted_config.gamma == 0.5
    assert one.run().select_slider(key=f"{run_id}:gamma").value == 0.9


def test_a_command_that_comes_too_late_is_refused_in_words(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    app = open_app(run=run_id)
    manager.stop(run_id)
    state_is(manager, run_id, RunState.STOPPED)
    app.button(key="pause").click().run()
    assert [each.value for each in app.error] == ["The run is over (Stopped): start a new run."]
    assert not app.run().error


def test_of_two_quick_presses_of_start_one_counts(app: AppTest, manager: RunManager) -> None:
    app.button(key="start").click().run()
    (record,) = manager.list_runs()
    app.query_params.clear()  # the second press left the browser before the first one's answer arrived
    second = app.button(key="start")
    second.proto.disabled = False
    second.click().run()
    assert [each.run_id for each in manager.list_runs()] == [record.run_id]
    assert app.query_params == {"run": record.run_id}
    assert not app.error


def test_the_address_of_an_earlier_click_does_not_lead_away_from_a_new_run(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    manager.stop(run_id)
    state_is(manager, run_id, RunState.STOPPED)
    app = open_app(run=run_id)
    app.button(key="start").click().run()
    newest = manager.list_runs()[0].run_id
    app.query_params["run"] = run_id
    assert app.run().query_params == {"run": newest}
    assert app.run().query_params == {"run": newest}
    app.query_params["run"] = run_id  # by now the browser has named the new run: this is a person's wish
    assert app.run().query_params == {"run": run_id}


def test_a_second_press_of_resume_or_stop_changes_nothing(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    app = open_app(run=run_id)
    app.button(key="pause").click().run()
    state_is(manager, run_id, RunState.PAUSED)
    resume = app.run().button(key="resume")
    manager.resume(run_id)
    state_is(manager, run_id, RunState.RUNNING)
    assert not resume.click().run().error
    stop = app.button(key="stop")
    manager.stop(run_id)
    state_is(manager, run_id, RunState.STOPPED)
    assert not stop.click().run().error


@pytest.mark.parametrize("run_id", ["20260101-000000-abcd", "../../etc/passwd", "../../etc", "<b>", "a" * 5_000])
def test_an_unknown_run_is_named_and_the_way_on_shown(open_app: Callable[..., AppTest], run_id: str) -> None:
    app = open_app(run=run_id)
    assert "There is no run" in app.warning[0].value
    assert possible(app) == {"start"}
    assert any(link.label == "New run" for link in app.get("page_link"))


def test_the_pace_reaches_the_run_in_steps_per_second(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    app = open_app(run=run_id)
    app.select_slider(key="pace").set_value(2).run()
    assert manager.snapshot(run_id).pace == 100.0
    assert open_app(run=run_id).select_slider(key="pace").value == 2
    app.select_slider(key="pace").set_value(math.inf).run()
    assert manager.snapshot(run_id).pace is None


def test_a_new_run_begins_in_real_time_and_full_speed_is_one_click_away(app: AppTest, manager: RunManager) -> None:
    app.button(key="start").click().run()
    snapshot = manager.snapshot(app.query_params["run"])
    assert (snapshot.pace, snapshot.is_pace_automatic) == (50.0, True)
    assert app.select_slider(key="pace").value == 0
    app.button(key="full-speed").click().run()
    snapshot = manager.snapshot(app.query_params["run"])
    assert (snapshot.pace, snapshot.is_pace_automatic) == (None, False)
    assert app.button(key="full-speed").disabled


def test_a_pace_chosen_before_the_start_holds_from_the_start(app: AppTest, manager: RunManager) -> None:
    app.select_slider(key="pace").set_value(1).run()
    app.button(key="start").click().run()
    assert manager.snapshot(app.query_params["run"]).pace == 50.0


def test_downloads_point_to_the_runs_files(open_app: Callable[..., AppTest], manager: RunManager, run_id: str) -> None:
    app = open_app(run=run_id)
    assert any("after the first evaluation" in each.value for each in app.caption)
    folder = manager.open_folder(run_id)
    for kind in ("best", "last"):
        folder.write_snapshot(snapshot_of(weights_of(0, (4, 32, 32, 2)), kind))
    app.run()
    app.segmented_control(key=f"{run_id}:weights-download").set_value("last").run()
    texts = "".join(each.proto.body for each in app.get("html"))
    for name in ("safetensors?weights=last", "onnx?weights=last", "xlsx", "parquet", "tensorboard"):
        assert f'href="live/runs/{run_id}/export/{name}"' in texts
    assert "export/checkpoint" not in texts
    for table, label in (("episodes", "Episodes (CSV)"), ("changes", "Live changes (CSV)")):
        address = f"live/runs/{run_id}/{table}.csv"
        assert f'<a href="{address}" download="{run_id}-{table}.csv">{label}</a>' in texts
    app.toggle(key="decimal_comma").set_value(True).run()
    texts = "".join(each.proto.body for each in app.get("html"))
    for table in ("episodes", "changes"):
        assert f'href="live/runs/{run_id}/{table}.csv?decimal=comma"' in texts


def test_earlier_runs_are_listed_newest_first(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    second = manager.start(TrainingConfig(env_id="LunarLander-v3"))
    state_is(manager, second, RunState.RUNNING)
    app = open_app()
    assert not [link for link in app.get("page_link") if "run=" in link.proto.query_string]  # the menu is closed
    app.session_state["past-runs"] = True
    links = [link for link in app.run().get("page_link") if "run=" in link.proto.query_string]
    assert [link.proto.query_string for link in links] == [f"run={second}", f"run={run_id}"]
    assert "LunarLander-v3" in links[0].label


def test_the_network_and_the_spaces_are_described(app: AppTest) -> None:
    tables = [each.value for each in app.table]
    assert list(tables[0]["Meaning"])[2] == "pole angle (rad)"
    assert list(tables[1]["Parameters"]) == ["160", "1,056", "66"]
    assert any("1,282 parameters" in each.value for each in app.header)


def test_a_data_folder_that_cannot_be_used_is_a_message(
    app: AppTest, manager: RunManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unusable(*_: object) -> None:
        template = "The folder {path} is gone."
        raise DqnLabError(template, path="data")

    monkeypatch.setattr(manager, "list_runs", unusable)
    app.session_state["past-runs"] = True
    app.run()
    assert not app.exception
    assert [each.value for each in app.error] == ["The folder data is gone."]


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "machine_memory", lambda: 500 * 2**20)


@pytest.mark.usefixtures("small_machine")
def test_what_cannot_fit_is_refused_with_the_setting_and_the_largest_value(
    open_app: Callable[..., AppTest], manager: RunManager
) -> None:
    app = open_app()
    app.select_slider(key="new:buffer_size").set_value(1_000_000).run()
    app.button(key="start").click().run()
    (error,) = app.error
    assert "memory" in error.value
    assert "1,000,000" in error.value
    assert "at most" in error.value
    assert not app.exception
    assert manager.list_runs() == []
    app.select_slider(key="new:buffer_size").set_value(10_000).run()
    app.button(key="start").click().run()
    assert len(manager.list_runs()) == 1


@pytest.mark.parametrize(
    "page", ["inside/page.py", "lessons/page.py", "play/page.py", "compare/page.py", "train/page.py"]
)
def test_the_way_back_leads_to_the_run(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str, page: str
) -> None:
    """The menu of pages leaves the address's parameters behind."""
    app = open_app(run=run_id)
    for name in (page, "train/page.py"):
        app.query_params.clear()
        to_page(app, name).run()
        assert not app.exception
    assert app.query_params["run"] == run_id
    assert possible(app) == {"pause", "stop"}
    assert len(manager.list_runs()) == 1


def test_whoever_left_a_run_for_a_new_one_comes_back_to_the_form_as_it_was(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    app = open_app(run=run_id)
    (link,) = (each for each in app.get("page_link") if each.label == "New run")
    app.query_params.clear()
    app.query_params.update({name: value for name, _, value in [link.proto.query_string.partition("=")]})
    app.run().number_input(key="new:seed").set_value(42).run()
    for name in ("inside/page.py", "train/page.py"):
        app.query_params.clear()
        to_page(app, name).run()
    assert "run" not in app.query_params
    assert app.number_input(key="new:seed").value == 42
    assert possible(app) == {"start"}


def test_a_run_that_was_deleted_meanwhile_is_not_come_back_to(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    app = open_app(run=run_id)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    manager.delete(run_id)
    for name in ("inside/page.py", "train/page.py", "replay/page.py", "compare/page.py"):
        app.query_params.clear()
        to_page(app, name).run()
        assert not app.exception
        assert not app.warning
        assert not app.error


def test_an_environment_that_was_played_is_no_run(open_app: Callable[..., AppTest], manager: RunManager) -> None:
    app = open_app(page="play/page.py", run="CartPole-v1")
    for name in ("inside/page.py", "replay/page.py", "train/page.py"):
        app.query_params.clear()
        to_page(app, name).run()
        assert not app.warning
        assert not app.error


def test_after_a_run_its_views_and_hints_are_offered(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    assert not any("What next?" in each.value for each in open_app(run=run_id).markdown)
    manager.stop(run_id)
    wait_until(lambda: not manager.snapshot(run_id).is_active)
    app = open_app(run=run_id)
    assert any("What next?" in each.value for each in app.markdown)
    labels = {each.proto.label for each in app.get("page_link")}
    assert {"Watch it", "Beat it", "Look inside"} <= labels
