"""What another visitor may not do, on a server with an instructor's code: every handler is tried.

Every callback of a widget and every trigger of a component stands in one of two tables here: what changes something
that has an owner, and what does not. One that is in neither fails the first test: whoever adds it says which it is, and
in the first case tries it as another visitor.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

import pages.replay.learning_gallery
import pages.server.process
import pages.shared.jobs.job_progress
from dqn_core.episodes.recordings import recording_name
from dqn_core.runs.jobs.orders import evaluation_order, recording_video_order
from dqn_core.runs.manager import RunManager
from pages.server.settings import settings
from pages.shared.visitor.identity import member_mark
from trainer_runs import recorded
from two_visitors import OTHER, OWNER, PAGES, Stage

REFUSALS = ("only they and the instructor can control it", "Only a teacher")


@pytest.fixture
def stage(manager: RunManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("DQN_LAB_INSTRUCTOR_CODE", "chalk-and-sponge")
    settings.cache_clear()
    yield Stage(manager, tmp_path)
    (tmp_path / "end").touch()
    settings.cache_clear()


# ------------------------------------------------------------------------------------------------ the attempts


def press(app: AppTest, name: str) -> AppTest:
    """Press the button with this key or label."""
    return next(each for each in app.button if name in {each.key, each.label}).click().run()


def control(name: str, state: str) -> Callable[[Stage], AppTest]:
    return lambda stage: press(stage.tab(run=getattr(stage, state)()), name)


def set_field(stage: Stage) -> AppTest:
    run_id = stage.running()
    return stage.tab(run=run_id).select_slider(key=f"{run_id}:gamma").set_value(0.9).run()


def set_argument(stage: Stage) -> AppTest:
    run_id = stage.running()
    return stage.tab(run=run_id).slider(key=f"{run_id}:env_kwargs.gravity").set_value(1.6).run()


def set_evaluation(stage: Stage) -> AppTest:
    run_id = stage.running()
    return stage.tab(run=run_id).multiselect(key=f"{run_id}:evaluation_env_kwargs").set_value(["gravity"]).run()


def set_formula(stage: Stage) -> AppTest:
    run_id = stage.running()
    return stage.tab(run=run_id).text_input(key=f"{run_id}:reward_formula").set_value("2*reward").run()


def set_further_arguments(stage: Stage) -> AppTest:
    run_id = stage.running(env_id="FrozenLake-v1")
    return stage.tab(run=run_id).text_input(key=f"{run_id}:env_kwargs-further").set_value("success_rate=1").run()


def set_pace(stage: Stage) -> AppTest:
    return stage.tab(run=stage.running()).select_slider(key="pace").set_value(2).run()


def hurry(stage: Stage) -> AppTest:
    run_id = stage.running()
    stage.manager.set_pace(run_id, 100.0)  # at full speed already, nobody can press the button
    stage.before = stage.world()
    return press(stage.tab(run=run_id), "full-speed")


def checkpoint(name: str, state: str) -> Callable[[Stage], AppTest]:
    def attempt(stage: Stage) -> AppTest:
        run_id = getattr(stage, state)()
        app = stage.tab(run=run_id)
        app.session_state["visitor_id"] = OWNER
        app.session_state[f"{run_id}:checkpoints"] = True  # the section is open
        app.run().session_state["visitor_id"] = OTHER
        return press(app, f"{run_id}:{name}")

    return attempt


def submit_as_ones_own(stage: Stage) -> AppTest:
    app = stage.tab(run=stage.over())
    app.text_input(key="leaderboard:name").set_value("mine")
    return press(app, "leaderboard:submit")


def submit_again(stage: Stage) -> AppTest:
    """The button of a page that was drawn before the run was submitted, of a run that is nobody's."""
    run_id = stage.over()
    stage.manager.store.update_run(run_id, owner="")
    app = stage.tab(run=run_id)
    app.text_input(key="leaderboard:name").set_value("mine")
    stage.submit(run_id)
    stage.before = stage.world()
    return press(app, "leaderboard:submit")


def withdraw_of_nobodys_run(stage: Stage) -> AppTest:
    run_id = stage.submitted()
    stage.manager.store.update_run(run_id, owner="")
    return press(stage.tab(run=run_id), "leaderboard:withdraw")


