"""Figures of a guided experiment and of a search, as a student sees and downloads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from browser_watch import settle
from dqn_core.config import TrainingConfig
from dqn_core.events import Event
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.results import verdict
from dqn_core.lessons.shipped import read_shipped
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec
from dqn_core.runs.experiments.searches import Searches
from dqn_core.runs.manager import RunManager
from live_server import LiveServer
from scripted_trainer import Mailbox, ended, episode, following, started, wait_until

OpenPage = Callable[..., Page]


_OVERLAPS = """(selector) => {
  const isSeen = (text) => text.textContent && getComputedStyle(text).fillOpacity !== "0";
  const texts = [...document.querySelectorAll(selector)].filter(isSeen);
  const boxes = texts.map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
  const meets = (one, other) =>
    one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
  const pairs = boxes.flatMap((one, i) => boxes.slice(i + 1).map((other) => [one, other]));
  return pairs.filter(([one, other]) => meets(one.box, other.box)).map((pair) => pair.map(({ text }) => text));
}"""
"""Pairs of texts that lie over each other."""


def _table(page: Page, figure: str, folder: Path) -> pd.DataFrame:
    page.wait_for_function("id => document.querySelector(`[data-testid=figure-${id}]`)?.data?.length > 0", arg=figure)
    with page.expect_download() as started:
        page.get_by_test_id(f"csv-{figure}").click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return pd.read_csv(path)


def test_a_lesson_shows_what_was_measured_and_gives_it_away(
    start_server: Callable[..., LiveServer], open_page: OpenPage, tmp_path: Path
) -> None:
    lesson = LESSONS["discount-factor"]
    page = open_page(server=start_server())
    page.goto("/")
    settle(page)
    page.get_by_role("link", name="Learn").first.click()
    page.locator(f"a[href*='lesson={lesson.name}']").first.click()
    settle(page)
    page.get_by_text(lesson.labels[1], exact=True).first.click()
    settle(page)
    page.get_by_role("button", name="Show the result").click()
    settle(page)

    shipped = read_shipped(lesson)
    assert shipped is not None
    found = verdict(lesson, shipped.runs)
    measured = _table(page, "lesson-measure", tmp_path)
    for label, values in zip(lesson.labels, found.measured, strict=True):
        rows = measured[measured["series"] == label]
        assert dict(zip(rows["seed"], rows[lesson.measure], strict=True)) == pytest.approx(values)
    curves = _table(page, "lesson-curves", tmp_path)
    assert curves.groupby("series", sort=False)["n"].max().tolist() == [each.n for each in found.estimates]
    assert (curves["low"].dropna() <= curves["mean"][curves["low"].notna()] + 1e-6).all()


# Chromium without a graphics card says so where lines are drawn with WebGL.
@pytest.mark.expected_problem("GPU stall due to ReadPixels")
def test_a_search_shows_its_trials_in_three_figures(
    start_server: Callable[..., LiveServer], open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(server=start_server())
    page.goto("/train")
    settle(page)
    page.get_by_role("link", name="Experiments").first.click()
    page.locator(".st-key-views").get_by_role("link", name="Tune").click()
    for label, value in (("Trials", "5"), ("Env steps per trial", "2000")):
        box = page.get_by_label(label, exact=True)
        box.fill(value)
        box.press("Enter")
        settle(page)
    page.get_by_role("button", name="Start search").click()
    expect(page.get_by_text("5 of 5 trials")).to_be_visible(timeout=120_000)
    settle(page)
    trials = _table(page, "search-history", tmp_path)
    assert trials["trial"].tolist() == list(range(5))
    assert set(trials["state"]) <= {"complete", "pruned"}
    done = trials[trials["state"] == "complete"]
    together = _table(page, "search-parallel", tmp_path)
    assert together["trial"].tolist() == done["trial"].tolist()
    assert together["mean_evaluation"].tolist() == pytest.approx(done["mean_evaluation"].tolist())
    assert page.evaluate(_OVERLAPS, ".parcoords text") == []


def _trial(config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
    yield started()
    for number in range(1, 6):
        yield episode(number, eval_return=100.0 * config.gamma)
    yield ended(episodes=5)


@pytest.mark.expected_problem("GPU stall due to ReadPixels")
def test_a_search_of_many_settings_is_scrolled_within_its_card_on_a_phone(
    start_server: Callable[..., LiveServer], open_page: OpenPage, tmp_path: Path
) -> None:
    ends = {
        "learning_rate": (1e-4, 1e-2),
        "gamma": (0.9, 0.999),
        "batch_size": (16, 256),
        "buffer_size": (10_000, 50_000),
        "epsilon_decay_rate": (1.0, 9.0),
        "target_update_every": (1, 1_000),
        "update_every": (1, 8),
        "gradient_steps": (1, 4),
    }
    ranges = tuple(SearchRange(field=name, low=low, high=high, is_log=low > 0) for name, (low, high) in ends.items())
    spec = SearchSpec(base=TrainingConfig(max_env_steps=200, warmup_steps=0), ranges=ranges, trials=6)
    manager = RunManager(tmp_path / "data", trainer_factory=following(_trial))
    searches = Searches(manager)
    search_id = searches.start(spec, "many settings", "")
    wait_until(lambda: not searches.status(search_id).is_active)
    manager.close()

    page = open_page(server=start_server(tmp_path / "data"), viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto("/search")
    page.wait_for_function("document.querySelector('[data-testid=figure-search-parallel]')?.data?.length > 0")
    settle(page)
    ticks = ".parcoords .axis .tick text"
    assert len(page.locator(ticks).all()) > len(ends)
    assert page.evaluate(_OVERLAPS, ticks) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    last = page.locator(".parcoords").get_by_text("Mean evaluation").first
    expect(last).not_to_be_in_viewport()
    for _ in range(12):
        page.get_by_test_id("figure-search-parallel").locator("..").press("ArrowRight")
    expect(last).to_be_in_viewport()
