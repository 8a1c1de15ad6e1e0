"""A class: its members and their nicknames, and the assignment that holds for whatever they start."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dqn_core.config import TrainingConfig
from dqn_core.errors import ClassError, ConfigError, StoreError, UnknownExperimentError
from dqn_core.events import RunState
from dqn_core.runs.classes.classroom import (
    NICKNAME_LENGTH,
    WEIGHTS,
    Announcement,
    Assignment,
    Member,
    Opening,
    Place,
    clean_nickname,
    nickname_key,
)
from dqn_core.runs.classes.runs import ClassRuns
from dqn_core.runs.classes.service import Classes
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec
from dqn_core.runs.experiments.searches import Searches
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.experiments.spec import ExperimentSpec
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.store import RunStore
from scripted_trainer import Managed, obedient, wait_for_end, wait_until

pytestmark = pytest.mark.each_database

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
BASE = TrainingConfig(max_env_steps=5_000, goal_score=400.0)


def assignment(**values: Any) -> Assignment:
    given = {
        "pushed_at": NOON,
        "task": "Find a good discount factor.",
        "config": BASE,
        "open": {"gamma": Opening(low=0.9, high=0.999), "seed": Opening()},
        "place": Place(page="train"),
    }
    return Assignment(**given | values)


@pytest.fixture
def classes(tmp_path: Path) -> Classes:
    return Classes(RunStore(tmp_path / "lab.sqlite").database)


# ------------------------------------------------------------------------------------------------------------ nicknames


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Mina", "Mina"),
        ("  김  민아 ", "김 민아"),
        ("ＭＩＮＡ", "MINA"),
        ("<b>x</b>", "<b>x</b>"),
        ("x" * NICKNAME_LENGTH, "x" * NICKNAME_LENGTH),
        ("=1+1", "=1+1"),
    ],
)
def test_a_nickname_is_kept_in_one_unicode_form(typed: str, kept: str) -> None:
    assert clean_nickname(typed) == kept


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "1 to 24 characters"),
        ("   ", "1 to 24 characters"),
        ("x" * (NICKNAME_LENGTH + 1), "this one has 25"),
        ("\ufdfa" * 2, "1 to 24 characters"),  # one letter that NFKC spells out in 18
        ("x" * 100_000, "1 to 24 characters"),
        ("a\nb", "U\\+000A"),
        ("a\x00b", "U\\+0000"),
        ("a\u202eb", "U\\+202E"),  # turns the direction of what follows
        ("a\u2066b", "U\\+2066"),
        ("a\u200bb", "U\\+200B"),
        ("\u3164", "invisible"),
        ("a\ud800b", "invisible"),
        ("...", "a letter or a digit"),
        ("a" + "\u0335" * 9, "too many marks"),
    ],
)
def test_a_bad_nickname_is_refused_with_the_reason(typed: str, why: str) -> None:
    with pytest.raises(ClassError, match=why):
        clean_nickname(typed)


@pytest.mark.parametrize(("one", "other"), [("Mina", "mINA"), ("Straße", "STRASSE"), ("é", "e\u0301"), ("a b", "ab")])
def test_nicknames_that_differ_in_form_alone_are_the_same(one: str, other: str) -> None:
    assert nickname_key(one) == nickname_key(other)


# -------------------------------------------------------------------------------------------------------------- members


def test_a_browser_joins_by_the_code_and_comes_back_as_who_it_was(classes: Classes) -> None:
    opened = classes.open("Reinforcement learning", "teacher")
    assert len(opened.code) == 4
    assert not set(opened.code) & set("AEIOULBS018")
    classes.join(f" {opened.code.lower()} ", "one", "Mina")
    classes.join(opened.code, "two", "Ben")
    assert [each.nickname for each in classes.members(opened.class_id)] == ["Mina", "Ben"]
    found = classes.class_of("one")
    assert found is not None
    assert (found.title, classes.nickname("one")) == ("Reinforcement learning", "Mina")
    classes.leave("one")
    assert classes.class_of("one") is None
    assert [each.nickname for each in classes.members(opened.class_id)] == ["Ben"]
    with pytest.raises(ClassError, match="called Mina already"):  # it stays whose it was
        classes.join(opened.code, "three", "mina")
    classes.join(opened.code, "one", "Mina K")
    assert [each.nickname for each in classes.members(opened.class_id)] == ["Mina K", "Ben"]


def test_no_member_takes_anothers_nickname(classes: Classes) -> None:
    opened = classes.open("", "teacher")
    classes.join(opened.code, "one", "Mina")
    with pytest.raises(ClassError, match="called Mina already"):
        classes.join(opened.code, "two", "ＭＩＮＡ")
    classes.join(opened.code, "two", "Ben")
    with pytest.raises(ClassError, match="called Mina already"):
        classes.rename(opened.class_id, "two", "mi na")
    classes.rename(opened.class_id, "two", "BEN")
    assert classes.nickname("two") == "BEN"
    with pytest.raises(ClassError, match="no such member"):
        classes.rename(opened.class_id, "nobody", "Eve")


def test_a_nickname_stands_for_nobody_else_elsewhere(classes: Classes) -> None:
    opened, other = classes.open("", "teacher"), classes.open("", "teacher")
    classes.join(opened.code, "one", "Mina")
    classes.join(other.code, "two", "Mina")
    for visitors in (("one",), ("two",), ("teacher", "one")):
        classes.refuse_borrowed("mina", *visitors)
    classes.refuse_borrowed("Ben", "nobody")
    for visitors in (("three",), (), ("",)):
        with pytest.raises(ClassError, match="somebody's nickname"):
            classes.refuse_borrowed("ＭＩＮＡ", *visitors)
    classes.archive(opened.class_id)
    classes.archive(other.class_id)
    classes.refuse_borrowed("Mina", "three")


def test_a_class_has_further_teachers_who_are_no_members(classes: Classes) -> None:
    opened = classes.open("Thursday", "teacher")
    classes.add_teacher(opened.class_id, "at-home")
    classes.add_teacher(opened.class_id, "teacher")
    assert classes.get(opened.class_id).teachers == ("teacher", "at-home")
    classes.join(opened.code, "one", "Mina")
    with pytest.raises(ClassError, match="Leave the class first"):
        classes.add_teacher(opened.class_id, "one")
    classes.leave("one")
    classes.add_teacher(opened.class_id, "one")
    assert "one" in classes.get(opened.class_id).teachers
    with pytest.raises(ClassError, match="no such class"):
        classes.add_teacher("20260101-000000-none", "at-home")


def test_a_browser_is_in_one_open_class_at_a_time(classes: Classes) -> None:
    first, second = classes.open("first", "teacher"), classes.open("second", "teacher")
    assert first.code != second.code
    classes.join(first.code, "one", "Mina")
    classes.raise_hand(first.class_id, "one", up=True)
    classes.join(second.code, "one", "Mina")
    found = classes.class_of("one")
    assert found is not None
    assert found.title == "second"
    assert classes.members(first.class_id) == []
    (former,) = classes.members(first.class_id, former=True)
    assert former.left_at is not None
    assert former.hand_raised_at is None
    assert [each.title for each in classes.open_classes()] == ["second", "first"]


def test_who_was_removed_cannot_join_until_let_in(classes: Classes) -> None:
    opened = classes.open("", "teacher")
    classes.join(opened.code, "one", "Mina")
    classes.remove(opened.class_id, "one")
    assert classes.class_of("one") is None
    with pytest.raises(ClassError, match="took you out"):
        classes.join(opened.code, "one", "Somebody else")
    classes.join(opened.code, "two", "Mina")  # the nickname is free again
    classes.let_in(opened.class_id, "one")
    with pytest.raises(ClassError, match="called Mina already"):
        classes.join(opened.code, "one", "Mina")
    classes.join(opened.code, "one", "Mina 2")
    assert [each.nickname for each in classes.members(opened.class_id)] == ["Mina 2", "Mina"]


def test_hands_go_up_and_keep_their_place(classes: Classes) -> None:
    opened = classes.open("", "teacher")
    classes.join(opened.code, "one", "Mina")
    classes.raise_hand(opened.class_id, "one", up=True)
    raised = classes.member(opened.class_id, "one")
    assert raised is not None
    assert raised.hand_raised_at is not None
    classes.raise_hand(opened.class_id, "one", up=True)
    assert classes.member(opened.class_id, "one") == raised
    classes.raise_hand(opened.class_id, "one", up=False)
    (lowered,) = classes.members(opened.class_id)
    assert lowered.hand_raised_at is None


def test_an_archived_class_cannot_be_joined_and_holds_nobody(classes: Classes) -> None:
    opened = classes.open("", "teacher")
    classes.join(opened.code, "one", "Mina")
    classes.assign(opened.class_id, assignment())
    classes.archive(opened.class_id)
    assert classes.class_of("one") is None
    assert classes.check("one", TrainingConfig(gamma=0.1)) is None
    with pytest.raises(ClassError, match="no open class"):
        classes.join(opened.code, "two", "Ben")
    assert classes.open_classes() == []
    (past,) = classes.archived()
    assert [each.nickname for each in classes.members(past.class_id)] == ["Mina"]


def test_each_change_is_a_new_revision(classes: Classes) -> None:
    opened, other = classes.open("", "teacher"), classes.open("", "teacher")
    for change in (
        lambda: classes.join(opened.code, "one", "Mina"),
        lambda: classes.raise_hand(opened.class_id, "one", up=True),
        lambda: classes.assign(opened.class_id, assignment()),
        lambda: classes.announce(opened.class_id, Announcement(made_at=NOON, message="Look up")),
        lambda: classes.rename(opened.class_id, "one", "Mina K"),
        lambda: classes.archive(opened.class_id),
    ):
        before = classes.revision, classes.revision_of(opened.class_id), classes.revision_of(other.class_id)
        change()
        assert classes.revision > before[0]
        assert classes.revision_of(opened.class_id) > before[1]
        assert classes.revision_of(other.class_id) == before[2]


@pytest.mark.sqlite_file
def test_a_change_that_is_not_stored_is_not_made(classes: Classes, tmp_path: Path) -> None:
    opened = classes.open("", "teacher")
    (tmp_path / "lab.sqlite").unlink()
    with pytest.raises(StoreError):
        classes.join(opened.code, "one", "Mina")
    assert classes.class_of("one") is None
    assert classes.members(opened.class_id) == []


def test_whoever_looks_waits_for_no_write(classes: Classes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk may take seconds, and what pages and the live socket ask for must not."""
    opened = classes.open("Thursday", "teacher")
    classes.join(opened.code, "one", "Mina")
    is_writing, may_end = threading.Event(), threading.Event()
    put = classes._store.put_members

    def slow(members: Mapping[str, Member]) -> None:
        is_writing.set()
        assert may_end.wait(60)
        put(members)

    monkeypatch.setattr(classes._store, "put_members", slow)
    joining = threading.Thread(target=classes.join, args=(opened.code, "two", "Ben"))
    joining.start()
    try:
        assert is_writing.wait(60)
        with ThreadPoolExecutor(1) as another:
            looks = another.submit(
                lambda: (
                    classes.class_of("one"),
                    classes.nickname("one"),
                    len(classes.members(opened.class_id)),
                    classes.of_code(opened.code),
                    classes.open_classes(),
                    classes.check("one", TrainingConfig()),
                )
            )
            assert looks.result(30)[:3] == (opened, "Mina", 1)
    finally:
        may_end.set()
        joining.join()
    assert classes.nickname("two") == "Ben"


