from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import pages.server
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.lesson import Lesson
from dqn_core.runs.experiments import Experiments
from dqn_core.runs.manager import RunManager
from scripted_trainer import following, obedient
from trained_lessons import train_lesson

Opened = Callable[..., AppTest]
LESSON = LESSONS["gamma"]


@pytest.fixture
def opened(open_app: Opened) -> Callable[..., AppTest]:
    return lambda **query: open_app(page="lessons.py", **query)


@pytest.fixture
def trained(manager: RunManager, tmp_path: Path) -> Callable[..., None]:
    """Have somebody train lessons on this server, before anybody opens a page."""

    def train(*lessons: Lesson, owner: str = "") -> None:
        pages.server.close_manager()
        for lesson in lessons:
            train_lesson(tmp_path, lesson, owner)
        pages.server._managers.append(RunManager(tmp_path, trainer_factory=following(obedient()), max_active_runs=3))

    return train


def button(app: AppTest, start: str) -> object:
    return next(each for each in app.button if each.label.startswith(start))


def test_every_lesson_is_listed(opened: Opened) -> None:
    app = opened()
    text = "\n".join(each.value for each in app.markdown)
    for lesson in LESSONS.values():
        assert lesson.title in text
        assert lesson.question in text


def test_the_result_is_shown_after_a_prediction_only(opened: Opened) -> None:
    app = opened(lesson="gamma")
    assert app.title[0].value == LESSON.title
    assert button(app, "Show the result").disabled
    assert not app.dataframe
    app.radio[0].set_value(1).run()
    assert not app.dataframe
    button(app, "Show the result").click().run()
    assert not app.exception
    assert app.radio[0].disabled
    (table,) = app.dataframe
    assert table.value["Variant"].tolist() == list(LESSON.labels)
    assert table.value["n"].tolist() == [5, 5, 5]
    said = [each.value for each in (*app.success, *app.info)]
    assert any("predicted" in each for each in said)
    assert any("python -m benchmarks.lessons --lessons gamma" in each.value for each in app.caption)
    assert any(each.value == LESSON.explanation for each in app.markdown)


def test_a_lesson_is_trained_as_an_experiment(opened: Opened, manager: RunManager) -> None:
    app = opened(lesson="evaluation")
    app.radio[0].set_value(0).run()
    button(app, "Train it here").click().run()
    assert not app.exception
    (status,) = Experiments(manager).latest()
    assert status.record.spec == LESSONS["evaluation"].spec
    assert any(each.value == "Trained on this server" for each in app.subheader)
    Experiments(manager).stop(status.record.experiment_id)


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
    assert [each.value for each in app.subheader] == ["Trained on this server", "Why?"]
    assert any(each.value == lesson.explanation for each in app.markdown)
    assert any(each.label.startswith("Next: ") for each in app.get("page_link"))
    assert not any("nan" in each.value for each in (*app.info, *app.success))


def test_an_unknown_lesson_is_the_list(opened: Opened) -> None:
    assert opened(lesson="../x").title[0].value == "Guided experiments"


def test_in_korean(opened: Opened) -> None:
    app = opened(lesson="gamma", lang="ko")
    assert app.title[0].value == "얼마나 멀리 내다볼까"
