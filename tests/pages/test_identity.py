"""Whoever started a run controls it, others watch, and the instructor controls all; each tab here is a visitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from app_pages import to_page
from dqn_core.config import TrainingConfig
from dqn_core.events import RunState
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.manager import RunManager
from pages.server.settings import settings
from pages.shared.visitor import identity
from scripted_trainer import wait_until

CODE = "chalk-and-sponge"
BUTTONS = ("start", "pause", "step", "resume", "stop")
OpenApp = Callable[..., AppTest]


@pytest.fixture
def _with_a_code(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DQN_LAB_INSTRUCTOR_CODE", CODE)
    monkeypatch.setattr(identity, "_wrong_attempts", identity._WrongAttempts())
    monkeypatch.setattr(identity, "_address", lambda: "10.0.0.7")
    settings.cache_clear()
    yield
    settings.cache_clear()


def possible(app: AppTest) -> set[str]:
    return {name for name in BUTTONS if not app.button(key=name).disabled}


def state_is(manager: RunManager, run_id: str, state: RunState) -> None:
    wait_until(lambda: manager.snapshot(run_id).record.state is state)


def started(app: AppTest, manager: RunManager) -> str:
    app.button(key="start").click().run()
    run_id = app.query_params["run"]
    state_is(manager, run_id, RunState.RUNNING)
    app.run()
    return str(run_id)


def enter_code(app: AppTest, code: str) -> AppTest:
    app.text_input(key="instructor_code").set_value(code)
    next(each for each in app.button if each.label == "I am the instructor").click()
    return app.run()


def watching(app: AppTest) -> list[str]:
    return [each.value for each in app.info if "This run was started by visitor" in each.value]


def test_without_a_code_everybody_controls_everything(open_app: OpenApp, manager: RunManager) -> None:
    run_id = started(open_app(), manager)
    assert manager.snapshot(run_id).record.owner
    other = open_app(run=run_id)
    assert possible(other) == {"pause", "stop"}
    assert not watching(other)
    assert not any(each.key == "instructor_code" for each in other.text_input)
    other.button(key="stop").click().run()
    state_is(manager, run_id, RunState.STOPPED)


def stop_experiment(experiment_id: str) -> None:
    """What the list of experiments does when its button is pressed."""
    from pages.experiments.experiment_actions import act_on_experiment, show_refusal

    act_on_experiment(experiment_id, "stop")
    show_refusal()


def stop_every_run() -> None:
    """What the list of runs does when its button is pressed."""
    from pages.runs.run_selection import do_to_runs, show_outcome
    from pages.server.process import get_manager, get_run_list

    do_to_runs(get_run_list().lines(at_once=True), get_manager().stop, "{n}")
    show_outcome()


@pytest.mark.usefixtures("_with_a_code")
class TestOnAServerWithACode:
    def test_the_owner_controls_and_others_watch(self, open_app: OpenApp, manager: RunManager) -> None:
        owner = open_app()
        run_id = started(owner, manager)
        assert possible(owner) == {"pause", "stop"}
        assert not watching(owner)

        other = open_app(run=run_id)
        assert possible(other) == set()
        (said,) = watching(other)
        assert "only they and the instructor can control it" in said
        assert other.select_slider(key=f"{run_id}:gamma").disabled
        assert other.select_slider(key="pace").disabled
        assert not other.toggle(key="watch").disabled
        assert any("only the person who started this run" in each.value for each in other.caption)

        other.query_params["run"] = ""  # the link "New run"
        own = started(other.run(), manager)
        assert possible(other) == {"pause", "stop"}
        assert manager.snapshot(own).record.owner != manager.snapshot(run_id).record.owner

    def test_what_was_possible_when_the_page_was_drawn_is_refused_when_it_is_asked(
        self, open_app: OpenApp, manager: RunManager
    ) -> None:
        """A disabled button alone keeps nobody out: whoever writes to the WebSocket by hand presses it too."""
        run_id = manager.start(TrainingConfig())
        state_is(manager, run_id, RunState.RUNNING)
        tabs = [open_app(run=run_id) for _ in range(4)]
        assert possible(tabs[0]) == {"pause", "stop"}
        manager.feed(run_id).relabel(owner="somebody else")
        before = manager.snapshot(run_id)
        tabs[0].button(key="pause").click().run()
        tabs[1].button(key="stop").click().run()
        tabs[2].select_slider(key=f"{run_id}:gamma").set_value(0.9).run()
        tabs[3].select_slider(key="pace").set_value(2).run()
        for tab in tabs:
            assert any("only they and the instructor can control it" in each.value for each in tab.error)
            assert possible(tab) == set()
        after = manager.snapshot(run_id)
        assert (after.record.state, after.wanted_config, after.pace) == (RunState.RUNNING, before.wanted_config, None)

    def test_a_run_that_is_over_goes_on_for_its_owner_alone(self, open_app: OpenApp, manager: RunManager) -> None:
        owner = open_app()
        run_id = started(owner, manager)
        owner.button(key="stop").click().run()
        state_is(manager, run_id, RunState.STOPPED)
        assert possible(open_app(run=run_id)) == {"start"}
        assert possible(owner.run()) == {"start", "resume"}

    def test_a_run_without_an_owner_is_everybodys(self, open_app: OpenApp, manager: RunManager) -> None:
        run_id = manager.start(TrainingConfig())
        state_is(manager, run_id, RunState.RUNNING)
        assert possible(open_app(run=run_id)) == {"pause", "stop"}

    def test_other_pages_refuse_too(self, open_app: OpenApp, manager: RunManager) -> None:
        run_id = started(open_app(), manager)
        runs = open_app()
        runs.session_state["runs-selected"] = (run_id,)
        to_page(runs, "runs/page.py").run()
        assert all(runs.button(key=f"runs-{each}").disabled for each in ("stop", "rename", "tags", "delete"))
        assert any("started by others: 1" in each.value for each in runs.caption)
        anyway = AppTest.from_function(stop_every_run, default_timeout=30).run()
        assert any("only they and the instructor can control it" in each.value for each in anyway.error)
        train = open_app(run=run_id)
        train.session_state[f"{run_id}:checkpoints"] = True  # the section is open
        train.run()
        assert train.button(key=f"{run_id}:take-checkpoint").disabled
        assert manager.snapshot(run_id).record.state is RunState.RUNNING

    def test_an_experiment_is_its_owners(self, open_app: OpenApp, manager: RunManager) -> None:
        owner = open_app()
        to_page(owner, "experiments/page.py").run()
        owner.button(key="experiment:start").click().run()
        (status,) = Experiments(manager).latest()
        assert status.record.owner
        assert {run.owner for run in status.runs} == {status.record.owner}
        other = AppTest.from_function(stop_experiment, args=(status.record.experiment_id,), default_timeout=30).run()
        assert ["only they and the instructor" in each.value for each in other.error] == [True]
        assert any(run.state.is_active for run in Experiments(manager).latest()[0].runs)
        other.session_state["visitor_id"] = status.record.owner
        assert not other.run().error
        wait_until(lambda: not any(run.state.is_active for run in Experiments(manager).latest()[0].runs))

    def test_the_instructor_controls_all_until_they_give_it_up(self, open_app: OpenApp, manager: RunManager) -> None:
        run_id = started(open_app(), manager)
        instructor = open_app(run=run_id)
        enter_code(instructor, f" {CODE} ")
        assert possible(instructor) == {"pause", "stop"}
        instructor.button(key="pause").click().run()
        state_is(manager, run_id, RunState.PAUSED)
        instructor.select_slider(key=f"{run_id}:gamma").set_value(0.9).run()
        assert manager.snapshot(run_id).wanted_config.gamma == 0.9
        next(each for each in instructor.button if each.label == "Leave instructor mode").click().run()
        assert possible(instructor) == set()
        assert watching(instructor)

    def test_a_wrong_code_opens_nothing_and_many_are_too_many(self, open_app: OpenApp, manager: RunManager) -> None:
        run_id = started(open_app(), manager)
        guesser = open_app(run=run_id)
        for wrong in ("", "chalk", CODE.upper(), f"{CODE}s", "x" * 200):
            enter_code(guesser, wrong)
            assert [each.value for each in guesser.error] == ["This is not the instructor's code."]
            assert guesser.text_input(key="instructor_code").value == ""
        enter_code(guesser, CODE)
        assert [each.value for each in guesser.error] == ["Too many wrong codes: wait a minute, then try again."]
        assert possible(guesser) == set()

    def test_after_a_minute_the_code_is_asked_for_again(
        self, open_app: OpenApp, manager: RunManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = identity._wrong_attempts
        for _ in range(5):
            attempts.add("there")
        attempts.refuse_more_from("elsewhere")
        with pytest.raises(identity.AccessError):
            attempts.refuse_more_from("there")
        attempts._latest = type(attempts._latest)((at - 61.0, address) for at, address in attempts._latest)
        attempts.refuse_more_from("there")
        for number in range(50):
            attempts.add(f"address {number}")
        with pytest.raises(identity.AccessError):
            attempts.refuse_more_from("one more")


@pytest.mark.usefixtures("_with_a_code")
def test_only_the_instructor_has_modules_imported(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def type_id(app: AppTest) -> AppTest:
        app.selectbox(key="new:environment").set_value("another").run()
        return app.text_input(key="new:env_id").set_value("gymnasium:CartPole-v1").run()

    student = type_id(open_app())
    assert any("only the instructor can have one imported" in each.value for each in student.error)
    assert student.button(key="start").disabled
    assert student.session_state["new:draft"]["env_id"] == ""
    instructor = type_id(enter_code(open_app(), CODE))
    assert not instructor.error
    assert not instructor.button(key="start").disabled