# ------------------------------------------------------------------------------------------------------------ the store


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "lab.sqlite"
    before = Classes(RunStore(path).database)
    opened, past = before.open("Thursday", "teacher"), before.open("Wednesday", "teacher")
    before.join(opened.code, "one", "Mina")
    before.join(opened.code, "two", "Ben")
    before.raise_hand(opened.class_id, "one", up=True)
    before.remove(opened.class_id, "two")
    before.assign(opened.class_id, assignment(config=BASE.replace(**{"env_kwargs.gravity": 5})))
    before.announce(
        opened.class_id,
        Announcement(made_at=NOON, message="Look here", opens=True, place=Place(page="train", parameters={"a": "b"})),
    )
    before.archive(past.class_id)

    after = Classes(RunStore(path).database)  # the first was killed: nothing was closed

    assert after.open_classes() == before.open_classes()
    assert after.archived() == before.archived()
    assert after.members(opened.class_id, former=True) == before.members(opened.class_id, former=True)
    assert after.nickname("one") == "Mina"
    assert after.class_of("two") is None
    with pytest.raises(ConfigError):
        after.check("one", TrainingConfig())


def test_a_damaged_row_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "lab.sqlite"
    classes = Classes(RunStore(path).database)
    opened = [classes.open(title, "teacher") for title in ("one", "two", "three")]
    classes.assign(opened[2].class_id, assignment())
    classes.join(opened[2].code, "a", "Mina")
    classes.join(opened[2].code, "b", "Ben")
    with RunStore(path).database.write() as connection:
        connection.exec_driver_sql("UPDATE classes SET created_at = 'never' WHERE title = 'one'")
        connection.exec_driver_sql("UPDATE classes SET assignment = '{\"config\": 7' WHERE title = 'three'")
        connection.exec_driver_sql("UPDATE class_members SET joined_at = 'never' WHERE nickname = 'Ben'")
    after = Classes(RunStore(path).database)
    assert [each.title for each in after.open_classes()] == ["three", "two"]
    assert after.get(opened[2].class_id).assignment is None
    assert [each.nickname for each in after.members(opened[2].class_id)] == ["Mina"]


