"""A class on its page: opened by a teacher, joined by students, and what they may do there and may not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from app_pages import to_page
from dqn_core.events import RunState
from dqn_core.presets import preset_config
from dqn_core.runs.classes.classroom import Assignment, Classroom, Opening, Place
from dqn_core.runs.manager import RunManager
from pages.classroom import address as address_module
from pages.classroom.address import class_address, network_address
from pages.server.settings import settings
from pages.shared.visitor.identity import member_mark, signer
from scripted_trainer import wait_until

Opened = Callable[..., AppTest]
PAGE = "classroom/page.py"
CONFIG = preset_config("CartPole-v1", "fast")


@pytest.fixture
def _with_a_code(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DQN_LAB_INSTRUCTOR_CODE", "chalk-and-sponge")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def classroom(manager: RunManager) -> Classroom:
    """A class of the visitor "teacher" with the members "one" and "two"."""
    classes = manager.classes
    opened = classes.open("Thursday", "teacher")
    classes.join(opened.code, "one", "Mina")
    classes.join(opened.code, "two", "Ben")
    return opened


def assign(manager: RunManager, classroom: Classroom, **values: object) -> None:
    given = {"config": CONFIG, "open": {"gamma": Opening(low=0.9, high=0.99), "seed": Opening()}}
    manager.classes.assign(classroom.class_id, Assignment(**{"pushed_at": datetime.now(UTC)} | given | values))


def tab(opened: Opened, visitor: str, page: str = PAGE, **query: str) -> AppTest:
    """The page as this visitor's browser shows it."""
    app = opened(page="start/page.py")
    app.session_state["visitor_id"] = visitor
    for name, value in query.items():
        app.query_params[name] = value
    to_page(app, page).run()
    assert not app.exception
    return app


def press(app: AppTest, name: str) -> AppTest:
    next(each for each in app.button if name in {each.key, each.label}).click().run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    return "\n".join(
        str(each.value) for kind in ("markdown", "caption", "header", "info", "error") for each in app.get(kind)
    )


def shows_the_code(app: AppTest, classroom: Classroom) -> bool:
    """Whether the page shows how to join the class, as its teacher's does."""
    return any(f">{classroom.code}<" in each.proto.body for each in app.get("html"))


def link_to_lead(teachers_page: AppTest) -> str:
    """The ticket in the link that a teacher's page shows for other browsers."""
    (ticket,) = (found[1] for each in teachers_page.code if (found := re.search(r"/class\?lead=(\S+)", each.value)))
    return ticket


# ------------------------------------------------------------------------------------------------------ open and join


def test_a_teacher_opens_a_class_and_sees_how_to_join_it(open_app: Opened, manager: RunManager) -> None:
    app = open_app(page=PAGE)
    app.text_input(key="class:title").set_value("<b>Thursday</b>")
    press(app, "Open the class")
    (opened,) = manager.classes.open_classes()
    way_in = next(each.proto.body for each in app.get("html") if "class-code" in each.proto.body)
    assert opened.code in way_in
    assert "/class</p>" in way_in
    assert "&lt;b&gt;Thursday" in way_in
    assert "<b>" not in way_in
    assert 'src="data:image/svg+xml' in way_in


def test_a_student_joins_by_the_address_and_comes_back_by_the_cookie(open_app: Opened, manager: RunManager) -> None:
    opened = manager.classes.open("Thursday", "teacher")
    app = tab(open_app, "one", code=opened.code.lower())
    assert app.text_input(key="class:code").value == opened.code
    app.text_input(key="class:nickname").set_value("Mina")
    press(app, "Join")
    assert manager.classes.nickname("one") == "Mina"
    assert "Nothing is assigned yet" in texts(app)
    assert "Nothing is assigned yet" in texts(tab(open_app, "one"))
    assert "Nothing is assigned yet" not in texts(tab(open_app, "another"))


@pytest.mark.parametrize(
    ("nickname", "said"),
    [("ＭＩＮＡ", "called Mina already"), ("a\u202eb", "invisible character"), ("", "1 to 24 characters")],
)
def test_a_nickname_that_cannot_be_is_refused_in_words(
    open_app: Opened, manager: RunManager, classroom: Classroom, nickname: str, said: str
) -> None:
    app = tab(open_app, "three", code=classroom.code)
    app.text_input(key="class:nickname").set_value(nickname)
    press(app, "Join")
    assert said in "".join(each.value for each in app.error)
    assert manager.classes.class_of("three") is None