def _in_the_list_of_runs(run_id: str, action: str) -> None:
    from pages.runs import run_actions, run_dialogs
    from pages.runs.run_selection import show_outcome
    from pages.server.process import get_run_list

    lines = [line for line in get_run_list().lines(at_once=True) if line.run_id == run_id]
    if action == "rename":
        run_dialogs.ask_name(lines[0])
    elif action == "tags":
        run_dialogs.ask_tags(lines)
    elif action == "delete":
        run_dialogs.confirm_deletion(lines)
    elif action == "resume":
        run_actions._resume(lines)
    else:
        run_actions._stop(lines)
    show_outcome()


def in_the_list(action: str, state: str, button: str | None = None) -> Callable[[Stage], AppTest]:
    def attempt(stage: Stage) -> AppTest:
        run_id = getattr(stage, state)()
        app = stage.script(_in_the_list_of_runs, run_id, action)
        if button is None:
            return app
        assert not app.error
        for text in app.text_input:
            text.set_value("mine")
        return press(app, button)

    return attempt


def _in_the_list_of_experiments(experiment_id: str, action: str) -> None:
    from pages.experiments.experiment_actions import act_on_experiment, show_refusal

    act_on_experiment(experiment_id, action)
    show_refusal()


def experiment(action: str, *, is_over: bool) -> Callable[[Stage], AppTest]:
    def attempt(stage: Stage) -> AppTest:
        return stage.script(_in_the_list_of_experiments, stage.experiment(is_over=is_over), action)

    return attempt


def search(label: str, *, is_over: bool) -> Callable[[Stage], AppTest]:
    def attempt(stage: Stage) -> AppTest:
        stage.search(is_over=is_over)
        return press(stage.tab("search/page.py"), label)

    return attempt


def cancel_job(stage: Stage) -> AppTest:
    """A browser that says "cancel" of a job that it was shown."""
    run_id = stage.over()
    job = stage.job(evaluation_order(stage.manager, run_id, "best", 20, 10_000).key)
    said = SimpleNamespace(cancel=job.job_id, over=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages.shared.jobs.job_progress, "job_panel", lambda *_args, **_facts: said)
        return stage.tab("replay/page.py", drawn_for=OTHER, run=run_id)


def cancel_from_the_gallery(stage: Stage) -> AppTest:
    run_id = stage.over()
    name = recording_name(recorded(1, actions=(0, 1), episode_return=2.0))
    job = stage.job(recording_video_order(stage.manager, run_id, name).key)
    said = SimpleNamespace(cancel=job.job_id, play=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages.replay.learning_gallery, "gallery", lambda *_args, **_facts: said)
        return stage.tab("replay/page.py", drawn_for=OTHER, run=run_id)


def command_class(name: str) -> Callable[[Stage], AppTest]:
    """Press a button of a class's teacher."""

    def attempt(stage: Stage) -> AppTest:
        app = stage.class_tab()
        app.text_input(key="class:message").set_value("mine")
        return next(each for each in app.button if (each.key or "").startswith(name)).click().run()

    return attempt


def open_a_class(stage: Stage) -> AppTest:
    return press(stage.class_tab(), "Open the class")


def _to_member(class_id: str, member: str, action: str) -> None:
    import streamlit as st

    from pages.classroom.join import show_refusal
    from pages.classroom.teacher import act_on_member

    st.session_state["visitor_id"] = "another visitor"
    st.session_state[f"roster-{class_id}"] = {"action": {"member": member, "action": action, "nickname": "Eve"}}
    act_on_member(class_id)
    show_refusal("members")


def act_on_member(action: str) -> Callable[[Stage], AppTest]:
    def attempt(stage: Stage) -> AppTest:
        stage.class_tab()
        (opened,) = stage.manager.classes.open_classes()
        return stage.script(_to_member, opened.class_id, member_mark(opened.class_id, "a student"), action)

    return attempt