# ------------------------------------------------------------------------------------------------------ the assignment


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"learning_rate": 0.01}, "learning_rate", "must be 0.0002 in this assignment"),
        ({"gamma": 0.5}, "gamma", "must be from 0.9 to 0.999 in this assignment"),
        ({"env_id": "Acrobot-v1"}, "env_id", "must be CartPole-v1"),
        ({"max_env_steps": None}, "max_env_steps", "must be 5000"),
        ({"hidden_sizes": (8,)}, "hidden_sizes", "must be 32, 32"),
        ({"env_kwargs.gravity": 5}, "env_kwargs.gravity", "must be left as it is"),
        ({"double_dqn": True}, "double_dqn", "must be False"),
        ({"goal_score": None}, "goal_score", "must be 400.0"),
    ],
)
def test_what_is_not_assigned_is_refused_by_name_and_range(changes: dict[str, Any], field: str, why: str) -> None:
    (problem,) = assignment().problems(BASE.replace(**changes))
    assert problem.field == field
    assert why in str(problem)


def test_open_settings_may_be_anything_in_their_range() -> None:
    assert assignment().problems(BASE.replace(gamma=0.95, seed=12)) == ()
    given = assignment(
        open={
            "env_kwargs.gravity": Opening(low=1, high=20),
            "loss": Opening(choices=("mse", "huber")),
            "hidden_sizes": Opening(low=8, high=64),
            "max_env_steps": Opening(high=10_000),
        }
    )
    fine = {"env_kwargs.gravity": 5, "loss": "huber", "hidden_sizes": (64, 8), "max_env_steps": 9_000}
    assert given.problems(BASE.replace(**fine)) == ()
    for name, value in {"env_kwargs.gravity": 30, "hidden_sizes": (8, 128), "max_env_steps": None}.items():
        (problem,) = given.problems(BASE.replace(**fine | {name: value}))
        assert problem.field == name
    assert assignment(open={"env_kwargs": Opening()}).problems(BASE.replace(**{"env_kwargs.gravity": 99})) == ()
    assert assignment(config=None).problems(TrainingConfig(gamma=0.1), has_weights=True) == ()


