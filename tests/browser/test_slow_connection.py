"""Hands that are quicker than the connection: what is pressed before the page shows the last change undoes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser_watch import choose_speed, rest, settle
from cut_line import CutLine
from dqn_core.presets import preset_config
from live_server import LiveServer

LATENCY_S = 0.7
RUN = re.compile(r"run=(\d{8}-\d{6}-[a-z0-9]{4})")


@pytest.fixture
def line(server: LiveServer) -> Iterator[CutLine]:
    with CutLine(server.port) as line:
        yield line


@pytest.fixture
def slow_page(line: CutLine, open_page: Callable[..., Page]) -> Page:
    """The form of a new run, drawn whole, on a connection that is slow from now on."""
    page = open_page()
    page.goto(f"http://127.0.0.1:{line.port}/train?run=")
    settle(page)
    choose_speed(page, "real time")  # a run outlasts the test
    line.latency_s = LATENCY_S
    return page


def start(page: Page, server: LiveServer) -> dict[str, Any]:
    """Press Start, for as long as a hand does; the config of the run."""
    page.get_by_role("button", name="Start", exact=True).click(delay=80)
    page.wait_for_url(RUN)
    found = RUN.search(page.url)
    assert found
    expect(page.get_by_test_id("run-state")).to_have_text("Running")
    config: dict[str, Any] = json.loads((server.data_dir / "runs" / found[1] / "config.json").read_text("utf-8"))
    return config


def stop(page: Page, line: CutLine) -> None:
    line.latency_s = 0.0
    settle(page)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_test_id("run-state")).to_have_text("Stopped")
    settle(page)


def move_to_the_end(page: Page, label: str, key: str) -> None:
    slider = page.get_by_role("slider", name=label).first
    slider.focus()
    slider.press(key)
    rest(page)


def test_a_slider_that_is_moved_before_a_preset_is_shown_changes_itself_alone(
    slow_page: Page, server: LiveServer, line: CutLine
) -> None:
    slow_page.get_by_text("Fast", exact=True).click()
    move_to_the_end(slow_page, "Discount factor", "Home")
    expected = preset_config("CartPole-v1", "fast").replace(gamma=0.0)
    assert start(slow_page, server) == json.loads(json.dumps(expected.to_dict()))
    stop(slow_page, line)


def test_sliders_that_are_moved_in_quick_succession_all_count(
    slow_page: Page, server: LiveServer, line: CutLine
) -> None:
    for label, key in (("Discount factor", "Home"), ("Learning rate", "End"), ("Replay memory", "End")):
        move_to_the_end(slow_page, label, key)
    config, before = start(slow_page, server), preset_config("CartPole-v1", "lab8")
    assert config["gamma"] == 0.0
    assert config["learning_rate"] > before.learning_rate
    assert config["buffer_size"] > before.buffer_size
    assert config == json.loads(json.dumps(before.to_dict())) | {
        name: config[name] for name in ("gamma", "learning_rate", "buffer_size")
    }
    stop(slow_page, line)


@pytest.mark.parametrize("latency_s", [0.0, LATENCY_S])
def test_what_is_typed_counts_where_the_press_of_start_leaves_the_field(
    slow_page: Page, server: LiveServer, line: CutLine, latency_s: float
) -> None:
    line.latency_s = latency_s
    slow_page.get_by_role("spinbutton", name="Seed", exact=True).fill("7")
    assert start(slow_page, server)["seed"] == 7
    stop(slow_page, line)


def test_full_speed_stays_where_something_is_pressed_before_it_is_shown(slow_page: Page, line: CutLine) -> None:
    slow_page.get_by_role("button", name="Full speed", exact=True).click()
    move_to_the_end(slow_page, "Discount factor", "Home")
    line.latency_s = 0.0
    speed = slow_page.get_by_role("slider", name="Speed").first
    expect(speed).to_have_attribute("aria-valuetext", "full speed")
    settle(slow_page)
    expect(speed).to_have_attribute("aria-valuetext", "full speed")


def test_an_experiment_is_started_as_it_was_typed(line: CutLine, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(f"http://127.0.0.1:{line.port}/experiments")
    settle(page)
    name = page.get_by_role("textbox", name="Name").first
    name.fill("typed last")
    page.get_by_role("button", name="Start experiment", exact=True).click()
    expect(page.get_by_text("typed last").first).to_be_visible()
    settle(page)


def test_what_is_pressed_before_the_page_has_been_drawn_changes_no_setting(page: Page) -> None:
    page.goto('/train?env=LunarLander-v3&preset=fast&settings={"gamma":0.95}', wait_until="commit")
    page.get_by_text("Environment: physics and reward").click()
    expect(page.get_by_role("textbox", name="Reward formula")).to_be_visible()
    settle(page)
    page.get_by_text("Show agent").click()  # with it, the browser tells what all the fields show
    settle(page)
    expect(page.get_by_role("combobox", name=re.compile("^Environment"))).to_have_value(re.compile("LunarLander"))
    expect(page.get_by_role("slider", name="Discount factor γ")).to_have_attribute("aria-valuetext", "0.95")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