ATTEMPTS: Mapping[str, Mapping[str, Callable[[Stage], AppTest]]] = {
    "train/run_controls.py: run_controls on_click": {
        "pause": control("pause", "running"),
        "step": control("step", "paused"),
        "resume": control("resume", "paused"),
        "go-on": control("resume", "over"),
        "stop": control("stop", "running"),
    },
    "train/run_controls.py: _pace on_change": {"pace": set_pace},
    "train/run_controls.py: _pace on_click": {"full-speed": hurry},
    "train/field_widgets.py: field_widget on_change": {"field": set_field},
    "train/environment_fields.py: _argument on_change": {"argument": set_argument},
    "train/environment_fields.py: _further on_change": {"further-arguments": set_further_arguments},
    "train/environment_fields.py: _in_evaluations on_change": {"evaluation-arguments": set_evaluation},
    "train/environment_fields.py: _formula on_change": {"formula": set_formula},
    "train/checkpoints.py: _commands on_click": {
        "take-checkpoint": checkpoint("take-checkpoint", "running"),
        "from-best": checkpoint("from-best", "over"),
    },
    "train/submission.py: submission on_click": {
        "submit": submit_as_ones_own,
        "submit-again": submit_again,
        "withdraw": control("leaderboard:withdraw", "submitted"),
        "withdraw-nobodys": withdraw_of_nobodys_run,
    },
    "runs/run_actions.py: _commands on_click": {
        "list-resume": in_the_list("resume", "over"),
        "list-stop": in_the_list("stop", "running"),
    },
    "runs/run_actions.py: _offer_all on_click": {"list-resume-all": in_the_list("resume", "over")},
    "runs/run_dialogs.py: ask on_click": {
        "rename": in_the_list("rename", "over", "FormSubmitter:rename-Rename"),
        "tags": in_the_list("tags", "over", "FormSubmitter:tags-Save"),
        "delete": in_the_list("delete", "over", "really-delete"),
    },
    "experiments/view.py: experiment_list on_action_change": {
        "experiment-stop": experiment("stop", is_over=False),
        "experiment-resume": experiment("resume", is_over=True),
        "experiment-delete": experiment("delete", is_over=True),
    },
    "search/page.py: _button on_click": {
        "search-stop": search("Stop", is_over=False),
        "search-resume": search("Resume", is_over=True),
        "search-delete": search("Delete everything", is_over=True),
    },
    "shared/jobs/panels.py: job_panel on_cancel_change": {"cancel-job": cancel_job},
    "shared/jobs/panels.py: gallery on_cancel_change": {"cancel-from-gallery": cancel_from_the_gallery},
    "classroom/join.py: open_form on_click": {"open-class": open_a_class},
    "classroom/teacher.py: _members on_action_change": {
        "rename-member": act_on_member("rename"),
        "remove-member": act_on_member("remove"),
        "lower-hand": act_on_member("lower"),
        "let-in": act_on_member("let_in"),
    },
    "classroom/teacher.py: _runs on_click": {
        "pause-all": command_class("class:pause-all"),
        "resume-all": command_class("class:resume-all"),
        "stop-all": command_class("class:stop-all"),
    },
    "classroom/teacher.py: _announce on_click": {
        "announce": command_class("class:announce"),
        "take-away": command_class("class:unannounce"),
    },
    "classroom/teacher.py: _end on_click": {"archive": command_class("class:archive")},
    "classroom/teacher.py: _delete_button on_click": {"delete-class": command_class("class-delete-")},
    "classroom/assignment_form.py: _form on_click": {
        "assign": command_class("assign:give"),
        "unassign": command_class("assign:take-back"),
    },
}
"""What changes something that has an owner, and how another visitor tries it."""