def test_a_member_takes_no_others_nickname(open_app: Opened, manager: RunManager, classroom: Classroom) -> None:
    app = tab(open_app, "two")
    app.text_input(key="class:new-nickname").set_value("mina")
    press(app, "class:rename")
    assert "called Mina already" in texts(app)
    app.text_input(key="class:new-nickname").set_value("Benjamin")
    press(app, "class:rename")
    assert manager.classes.nickname("two") == "Benjamin"
    assert manager.classes.nickname("one") == "Mina"


def test_a_wrong_code_is_said(open_app: Opened) -> None:
    app = tab(open_app, "one", code="CCCC")
    app.text_input(key="class:nickname").set_value("Mina")
    press(app, "Join")
    assert "no open class with the code CCCC" in texts(app)


def test_a_nickname_is_harmless_where_it_stands(open_app: Opened, manager: RunManager) -> None:
    opened = manager.classes.open("x", "teacher")
    manager.classes.join(opened.code, "one", "![x](//e.com/p) :red[b]")
    manager.classes.join(opened.code, "two", "Ben")
    run_id = manager.start(CONFIG, owner="one")
    app = tab(open_app, "two", page="train/page.py", run=run_id)
    (said,) = (each.value for each in app.info if "started by" in each.value)
    assert "!\\[x\\]" in said


# ---------------------------------------------------------------------------------------------------------- assignment


def test_a_teacher_assigns_what_the_form_says(open_app: Opened, manager: RunManager, classroom: Classroom) -> None:
    app = tab(open_app, "teacher")
    app.selectbox(key="assign:env").set_value("CartPole-v1").run()
    app.selectbox(key="assign:preset").set_value("fast").run()
    app.text_input(key="assign:arguments").set_value("gravity=5")
    app.number_input(key="assign:max_env_steps").set_value(20_000)
    app.text_area(key="assign:task").set_value("Find a good *gamma*")
    app.multiselect(key="assign:open").set_value(["seed", "gamma", "loss"]).run()
    app.number_input(key="assign:low:gamma").set_value(0.9)
    app.number_input(key="assign:high:gamma").set_value(0.999)
    app.multiselect(key="assign:choices:loss").set_value(["huber", "mse"])
    app.selectbox(key="assign:page").set_value("train").run()
    press(app, "assign:give")
    assert not app.error
    given = manager.classes.get(classroom.class_id).assignment
    assert given is not None
    assert given.config == CONFIG.replace(**{"env_kwargs.gravity": 5, "max_env_steps": 20_000})
    assert given.open == {
        "seed": Opening(),
        "gamma": Opening(low=0.9, high=0.999),
        "loss": Opening(choices=("huber", "mse")),
    }
    assert given.place == Place(page="train")
    student = texts(tab(open_app, "one"))
    assert "Find a good \\*gamma\\*" in student
    assert "Discount factor γ (0.9 – 0.999)" in student
    assert "20,000" in student
    press(app, "assign:take-back")
    assert manager.classes.get(classroom.class_id).assignment is None


def test_the_settings_of_the_teachers_own_lab_are_assigned(
    open_app: Opened, manager: RunManager, classroom: Classroom
) -> None:
    app = tab(open_app, "teacher", page="train/page.py", run="")
    app.select_slider(key="new:gamma").set_value(0.9).run()
    to_page(app, PAGE).run()
    app.segmented_control(key="assign:source").set_value("lab").run()
    app.number_input(key="assign:max_episodes").set_value(7)
    press(app, "assign:give")
    given = manager.classes.get(classroom.class_id).assignment
    assert given is not None
    assert given.config is not None
    assert (given.config.gamma, given.config.max_episodes) == (0.9, 7)


def test_a_teacher_is_told_of_limits_that_come_before_epsilon_has_decayed(
    open_app: Opened, manager: RunManager, classroom: Classroom
) -> None:
    app = tab(open_app, "teacher")
    app.selectbox(key="assign:env").set_value("CartPole-v1").run()
    app.selectbox(key="assign:preset").set_value("fast").run()
    assert not app.warning
    app.number_input(key="assign:max_env_steps").set_value(4_000).run()
    (told,) = (each.value for each in app.warning)
    assert "before epsilon has decayed" in told
    press(app, "assign:give")
    assert manager.classes.get(classroom.class_id).assignment is not None


