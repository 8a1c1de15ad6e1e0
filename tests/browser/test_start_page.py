"""The first minute: something moves, three ways lead on, and a run that trains is one click away from everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from browser_watch import choose_speed, settle
from live_server import LiveServer

RUN = re.compile(r"run=(\d{8}-\d{6}-[a-z0-9]{4})")
PICTURE = "() => document.querySelector('.dqn-flight canvas').toDataURL()"


def test_a_lander_flies_and_can_be_challenged(
    start_server: Callable[..., LiveServer], open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DQN_LAB_EXAMPLES", "true")
    page = open_page(server=start_server())
    page.goto("/")
    expect(page.locator(".dqn-flight canvas")).to_be_visible()
    first = page.evaluate(PICTURE)
    page.wait_for_function(f"(first) => ({PICTURE})() !== first", arg=first)
    page.get_by_role("button", name="Pause the flight").click()
    still = page.evaluate(PICTURE)
    page.evaluate("() => new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")
    assert page.evaluate(PICTURE) == still
    settle(page)
    page.locator(".st-key-start-ways").get_by_role("link", name="Beat it").click()
    page.wait_for_url(re.compile(r"/play\?.*run="))
    expect(page.get_by_role("heading", name="Example: Lunar Lander")).to_be_visible()
    expect(page.get_by_test_id("shown-state")).to_have_text("Solved")


def test_the_run_that_trains_is_one_click_away_from_every_page(
    start_server: Callable[..., LiveServer], open_page: Callable[..., Page]
) -> None:
    page = open_page(server=start_server())
    page.goto("/")
    settle(page)
    page.get_by_role("link", name="Train your own").click()
    settle(page)
    choose_speed(page, "real time")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(RUN)
    (run_id,) = RUN.findall(page.url)
    expect(page.get_by_test_id("run-state")).to_have_text("Running")
    page.get_by_role("link", name="Watch", exact=True).click()
    expect(page.get_by_test_id("shown-state")).to_have_text("Running")
    page.get_by_role("link", name="Runs", exact=True).click()
    page.wait_for_url(re.compile("/runs"))
    expect(page.get_by_test_id("active-runs")).to_have_text("1 running")
    page.get_by_test_id("active-runs").click()
    page.wait_for_url(re.compile(rf"/train\?run={run_id}"))
    settle(page)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_test_id("run-state")).to_have_text("Stopped")
    expect(page.get_by_test_id("active-runs")).to_be_hidden()
