from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import pages.server.process
from app_pages import to_page
from dqn_core.errors import StoreError
from dqn_core.lessons.catalog import FORMER_NAMES, LESSONS
from dqn_core.lessons.lesson import Lesson
from dqn_core.presets import preset_config
from dqn_core.runs.classes.classroom import Assignment
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.predictions import PredictionStore
from scripted_trainer import following, obedient
from trained_lessons import train_lesson

Opened = Callable[..., AppTest]
LESSON = LESSONS["discount-factor"]


@pytest.fixture
def opened(open_app: Opened) -> Callable[..., AppTest]:
    return lambda **query: open_app(page="lessons/page.py", **query)


@pytest.fixture
def trained(manager: RunManager, tmp_path: Path) -> Callable[..., None]:
    """Have somebody train lessons on this server, before anybody opens a page."""

    def train(*lessons: Lesson, owner: str = "") -> None:
        pages.server.process.close_manager()
        for lesson in lessons:
            train_lesson(tmp_path, lesson, owner)
        pages.server.process._managers.append(
            RunManager(tmp_path, trainer_factory=following(obedient()), max_active_runs=3)
        )

    return train


def button(app: AppTest, start: str) -> object:
    return next(each for each in app.button if each.label.startswith(start))


def test_every_lesson_is_listed_with_its_level_duration_and_picture(opened: Opened) -> None:
    app = opened()
    text = "\n".join(each.value for each in (*app.markdown, *app.header, *app.caption))
    pictures = [each for each in app.get("html") if "data:image/svg+xml" in each.proto.body]
    assert len(pictures) == len(LESSONS)
    for number, lesson in enumerate(LESSONS.values(), 1):
        assert f"{number} · {lesson.title}" in text
        assert lesson.question in text
        assert f"{lesson.level.title()} · {lesson.minutes} min" in text
    assert _progress(app) == [f"0 of {len(LESSONS)} lessons done"]


def _progress(app: AppTest) -> list[str]:
    return [each.proto.text for each in app.get("progress")]


def test_the_result_is_shown_after_a_prediction_only(opened: Opened) -> None:
    app = opened(lesson=LESSON.name)
    assert app.title[0].value == LESSON.title
    assert button(app, "Show the result").disabled
    assert not app.dataframe
    app.radio[0].set_value(1).run()
    assert not app.dataframe
    assert LESSON.explanation not in [each.value for each in app.markdown]
    button(app, "Show the result").click().run()
    assert not app.exception
    assert app.radio[0].disabled
    (table,) = app.dataframe
    assert table.value["Variant"].tolist() == list(LESSON.labels)
    assert table.value["n"].tolist() == [10, 10, 10]
    said = [each.value for each in (*app.success, *app.info)]
    assert any("predicted" in each for each in said)
    assert any(f"python -m benchmarks.lessons --lessons {LESSON.name}" in each.value for each in app.caption)
    assert any(each.value == LESSON.explanation for each in app.markdown)


def test_a_lesson_is_trained_as_an_experiment_whose_progress_everybody_sees(
    opened: Opened, manager: RunManager
) -> None:
    lesson = LESSONS["evaluation"]
    app = opened(lesson=lesson.name)
    app.radio[0].set_value(0).run()
    button(app, "Train it here").click().run()
    assert not app.exception
    (status,) = Experiments(manager).latest()
    assert status.record.spec == lesson.spec
    for each in (app, opened(lesson=lesson.name)):
        assert _progress(each) == [f"Training on this server: 0 of {len(lesson.spec.cells)} runs done"]
        assert not each.dataframe
    Experiments(manager).stop(status.record.experiment_id)


def test_a_lesson_is_trained_in_a_class_with_an_assignment(opened: Opened, manager: RunManager) -> None:
    opened_class = manager.classes.open("Thursday", "teacher")
    manager.classes.join(opened_class.code, "one", "Mina")
    config = preset_config("CartPole-v1", "fast")
    manager.classes.assign(opened_class.class_id, Assignment(pushed_at=datetime.now(UTC), config=config))
    app = opened(lesson=LESSON.name)
    app.session_state["visitor_id"] = "one"
    app.run().radio[0].set_value(0).run()
    button(app, "Train it here").click().run()
    assert not app.error
    (experiment,) = Experiments(manager).latest()
    assert experiment.record.spec == LESSON.spec
    assert {each.class_id for each in experiment.runs} == {opened_class.class_id}


@pytest.mark.parametrize("lesson", [pytest.param(each, id=each.name) for each in LESSONS.values()])
def test_what_was_trained_here_is_shown_below_what_came_along(
    opened: Opened, trained: Callable[..., None], lesson: Lesson
) -> None:
    trained(lesson, owner="somebody else")
    app = opened(lesson=lesson.name)
    app.radio[0].set_value(0).run()
    button(app, "Show the result").click().run()
    assert not app.exception
    assert [each.value["n"].sum() for each in app.dataframe][1:] in ([len(lesson.spec.cells)], [0])
    assert {each.value for each in app.header} >= {"Trained on this server", "Why?"}
    assert any(each.value == lesson.explanation for each in app.markdown)
    assert any(each.label.startswith("Next: ") for each in app.get("page_link"))
    assert not any("nan" in each.value for each in (*app.info, *app.success))