def test_initial_weights_are_locked_too() -> None:
    (problem,) = assignment().problems(BASE, has_weights=True)
    assert problem.field == WEIGHTS
    assert assignment(open={WEIGHTS: Opening()}).problems(BASE, has_weights=True) == ()


@pytest.mark.parametrize(
    "opened",
    [{"nothing": Opening()}, {"gamma": Opening(low=0.9, high=0.1)}, {"gamma": Opening(low=0.1, high=0.2)}],
)
def test_an_assignment_that_contradicts_itself_is_refused(opened: dict[str, Opening]) -> None:
    with pytest.raises(ConfigError):
        assignment(open=opened)


@pytest.mark.parametrize("page", ["//evil.example", "train/../x", "javascript:alert(1)", "Train", "x" * 30])
def test_a_place_is_a_page_of_this_server(page: str) -> None:
    with pytest.raises(ValueError, match="No page"):
        Place(page=page)
    with pytest.raises(ValueError, match="No page"):
        Place(page="train", parameters={"run": "a\nb"})


# --------------------------------------------------------------------------------------------- over a manager of runs


@pytest.fixture
def manager(managed: Managed) -> RunManager:
    return managed(obedient())


@pytest.fixture
def class_id(manager: RunManager) -> str:
    """A class with an assignment and the members "one" and "two"."""
    opened = manager.classes.open("Thursday", "teacher")
    manager.classes.join(opened.code, "one", "Mina")
    manager.classes.join(opened.code, "two", "Ben")
    manager.classes.assign(opened.class_id, assignment())
    return opened.class_id