@pytest.mark.parametrize(("arguments", "said"), [("gravity", "by name"), ("gravitation=5", "gravitation")])
def test_an_assignment_that_cannot_be_is_refused(
    open_app: Opened, manager: RunManager, classroom: Classroom, arguments: str, said: str
) -> None:
    app = tab(open_app, "teacher")
    app.text_input(key="assign:arguments").set_value(arguments)
    press(app, "assign:give")
    assert said in texts(app)
    assert manager.classes.get(classroom.class_id).assignment is None


def test_the_form_begins_as_assigned_and_holds_what_is_locked(
    open_app: Opened, manager: RunManager, classroom: Classroom
) -> None:
    assign(manager, classroom)
    app = press(tab(open_app, "one"), "class:start-from-here")
    assert app.title[0].value == "Train an agent"
    to_page(app, "train/page.py").run()
    sliders = {each.key: each for each in app.select_slider}
    assert sliders["new:learning_rate"].disabled
    assert not sliders["new:gamma"].disabled
    assert {float(each) for each in sliders["new:gamma"].options} == {0.9, 0.95, 0.97, 0.98, 0.99}
    assert app.selectbox(key="new:environment").disabled
    app.select_slider(key="new:gamma").set_value(0.95).run()
    press(app, "start")
    (run,) = manager.runs_of_class(classroom.class_id)
    assert run.initial_config == CONFIG.replace(gamma=0.95)
    assert run.owner == "one"
    to_page(app, PAGE).run()
    assert "Your runs in this class" in texts(app)


def test_a_lock_holds_against_a_forged_form(open_app: Opened, manager: RunManager, classroom: Classroom) -> None:
    app = tab(open_app, "one", page="train/page.py", run="")
    app.select_slider(key="new:learning_rate").set_value(0.1).run()  # drawn before the assignment was given
    assign(manager, classroom)
    press(app, "start")  # the button of a form that knows of no lock
    assert "Learning rate" in texts(app)
    assert "in this assignment" in texts(app)
    assert manager.list_runs() == []


def test_a_link_opens_no_lock(open_app: Opened, manager: RunManager, classroom: Classroom) -> None:
    assign(manager, classroom)
    query = {"env": "CartPole-v1", "preset": "fast", "settings": '{"learning_rate":0.1,"gamma":0.97}'}
    app = tab(open_app, "one", page="train/page.py", **query)
    assert app.select_slider(key="new:gamma").value == 0.97
    assert app.select_slider(key="new:learning_rate").value == CONFIG.learning_rate
    press(app, "start")
    (run,) = manager.runs_of_class(classroom.class_id)
    assert run.initial_config == CONFIG.replace(gamma=0.97)


def test_a_lock_holds_while_a_run_trains(open_app: Opened, manager: RunManager, classroom: Classroom) -> None:
    run_id = manager.start(CONFIG, owner="one")
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    app = tab(open_app, "one", page="train/page.py", run=run_id)
    assign(manager, classroom)
    app.select_slider(key=f"{run_id}:learning_rate").set_value(0.1).run()
    assert "in this assignment" in texts(app)
    assert manager.snapshot(run_id).wanted_config == CONFIG
    assert app.select_slider(key=f"{run_id}:learning_rate").disabled


# ------------------------------------------------------------------------------------------------- who may do what


def test_members_control_what_is_their_own_alone(open_app: Opened, manager: RunManager, classroom: Classroom) -> None:
    """On a server without a code, where everybody else controls everything."""
    run_id = manager.start(CONFIG, owner="one")
    teachers = manager.start(CONFIG, owner="teacher")
    for each in (run_id, teachers):
        wait_until(lambda each=each: manager.snapshot(each).record.state is RunState.RUNNING)
    for each in (run_id, teachers):
        drawn = tab(open_app, "one" if each == run_id else "teacher", page="train/page.py", run=each)
        drawn.session_state["visitor_id"] = "two"
        press(drawn, "stop")
        assert "only they and the instructor can control it" in texts(drawn)
        assert manager.snapshot(each).record.state is RunState.RUNNING
    stranger = tab(open_app, "stranger", page="train/page.py", run=run_id)
    assert stranger.button(key="stop").disabled
    press(tab(open_app, "teacher", page="train/page.py", run=run_id), "stop")
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.STOPPED)