def test_an_unknown_lesson_is_the_list(opened: Opened) -> None:
    assert opened(lesson="../x").title[0].value == "Learn"


@pytest.mark.parametrize(("former", "name"), FORMER_NAMES.items())
def test_a_former_address_leads_on(opened: Opened, former: str, name: str) -> None:
    app = opened(lesson=former)
    assert app.title[0].value == LESSONS[name].title
    assert app.query_params["lesson"] in (name, [name])


def test_in_korean(opened: Opened) -> None:
    app = opened(lesson=LESSON.name, lang="ko")
    assert app.title[0].value == "할인율 γ"


def test_with_a_result_on_the_server_only_show_reveals(opened: Opened, trained: Callable[..., None]) -> None:
    trained(LESSON, owner="somebody else")
    app = opened(lesson=LESSON.name)
    app.radio[0].set_value(0).run()
    assert not app.dataframe
    assert not (*app.success, *app.info)
    assert not any("runs=" in each.proto.query_string for each in app.get("page_link"))
    button(app, "Show the result").click().run()
    assert len(app.dataframe) == 2
    assert any("runs=" in each.proto.query_string for each in app.get("page_link"))


def test_the_predictions_of_the_class_are_shown_after_ones_own(opened: Opened, manager: RunManager) -> None:
    store = PredictionStore(manager.store.database)
    for number in range(18):
        store.predict(f"visitor {number}", LESSON.name, 2)
    for number in range(11):
        store.predict(f"another {number}", LESSON.name, 0)
    store.predict("from a lesson of other choices", LESSON.name, 7)
    app = opened(lesson=LESSON.name)
    assert not any("18 of" in each.value for each in app.markdown)
    app.radio[0].set_value(0).run()
    assert any(each.value == f"**18 of 30** predicted “{LESSON.labels[2]}”." for each in app.markdown)
    (table,) = [each.proto.body for each in app.get("html") if each.proto.body.startswith("<table")]
    assert table.count("<tr>") == 4
    assert "<td>12</td>" in table
    assert not app.dataframe


def test_the_first_to_predict_is_told_so(opened: Opened) -> None:
    app = opened(lesson=LESSON.name)
    app.radio[0].set_value(0).run()
    assert any("You are the first to predict here" in each.value for each in app.caption)


@pytest.fixture
def reloaded(manager: RunManager) -> Callable[..., AppTest]:
    """Open a lesson in a fresh tab of the same browser."""

    def opened(visitor: str = "me", **query: str) -> AppTest:
        app = AppTest.from_file(str(Path(pages.__file__).with_name("navigation.py")), default_timeout=30)
        app.context = {"locale": "en-US"}
        app.session_state["visitor_id"] = visitor
        for name, value in query.items():
            app.query_params[name] = value
        to_page(app, "lessons/page.py").run()
        assert not app.exception
        return app

    return opened


def test_a_prediction_is_there_after_a_reload_and_may_be_changed(reloaded: Callable[..., AppTest]) -> None:
    reloaded(lesson=LESSON.name).radio[0].set_value(1).run()
    again = reloaded(lesson=LESSON.name)
    assert (again.radio[0].value, again.radio[0].disabled) == (1, False)
    assert not button(again, "Show the result").disabled
    assert not again.dataframe
    again.radio[0].set_value(-1).run()
    assert reloaded(lesson=LESSON.name).radio[0].value == -1
    assert reloaded("another visitor", lesson=LESSON.name).radio[0].value is None
    assert reloaded(lesson="evaluation").radio[0].value is None


def test_a_result_that_was_looked_at_is_there_after_a_reload(reloaded: Callable[..., AppTest]) -> None:
    earlier = reloaded(lesson=LESSON.name)
    app = reloaded(lesson=LESSON.name)
    app.radio[0].set_value(1).run()
    button(app, "Show the result").click().run()
    again = reloaded(lesson=LESSON.name)
    assert (again.radio[0].value, again.radio[0].disabled) == (1, True)
    assert again.dataframe
    assert sum(each.proto.body == ":green-badge[:material/check: done]" for each in _badges(reloaded())) == 1
    assert _progress(reloaded()) == [f"1 of {len(LESSONS)} lessons done"]
    assert not _badges(reloaded("another visitor"))
    earlier.radio[0].set_value(0).run()  # a tab that was opened before changes nothing of it any more
    assert earlier.radio[0].value == 1


def _badges(app: AppTest) -> list[Any]:
    return [each for each in app.markdown if "badge" in each.value]


def test_a_prediction_that_cannot_be_kept_says_so(
    opened: Opened, manager: RunManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(lesson=LESSON.name)

    def full(*_: object) -> None:
        raise StoreError("The disk is full.")  # noqa: EM101, TRY003

    monkeypatch.setattr(manager.store.database, "write", full)
    app.radio[0].set_value(1).run()
    assert [each.value for each in app.error] == ["The disk is full."]
    assert app.radio[0].value is None