def state(manager: RunManager, run_id: str) -> RunState:
    return manager.snapshot(run_id).record.state


def test_a_member_starts_what_is_assigned_and_nothing_else(manager: RunManager, class_id: str) -> None:
    with pytest.raises(ConfigError, match=r"learning_rate = 0\.01: must be 0\.0002"):
        manager.start(BASE.replace(learning_rate=0.01), owner="one")
    with pytest.raises(ConfigError, match="initial_weights"):
        manager.start(BASE, owner="one", initial_weights={})
    run_id = manager.start(BASE.replace(gamma=0.95), owner="one")
    other = manager.start(TrainingConfig(gamma=0.1), owner="somebody else")
    assert [each.run_id for each in manager.runs_of_class(class_id)] == [run_id]
    assert manager.store.run(run_id).class_id == class_id
    assert manager.store.run(other).class_id is None


def test_the_lock_holds_while_a_run_trains_and_when_it_goes_on(manager: RunManager, class_id: str) -> None:
    run_id = manager.start(BASE, owner="one")
    wait_until(lambda: state(manager, run_id) is RunState.RUNNING)
    with pytest.raises(ConfigError, match=r"gamma = 0\.5: must be from 0\.9 to 0\.999"):
        manager.change(run_id, "gamma", 0.5)
    with pytest.raises(ConfigError, match="learning_rate"):
        manager.change(run_id, "learning_rate", 0.1)
    assert manager.change(run_id, "gamma", 0.92).gamma == 0.92
    manager.classes.leave("one")  # leaving the class opens no lock of its runs
    with pytest.raises(ConfigError, match="learning_rate"):
        manager.change(run_id, "learning_rate", 0.1)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    with pytest.raises(ConfigError, match="max_env_steps"):
        manager.go_on(run_id, max_env_steps=90_000)
    manager.classes.archive(class_id)
    manager.classes.check_change(class_id, {"max_env_steps": 90_000})