@pytest.mark.parametrize(
    "name", ["class:pause-all", "class:stop-all", "assign:give", "class:announce", "class:archive", "delete"]
)
@pytest.mark.parametrize("forger", ["one", "stranger"])
def test_only_a_teacher_commands_a_class(
    open_app: Opened, manager: RunManager, classroom: Classroom, name: str, forger: str
) -> None:
    """The buttons of a page that was drawn for the teacher, in the hands of a student."""
    run_id = manager.start(CONFIG, owner="one")
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    app = tab(open_app, "teacher")
    app.text_input(key="class:message").set_value("mine")
    app.session_state["visitor_id"] = forger
    next(each for each in app.button if each.key and name in each.key).click().run()
    assert manager.classes.get(classroom.class_id) == classroom
    assert manager.snapshot(run_id).record.state is RunState.RUNNING


def _act_on_member(class_id: str, visitor: str, member: str, action: str) -> None:
    """What the list of members does when its message comes from this visitor's browser."""
    import streamlit as st

    from pages.classroom.join import show_refusal
    from pages.classroom.teacher import act_on_member

    st.session_state["visitor_id"] = visitor
    st.session_state[f"roster-{class_id}"] = {"action": {"member": member, "action": action, "nickname": "Mina K"}}
    act_on_member(class_id)
    show_refusal("members")


@pytest.mark.parametrize("action", ["rename", "remove", "lower", "let_in"])
def test_only_a_teacher_renames_removes_and_lowers_hands(
    manager: RunManager, classroom: Classroom, action: str
) -> None:
    class_id, mark = classroom.class_id, member_mark(classroom.class_id, "one")
    manager.classes.raise_hand(class_id, "one", up=True)
    before = manager.classes.members(class_id, former=True)

    def attempt(visitor: str) -> AppTest:
        return AppTest.from_function(_act_on_member, args=(class_id, visitor, mark, action), default_timeout=30).run()

    for forger in ("one", "two", "stranger"):
        assert "Only a teacher of this class can do this." in texts(attempt(forger))
        assert manager.classes.members(class_id, former=True) == before
    assert not attempt("teacher").error
    assert manager.classes.members(class_id, former=True) != before


def test_the_teachers_link_leads_the_class_in_another_browser(
    open_app: Opened, manager: RunManager, classroom: Classroom
) -> None:
    ticket = link_to_lead(tab(open_app, "teacher"))
    app = tab(open_app, "at-home", lead=ticket)
    assert "Thursday" in texts(app)
    assert not shows_the_code(app, classroom)
    press(app, "Lead the class")
    assert shows_the_code(app, classroom)
    assert "lead" not in app.query_params
    press(tab(open_app, "at-home"), "class:archive")
    assert not manager.classes.get(classroom.class_id).is_open


@pytest.mark.parametrize("change", [lambda ticket: ticket[:-1], lambda ticket: "x" + ticket, lambda _ticket: "x"])
def test_a_link_that_is_not_whole_leads_nothing(
    open_app: Opened, manager: RunManager, classroom: Classroom, change: Callable[[str], str]
) -> None:
    app = tab(open_app, "at-home", lead=change(link_to_lead(tab(open_app, "teacher"))))
    assert "leads to no class" in texts(app)
    assert "Join a class" in texts(app)
    assert not [each for each in app.button if each.label == "Lead the class"]
    assert manager.classes.get(classroom.class_id).teachers == ("teacher",)


def test_the_live_sockets_ticket_is_no_link_to_lead(open_app: Opened, classroom: Classroom) -> None:
    app = tab(open_app, "one", lead=signer().class_ticket(classroom.class_id))
    assert "leads to no class" in texts(app)


def test_a_member_leaves_before_leading(open_app: Opened, manager: RunManager, classroom: Classroom) -> None:
    app = press(tab(open_app, "one", lead=signer().lead_ticket(classroom.class_id)), "Lead the class")
    assert "Leave the class first" in texts(app)
    assert manager.classes.get(classroom.class_id).teachers == ("teacher",)


@pytest.mark.usefixtures("_with_a_code")
def test_with_a_code_no_link_makes_a_teacher(open_app: Opened, classroom: Classroom) -> None:
    app = tab(open_app, "one", lead=signer().lead_ticket(classroom.class_id))
    assert "instructor's code makes a teacher" in texts(app)
    assert not [each for each in app.button if each.label == "Lead the class"]