_OWN_VIEW = "changes what this tab shows, or its address"
_OWN_DRAFT = "changes the draft of this tab's next run; of a live run it is another name for a field, tried above"
_OWN_START = "starts something that is the visitor's own"
HARMLESS: Mapping[str, str] = {
    "compare/page.py: _choices on_change": _OWN_VIEW,
    "shared/address_choices.py: address_select on_change": _OWN_VIEW,
    "shared/run_picker.py: _past_runs on_change": _OWN_VIEW,
    "train/checkpoints.py: checkpoints on_change": _OWN_VIEW,
    "train/config_form.py: _group on_change": _OWN_VIEW,
    "inside/batch.py: choose_batch on_click": _OWN_VIEW,
    "inside/environment.py: _by_hand on_change": _OWN_VIEW,
    "inside/environment.py: _by_hand on_click": _OWN_VIEW,
    "inside/states.py: _another on_click": _OWN_VIEW,
    "inside/update.py: _table on_select": _OWN_VIEW,
    "inside/update.py: _steps on_click": _OWN_VIEW,
    "inside/page.py: _run_choice on_change": _OWN_VIEW,
    "inside/page.py: _tabs on_change": _OWN_VIEW,
    "shared/jobs/panels.py: gallery on_play_change": _OWN_START,
    "shared/jobs/panels.py: job_panel on_over_change": "asks for a rerun",
    "train/panel.py: live_panel on_settings_change": "asks for a rerun",
    "train/panel.py: live_panel on_state_change": "asks for a rerun",
    "shared/run_table/table.py: run_table on_open_change": _OWN_VIEW,
    "shared/run_table/table.py: run_table on_selected_change": _OWN_VIEW,
    "replay/page.py: _episode on_change": _OWN_VIEW,
    "replay/page.py: _episode on_click": _OWN_VIEW,
    "replay/page.py: _other_arguments on_change": _OWN_VIEW,
    "shared/share/share.py: share on_change": _OWN_VIEW,
    "train/linked_settings.py: link_notice on_click": _OWN_DRAFT,
    "train/config_form.py: _preset on_change": _OWN_DRAFT,
    "train/environment_card.py: _other_id on_change": _OWN_DRAFT,
    "train/environment_card.py: environment_card on_change": _OWN_DRAFT,
    "replay/evaluation.py: evaluation on_click": _OWN_START,
    "inside/overestimation.py: _returns on_click": _OWN_START,
    "replay/video_export.py: video_export on_click": _OWN_START,
    "train/environment_check.py: _check on_click": _OWN_START,
    "lessons/page.py: _buttons on_click": _OWN_START,
    "lessons/page.py: _question on_change": "keeps the visitor's own prediction",
    "inside/page.py: _run_line on_click": "asks for a checkpoint, at most every three seconds; the run goes on",
    "classroom/join.py: join_form on_click": "makes the visitor a member",
    "classroom/join.py: lead_form on_click": "leads a class by its teacher's link: see test_class_page.py",
    "classroom/student.py: _nickname on_click": "changes the visitor's own nickname, or has them leave",
    "shared/visitor/class_strip.py: class_strip on_hand_change": "raises or lowers the visitor's own hand",
    "shared/visitor/class_strip.py: class_strip on_stale_change": "asks for a rerun",
    "shared/browser/server_watch.py: server_watch on_stale_change": "asks for a rerun",
    "shared/visitor/instructor.py: _ask on_click": "asks for the instructor's code",
    "shared/visitor/instructor.py: instructor_switch on_click": "gives up what the visitor may do",
}
"""What changes nothing that has another owner, and why."""


def _handlers() -> set[str]:
    """``file: function keyword`` of every callback that any page gives to a widget or a component."""
    found = set()
    for path in sorted(PAGES.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for function in (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)):
            nested = {id(each) for inner in _inner_functions(function) for each in ast.walk(inner)}
            for node in (each for each in ast.walk(function) if id(each) not in nested):
                name = path.relative_to(PAGES).as_posix()
                if isinstance(node, ast.Call):
                    names = [each.arg or "" for each in node.keywords]
                elif isinstance(node, ast.Dict):
                    names = [str(each.value) for each in node.keys if isinstance(each, ast.Constant)]
                else:
                    continue
                found |= {f"{name}: {function.name} {each}" for each in names if _is_callback(each)}
    return found


def _is_callback(keyword: str) -> bool:
    return keyword.startswith("on_") and keyword.endswith(("_click", "_change", "_submit", "_select", "_dismiss"))


def _inner_functions(function: ast.FunctionDef) -> Iterator[ast.FunctionDef]:
    return (each for each in ast.walk(function) if isinstance(each, ast.FunctionDef) and each is not function)


def test_every_handler_is_in_one_of_the_two_tables() -> None:
    found = _handlers()
    assert not ATTEMPTS.keys() & HARMLESS.keys()
    assert found == ATTEMPTS.keys() | HARMLESS.keys()


@pytest.mark.parametrize(
    "attempt",
    [pytest.param(attempt, id=name) for attempts in ATTEMPTS.values() for name, attempt in attempts.items()],
)
def test_another_visitor_is_refused_in_words(stage: Stage, attempt: Callable[[Stage], AppTest]) -> None:
    app = attempt(stage)
    assert not app.exception
    assert [each.value for each in app.error if any(refusal in each.value for refusal in REFUSALS)]
    assert stage.world() == stage.before
