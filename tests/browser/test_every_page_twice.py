"""Every page, by two visitors: the second comes after all that the first did. Names hold what Markdown would read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser_watch import choose_speed, settle
from dqn_core.lessons.catalog import LESSONS
from dqn_core.runs.classes.leaderboard import Leaderboard
from dqn_core.runs.jobs.service import Jobs
from dqn_core.runs.manager import RunManager
from live_server import LiveServer
from scripted_trainer import wait_for_end
from trained_lessons import train_lesson
from trainer_runs import short_config

MENU = (
    *("Watch", "Play", "Inside", "Train", "Experiments", "Vary a setting", "Tune", "Compare"),
    *("Learn", "Runs", "Class", "Leaderboard", "Start", "Lab"),
)
LOOKED_AT = 3
"""Lessons that each visitor takes; the first of them was trained on the server."""
PATIENCE_MS = 60_000
ELSEWHERE = "192.0.2.1"
NAME = f"![x](http://{ELSEWHERE}/p.png) http://{ELSEWHERE}/a :red[b]"
RUN = re.compile(r"run=(\d{8}-\d{6}-[a-z0-9]{4})")


def prepare(data_dir: Path) -> str:
    """A lesson that was trained, and a run that is over and stands on the leaderboard."""
    train_lesson(data_dir, LESSONS["reward-and-return"], name=NAME)
    manager, jobs = RunManager(data_dir, executor="thread"), Jobs()
    try:
        run_id = manager.start(short_config(max_episodes=12, evaluate_every=4, evaluation_episodes=1), NAME)
        wait_for_end(manager, run_id)
        manager.tag(run_id, [NAME])
        Leaderboard(manager, jobs).submit(run_id, NAME)
    finally:
        jobs.close()
        manager.close()
    return run_id


def look(page: Page) -> None:
    """What a careful person would look for on every page; the console and the server's log are watched anyway."""
    settle(page, timeout_s=PATIENCE_MS / 1_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.locator(f"a[href*='{ELSEWHERE}'], img[src*='{ELSEWHERE}']")).to_have_count(0)


def menu(page: Page, name: str) -> None:
    """Follow a link of the menu, or to another view of the same area."""
    places = page.locator("[data-testid='stTopNavLinkContainer'], .st-key-views")
    places.get_by_role("link", name=name, exact=True).click()
    look(page)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def walk(page: Page, server: LiveServer, run_id: str, *, do: Callable[[Page, str], None]) -> None:
    """Go to every page and every part of one, as whoever knows the address of a run; ``do`` is called on each."""
    page.goto(f"{server.url}/train?run={run_id}")
    look(page)
    for name in MENU:
        menu(page, name)
        do(page, name)
        if name == "Inside":
            for tab in page.get_by_role("tab").all():
                tab.click()
                look(page)
        if name == "Learn":
            _walk_lessons(page)


def _walk_lessons(page: Page) -> None:
    for number, lesson in enumerate(list(LESSONS.values())[:LOOKED_AT]):
        page.locator(f"a[href*='lesson={lesson.name}']").first.click()
        expect(page.get_by_role("heading", name=lesson.title, exact=True)).to_be_visible()
        look(page)
        page.get_by_text(lesson.labels[number % 2], exact=True).first.click()
        look(page)
        button(page, "Show the result").click()
        expect(page.get_by_role("heading", name="Why?")).to_be_visible()
        look(page)
        expect(page.get_by_text(re.compile("^Next: "))).to_be_visible()
        page.get_by_role("link", name="All lessons").click()
        look(page)


def _act(page: Page, name: str) -> None:
    """Leave something behind on some pages."""
    if name == "Watch":
        page.get_by_role("tab", name=re.compile("Evaluate over many")).click()
        button(page, "Evaluate").click()
    elif name == "Vary a setting":
        for label, value in (("Seeds", "1"), ("Max episodes", "2")):
            box = page.get_by_label(label, exact=True)
            box.fill(value)
            box.press("Enter")
            look(page)
        page.get_by_label("Name", exact=True).fill(NAME)
        page.get_by_label("Name", exact=True).press("Enter")
        look(page)
        button(page, "Start experiment").click()
    look(page)


def _nothing(_page: Page, _name: str) -> None:
    """Only looks."""


@pytest.mark.timeout(600)  # some fifty views
@pytest.mark.expected_problem("GPU stall due to ReadPixels")
def test_every_page_twice_by_two_visitors(
    start_server: Callable[..., LiveServer],
    open_page: Callable[..., Page],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DQN_LAB_INSTRUCTOR_CODE", "chalk-and-sponge")
    run_id = prepare(tmp_path / "data")
    server = start_server(tmp_path / "data")
    ann, ben = open_page(server=server), open_page(server=server)
    for page in (ann, ben):
        page.set_default_timeout(PATIENCE_MS)
    walk(ann, server, run_id, do=_act)
    walk(ben, server, run_id, do=_nothing)
    ann.reload()
    look(ann)

    # What Ann predicted and looked at is hers, also after a reload, and seen on the list of lessons.
    lesson = LESSONS["reward-and-return"]
    ann.goto(f"{server.url}/lessons?lesson={lesson.name}")
    look(ann)
    expect(ann.get_by_role("heading", name="Trained on this server")).to_be_visible()
    expect(ann.get_by_role("radio", name=lesson.labels[0], exact=True)).to_be_checked()
    expect(button(ann, "Show the result")).to_be_disabled()


@pytest.mark.timeout(300)
def test_the_way_back_to_train_leads_to_the_run_that_trains(
    start_server: Callable[..., LiveServer], open_page: Callable[..., Page]
) -> None:
    page = open_page(server=start_server())
    page.goto("/train")
    look(page)
    choose_speed(page, "real time")
    button(page, "Start").click()
    page.wait_for_url(RUN)
    address = page.url
    for name in ("Inside", "Train", "Watch", "Lab", "Learn", "Lab", "Train"):
        menu(page, name)
    page.wait_for_url(RUN)
    assert RUN.findall(page.url) == RUN.findall(address)
    expect(page.get_by_test_id("run-state")).to_have_text("Running")
    expect(button(page, "Start")).to_be_disabled()

    # Whoever leaves the run for a new one finds the form again.
    page.get_by_role("link", name="New run").click()
    look(page)
    expect(button(page, "Start")).to_be_enabled()
    for name in ("Learn", "Lab"):
        menu(page, name)
    expect(button(page, "Start")).to_be_enabled()
    assert not RUN.search(page.url)