def test_the_link_of_a_class_that_was_deleted_says_so(
    open_app: Opened, manager: RunManager, classroom: Classroom
) -> None:
    ticket = signer().lead_ticket(classroom.class_id)
    manager.classes.remove_class(classroom.class_id)
    assert "no such class" in texts(tab(open_app, "at-home", lead=ticket))


@pytest.mark.usefixtures("_with_a_code")
def test_with_a_code_the_instructors_lead_every_class(
    open_app: Opened, manager: RunManager, classroom: Classroom
) -> None:
    stranger = tab(open_app, "teacher")  # who opened it once, and has left the instructor's mode
    assert "Enter the instructor's code" in texts(stranger)
    assert not any(each.key == "class:pause-all" for each in stranger.button)
    second = open_app(page="start/page.py")
    second.session_state["visitor_id"] = "colleague"
    second.session_state["visitor_is_instructor"] = True
    to_page(second, PAGE).run()
    second.text_input(key="class:message").set_value("Look up")
    press(second, "class:announce")
    said = manager.classes.get(classroom.class_id).announcement
    assert said is not None
    assert said.message == "Look up"
    forged = open_app(page=PAGE)
    forged.session_state["visitor_is_instructor"] = True
    forged.run().text_input(key="class:title").set_value("mine")
    forged.session_state["visitor_is_instructor"] = False
    press(forged, "Open the class")
    assert manager.classes.open_classes() == [manager.classes.get(classroom.class_id)]


def test_all_runs_are_paused_resumed_and_stopped(open_app: Opened, manager: RunManager, classroom: Classroom) -> None:
    ids = [manager.start(CONFIG, owner=owner) for owner in ("one", "two")]

    def states() -> set[RunState]:
        return {manager.snapshot(each).record.state for each in ids}

    wait_until(lambda: states() == {RunState.RUNNING})
    app = tab(open_app, "teacher")
    for name, state in (("pause", RunState.PAUSED), ("resume", RunState.RUNNING), ("stop", RunState.STOPPED)):
        press(app, f"class:{name}-all")
        wait_until(lambda state=state: states() == {state})
        assert "Runs: 2" in texts(app)


def test_a_class_is_archived_and_deleted_from_the_page(
    open_app: Opened, manager: RunManager, classroom: Classroom
) -> None:
    app = press(tab(open_app, "teacher"), "class:archive")
    assert "Past classes" in [each.label for each in app.expander]
    assert "Mina, Ben" in texts(app)
    press(app, f"class-delete-{classroom.class_id}")
    assert manager.classes.archived() == []


# ------------------------------------------------------------------------------------------------------------- address


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The address to join at: ``served(set_to, here, network="192.168.0.5")``, where ``here`` is the pages' folder."""

    def at(given: str, here: str, network: str | None = "192.168.0.5", listens: str = "") -> str:
        monkeypatch.setattr(address_module, "network_address", lambda: network)
        monkeypatch.setattr(address_module.st, "get_option", lambda _name: listens)
        server, is_reachable = address_module._server(given, here)
        return server if is_reachable else f"{server} (unreachable)"

    return at


def test_students_get_an_address_that_they_can_reach(served: Callable[..., str]) -> None:
    assert served("", "http://localhost:8501") == "http://192.168.0.5:8501"
    assert served("", "http://127.0.0.1:8501/lab") == "http://192.168.0.5:8501/lab"
    assert served("", "https://localhost:8443/lab") == "https://192.168.0.5:8443/lab"
    assert served("", "https://dqn.example.edu") == "https://dqn.example.edu"
    assert served("", "https://hub.example.edu/user/a/proxy/8501") == "https://hub.example.edu/user/a/proxy/8501"
    assert served("", "http://10.0.0.7:8501") == "http://10.0.0.7:8501"
    assert served("http://lab:80", "http://localhost:8501/lab") == "http://lab:80/lab"
    assert served("http://lab/dqn", "http://localhost:8501/lab") == "http://lab/dqn"
    assert served("", "http://localhost:8501", network=None) == "http://localhost:8501 (unreachable)"
    assert served("", "http://localhost:1", listens="127.0.0.1") == "http://localhost:1 (unreachable)"


def test_the_machines_own_address_is_found_without_asking_anybody() -> None:
    found = network_address()
    assert found is None or not found.startswith("127.")
    address = class_address("CDFH")
    assert address.url == f"{address.page}?code=CDFH"
    assert address.page.endswith("/class")
