from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import pages.server.process
from app_pages import to_page
from browser_sources import data_of
from dqn_core.config import TrainingConfig
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from pages.runs.run_selection import select_runs
from pages.shared.run_table.table import COMPONENT_NAME
from scripted_trainer import a_run_of, following, wait_for_end, wait_until

NAVIGATION = Path(pages.__file__).with_name("navigation.py")
BUTTONS = ("runs-resume", "runs-stop", "runs-rename", "runs-tags", "runs-delete")

OpenRuns = Callable[..., AppTest]


@pytest.fixture
def open_runs(manager: RunManager) -> OpenRuns:
    """Open the page of all runs in a new tab, with some of them chosen."""

    def opened(*selected: str, locale: str = "en-US") -> AppTest:
        app = AppTest.from_file(str(NAVIGATION), default_timeout=30)
        app.context = {"locale": locale}
        app.session_state["runs-selected"] = selected
        to_page(app, "runs/page.py").run()
        assert not app.exception
        return app

    return opened


def _over(manager: RunManager, name: str = "", **config: Any) -> str:
    """A run that was stopped."""
    run_id = manager.start(TrainingConfig(**config), name)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    return run_id


def _going(manager: RunManager) -> str:
    run_id = manager.start(TrainingConfig())
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    return run_id


def _table(app: AppTest) -> dict[str, Any]:
    (proto,) = (each.proto for each in app.get("bidi_component") if each.proto.component_name == COMPONENT_NAME)
    return data_of(proto)


def _possible(app: AppTest) -> set[str]:
    return {name.removeprefix("runs-") for name in BUTTONS if not app.button(key=name).disabled}


def test_without_runs_the_page_shows_a_way_out(open_runs: OpenRuns) -> None:
    app = open_runs()
    assert app.header[0].value == "No runs yet"
    assert [link.proto.label for link in app.get("page_link")][-1] == "Train the first one"
    assert COMPONENT_NAME not in [each.proto.component_name for each in app.get("bidi_component")]


def test_what_can_be_done_depends_on_what_is_chosen(open_runs: OpenRuns, manager: RunManager) -> None:
    first, second, going = _over(manager), _over(manager), _going(manager)
    assert _possible(open_runs()) == set()
    assert _possible(open_runs(first)) == {"resume", "rename", "tags", "delete"}
    assert _possible(open_runs(first, second)) == {"resume", "tags", "delete"}
    assert _possible(open_runs(going)) == {"stop", "rename", "tags", "delete"}
    app = open_runs(first, "20260401-143501-gone")
    assert _table(app)["selected"] == [first]  # one that was deleted elsewhere is chosen no more


def test_a_run_is_renamed(open_runs: OpenRuns, manager: RunManager) -> None:
    run_id = _over(manager, "old")
    app = open_runs(run_id)
    stamp = _table(app)["stamp"]
    app.button(key="runs-rename").click().run()
    assert app.text_input(key=f"name-{run_id}").value == "old"
    app.text_input(key=f"name-{run_id}").set_value("new *name*")
    app.button(key="FormSubmitter:rename-Rename").click().run()
    assert manager.snapshot(run_id).record.name == "new *name*"
    assert _table(app)["stamp"] != stamp  # so that the table looks at once


def test_tags_in_common_are_changed_and_others_stay(open_runs: OpenRuns, manager: RunManager) -> None:
    first, second = _over(manager), _over(manager)
    manager.tag(first, ["exam", "old", "own"])
    manager.tag(second, ["exam", "old"])
    app = open_runs(first, second)
    app.button(key="runs-tags").click().run()
    (pills,) = app.button_group
    assert (set(pills.value), set(pills.options)) == ({"exam", "old"}, {"exam", "old", "own"})
    pills.set_value(["exam", "own"])
    app.text_input(key=f"new-tags-{first}-{second}").set_value("week 3, , exam")
    app.button(key="FormSubmitter:tags-Save").click().run()
    assert manager.snapshot(first).record.tags == ("own", "exam", "week 3")
    assert manager.snapshot(second).record.tags == ("exam", "own", "week 3")


def test_runs_are_deleted_after_a_question_and_those_that_train_stay(open_runs: OpenRuns, manager: RunManager) -> None:
    first, second, going = _over(manager, "a_b [c]"), _over(manager), _going(manager)
    app = open_runs(first, second, going)
    app.button(key="runs-delete").click().run()
    assert "cannot be undone" in app.warning[0].value
    assert "not over yet: 1" in app.info[0].value
    assert r"a\_b \[c\]" in app.markdown[-1].value
    assert len(manager.list_runs()) == 3
    app.button(key="really-delete").click().run()
    assert [record.run_id for record in manager.list_runs()] == [going]
    assert not manager.folder_of(first).exists()


def test_keeping_them_deletes_nothing(open_runs: OpenRuns, manager: RunManager) -> None:
    run_id = _over(manager)
    app = open_runs(run_id)
    app.button(key="runs-delete").click().run()
    app.button(key="keep").click().run()
    assert manager.folder_of(run_id).exists()


def test_what_a_run_refuses_is_said_with_its_name(open_runs: OpenRuns, manager: RunManager) -> None:
    first, second = _over(manager, "*one*"), _over(manager, "two")
    for run_id in (first, second):  # as after a crash of a run that had begun
        manager.store.update_run(run_id, episodes=3)
    pages.server.process.close_manager()
    later = RunManager(manager.folder_of(first).parents[1], trainer_factory=following(a_run_of(1)))
    pages.server.process._managers.append(later)
    app = open_runs(first, second)
    app.button(key="runs-resume").click().run()
    (error,) = app.error
    assert error.value.count("no checkpoint") == 2
    assert r"**\*one\***" in error.value


def test_interrupted_runs_are_taken_up_again_with_one_press(open_runs: OpenRuns, manager: RunManager) -> None:
    runs = [_over(manager) for _ in range(2)]
    assert not [button for button in open_runs().button if button.key == "runs-resume-all"]
    for run_id in runs:
        manager.store.rewind(run_id, 0, -1, state=RunState.INTERRUPTED, env_steps=0, episodes=0)
    pages.server.process.close_manager()
    later = RunManager(manager.folder_of(runs[0]).parents[1], trainer_factory=following(a_run_of(1)))
    pages.server.process._managers.append(later)
    app = open_runs()
    app.button(key="runs-resume-all").click().run()
    for run_id in runs:
        wait_for_end(later, run_id)
        assert later.snapshot(run_id).record.state is RunState.FINISHED


def test_a_name_that_is_pressed_opens_its_run(open_runs: OpenRuns, manager: RunManager) -> None:
    run_id = _over(manager)
    app = open_runs()
    app.session_state["runs-open"] = run_id
    app.run()
    assert app.query_params["run"] == run_id
    assert not app.exception


def test_the_page_is_there_in_korean(open_runs: OpenRuns, manager: RunManager) -> None:
    _over(manager)
    app = open_runs(locale="ko-KR")
    assert app.title[0].value == "실행 목록"
    labels = _table(app)["labels"]
    assert not [name for name in labels if name.startswith("column_") and labels[name].isascii()]


def test_a_thousand_runs_are_no_burden(open_runs: OpenRuns, manager: RunManager) -> None:
    record = manager.snapshot(_over(manager)).record
    values = vars(record)
    for number in range(1_000):
        manager.store.create_run(type(record)(**values | {"run_id": f"20260401-143501-{number:04d}"}))
    app = open_runs()
    assert len(json.dumps(_table(app))) < 5_000  # lines come by themselves, not with the page
    select_runs(())
