"""All lessons, by two visitors: opened, predicted, shown, trained on the server, and opened by somebody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser_watch import settle
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.lesson import Lesson
from live_server import LiveServer
from trained_lessons import train_lesson

OpenPage = Callable[..., Page]
StartServer = Callable[..., LiveServer]
NO_NUMBER = re.compile(r"[{}]|NaN|Infinity|–\s|undefined")


def _button(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("button", name=name)


def _open(page: Page, name: str) -> None:
    page.goto(f"/lessons?lesson={name}")
    expect(page.get_by_role("heading", name=LESSONS[name].title, exact=True)).to_be_visible()
    settle(page)


def _drag_each_number(page: Page, lesson: Lesson) -> None:
    """Change every number that can be dragged: the paragraph or the figure follows, and no number is missing."""
    idea = page.locator(f"[data-testid=idea][data-lesson={lesson.name}]")
    expect(idea).to_be_visible()
    paragraph = idea.locator("p").first
    for number in idea.get_by_role("slider").all():
        before = idea.inner_html()
        number.focus()
        number.press("ArrowRight")
        assert idea.inner_html() != before
        assert not NO_NUMBER.search(paragraph.inner_text())


def _predict(page: Page, lesson: Lesson, choice: int) -> None:
    page.get_by_test_id("stRadio").get_by_text(lesson.labels[choice], exact=True).click()
    expect(_button(page, "Show the result")).to_be_enabled()
    settle(page)


def _predict_and_show(page: Page, lesson: Lesson, choice: int) -> None:
    _predict(page, lesson, choice)
    _button(page, "Show the result").click()
    page.wait_for_function("document.querySelector('[data-testid=figure-lesson-measure]')?.data?.length > 0")
    expect(page.get_by_role("heading", name="Why?")).to_be_visible()


@pytest.mark.timeout(240)
def test_every_lesson_by_two_visitors(start_server: StartServer, open_page: OpenPage, tmp_path: Path) -> None:
    for lesson in LESSONS.values():
        train_lesson(tmp_path / "data", lesson)
    server = start_server(tmp_path / "data")
    ann, ben = open_page(server=server), open_page(server=server)
    _open(ann, next(iter(LESSONS)))
    for number, lesson in enumerate(LESSONS.values()):
        expect(ann.get_by_role("heading", name=lesson.title, exact=True)).to_be_visible()
        _drag_each_number(ann, lesson)
        _predict_and_show(ann, lesson, number % len(lesson.labels))
        expect(ann.get_by_role("heading", name="Trained on this server")).to_be_visible()
        ann.get_by_role("link", name=re.compile("^Next: ")).click()
        settle(ann)

    for number, lesson in enumerate(LESSONS.values()):
        _open(ben, lesson.name)
        expect(ben.get_by_text("Predict first: the result is shown here.")).to_be_visible()
        expect(ben.get_by_text(lesson.explanation)).to_have_count(0)
        expect(ben.get_by_test_id("figure-lesson-measure")).to_have_count(0)
        if number % 4 == 0:
            _predict_and_show(ben, lesson, 0)
            expect(ben.get_by_role("heading", name="Trained on this server")).to_be_visible()
            expect(ben.locator(".class-predictions tr")).to_have_count(len(lesson.labels) + 1)
    settle(ben)

    ann.goto("/lessons")
    expect(ann.get_by_text(f"{len(LESSONS)} of {len(LESSONS)} lessons done")).to_be_visible()
    expect(ann.locator(".st-key-lesson-cards").get_by_text("done")).to_have_count(len(LESSONS))


@pytest.mark.timeout(300)
def test_training_shows_its_progress_in_the_place_of_the_figure_to_everybody(
    start_server: StartServer, open_page: OpenPage
) -> None:
    server = start_server()
    lesson = LESSONS["discount-factor"]
    ann, ben = open_page(server=server), open_page(server=server)
    _open(ann, lesson.name)
    _predict(ann, lesson, 0)
    train = _button(ann, re.compile("^Train it here"))
    expect(train).to_be_enabled()
    train.click()
    _open(ben, lesson.name)
    for page in (ann, ben):
        progress = page.get_by_text(re.compile(f"Training on this server: \\d+ of {len(lesson.spec.cells)} runs done"))
        expect(progress).to_be_visible()
        place, words = page.locator("[data-testid='stColumn']").filter(has=progress), page.get_by_text(lesson.question)
        expect(place).to_have_count(1)
        assert place.bounding_box()["x"] > words.bounding_box()["x"] + 300  # type: ignore[index]
        expect(place.get_by_text(re.compile("the result is (shown here|hidden)", re.IGNORECASE))).to_be_visible()
        assert "figure-lesson" not in page.content()


@pytest.mark.timeout(300)
def test_a_number_follows_the_pointer_and_the_figure_follows_the_number(page: Page) -> None:
    _open(page, "discount-factor")
    idea = page.get_by_test_id("idea")
    gamma = idea.get_by_role("slider", name="Discount factor γ")
    expect(gamma).to_have_attribute("aria-valuetext", "0.98")
    curve = idea.locator("polyline").first.get_attribute("points")
    box = gamma.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 400, box["y"], steps=5)
    expect(gamma).to_have_attribute("aria-valuenow", "0.5")
    page.mouse.up()
    page.mouse.move(box["x"], box["y"])
    expect(gamma).to_have_attribute("aria-valuenow", "0.5")
    assert idea.locator("polyline").first.get_attribute("points") != curve
    expect(idea.get_by_text("lost in the errors of the network")).to_be_visible()
    gamma.press("End")
    expect(gamma).to_have_attribute("aria-valuenow", "0.999")
    expect(idea.get_by_text("still tells one action from another")).to_be_visible()