def test_experiments_and_searches_of_a_member_keep_to_the_assignment(manager: RunManager, class_id: str) -> None:
    def search(field: str, low: float, high: float) -> SearchSpec:
        return SearchSpec(base=BASE, ranges=(SearchRange(field=field, low=low, high=high),), trials=1)

    experiments, searches = Experiments(manager), Searches(manager)
    try:
        with pytest.raises(ConfigError, match="gamma"):
            experiments.start(ExperimentSpec(base=BASE, variants=({"gamma": 0.95}, {"gamma": 0.5})), "", "one")
        with pytest.raises(ConfigError, match="batch_size"):
            searches.start(search("batch_size", 16, 64), owner="one")
        with pytest.raises(ConfigError, match=r"gamma = 0\.1"):
            searches.start(search("gamma", 0.1, 0.99), owner="one")
        assert experiments.latest() == searches.listed() == manager.list_runs() == []
        made = experiments.start(ExperimentSpec(base=BASE, variants=({"gamma": 0.95}, {"gamma": 0.9})), "", "one")
        assert {each.class_id for each in manager.runs_of_experiment(made)} == {class_id}
    finally:
        searches.close()


def test_a_lessons_own_experiment_is_trained_whatever_is_assigned(manager: RunManager, class_id: str) -> None:
    experiments = Experiments(manager)
    spec = ExperimentSpec(base=BASE, variants=({"gamma": 0.95}, {"gamma": 0.5}))
    made = experiments.start(spec, "", "one", is_lesson=True)
    runs = {each.initial_config.gamma: each for each in manager.runs_of_experiment(made)}
    assert {each.class_id for each in runs.values()} == {class_id}

    # It is no way round the lock: its runs change and begin again as assigned alone.
    free = runs[0.5].run_id
    wait_until(lambda: state(manager, free) is RunState.RUNNING)
    with pytest.raises(ConfigError, match="gamma"):
        manager.change(free, "gamma", 0.4)
    with pytest.raises(ConfigError, match="gamma"):
        manager.start(runs[0.5].config, owner="one")
    with pytest.raises(ConfigError, match="gamma"):
        experiments.repeat(made, "one")

    # What was never started is, by the lesson alone.
    manager.stop(free)
    wait_for_end(manager, free)
    manager.delete(free)
    with pytest.raises(ConfigError, match="gamma"):
        experiments.resume(made)
    experiments.resume(made, is_lesson=True)
    assert len(manager.runs_of_experiment(made)) == len(spec.cells)


def test_all_runs_of_a_class_are_paused_resumed_and_stopped(manager: RunManager, class_id: str) -> None:
    runs, others = ClassRuns(manager), manager.start(BASE, owner="somebody else")
    ids = [manager.start(BASE, owner=owner) for owner in ("one", "two")]
    for run_id in (*ids, others):
        wait_until(lambda run_id=run_id: state(manager, run_id) is RunState.RUNNING)
    assert runs.pause(class_id) == 2
    for run_id in ids:
        wait_until(lambda run_id=run_id: state(manager, run_id) is RunState.PAUSED)
    assert state(manager, others) is RunState.RUNNING
    assert runs.resume(class_id) == 2
    for run_id in ids:
        wait_until(lambda run_id=run_id: state(manager, run_id) is RunState.RUNNING)
    assert runs.stop(class_id) == 2
    for run_id in ids:
        wait_for_end(manager, run_id)
    assert runs.pause(class_id) == runs.resume(class_id) == runs.stop(class_id) == 0
    assert state(manager, others) is RunState.RUNNING


def test_a_class_is_deleted_with_all_that_is_its_own(manager: RunManager, class_id: str) -> None:
    other = manager.start(BASE, owner="somebody else")
    run_id = manager.start(BASE, owner="one")
    experiment = Experiments(manager).start(ExperimentSpec(base=BASE, variants=({"gamma": 0.95},)), "", "two")
    ClassRuns(manager).delete(class_id)
    assert [each.run_id for each in manager.list_runs()] == [other]
    assert not manager.folder_of(run_id).exists()
    with pytest.raises(UnknownExperimentError):
        Experiments(manager).status(experiment)
    with pytest.raises(ClassError, match="no such class"):
        manager.classes.get(class_id)
    assert manager.classes.class_of("one") is None
    assert Classes(manager.store.database).open_classes() == []
