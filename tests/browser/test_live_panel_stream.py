"""How the live panel lives: its stream, reruns of the page, zoom, many rows, and its end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from mounted_panel import (
    PALETTE,
    Panel,
    change,
    frame,
    fresh_panel,
    opened_stage,
    rows,
    trace_of,
    update,
)


@pytest.fixture(scope="module")
def stage(browser: Browser) -> Iterator[Page]:
    with opened_stage(browser) as page:
        yield page


@pytest.fixture
def live(stage: Page) -> Iterator[Panel]:
    with fresh_panel(stage) as panel:
        yield panel


def test_zoom_and_legend_survive_the_stream_and_a_rerun(live: Panel) -> None:
    live.mount()
    live.say(update(rows(200)))
    live.wait_drawn()
    live.page.get_by_test_id("legend-return-raw").click()
    zoomed = live.zoom("return")
    for start in range(200, 230, 10):
        live.say(update(rows(10, start)))
    live.wait_drawn("length", 230)
    live.mount(state="paused", watch_frames=True)
    live.say(update(rows(10, 230), state="paused"))
    live.wait_drawn("length", 240)
    assert live.axis_range("return") == zoomed
    assert live.trace("return", "raw")["visible"] is False
    assert live.axis_range("loss") == zoomed


def test_many_rows_are_thinned_without_losing_a_spike_and_come_back_upon_zoom(live: Panel) -> None:
    returns = [float(each % 7) for each in range(20_000)]
    returns[12_345] = 999.0
    live.mount()
    for start in range(0, 20_000, 5_000):
        live.say(update(rows(5_000, start, **{"return": returns[start : start + 5_000]})))
    live.wait_for("dqnLabPanel.rows() === 20000")
    live.wait_drawn()
    shown = live.trace("return", "raw")
    assert len(shown["x"]) <= 1_502
    assert 999.0 in shown["y"]
    live.chart("return").evaluate("chart => Plotly.relayout(chart, {'xaxis.range': [5000.5, 5300.5]})")
    live.wait_for(f"{trace_of('return', 'raw')}.x.length < 310")
    shown = live.trace("return", "raw")
    assert [x for x in shown["x"] if 5_000.5 < x < 5_300.5] == list(range(5_001, 5_301))


def test_many_evaluations_are_thinned_evenly_and_the_best_stays(live: Panel) -> None:
    evaluations = [float(each % 3) for each in range(4_000)]
    evaluations[1_234] = 99.0
    live.mount()
    live.say(update(rows(4_000, eval_return=evaluations)))
    live.wait_drawn()
    shown = live.trace("return", "evaluation")
    assert 100 < len(shown["x"]) <= 301
    assert 99.0 in shown["y"]
    others = [x for x, y in zip(shown["x"], shown["y"], strict=True) if y != 99.0]
    assert {after - before for before, after in itertools.pairwise(others)} == {16}
    assert set(shown["y"]) == {0.0, 1.0, 2.0, 99.0}


def test_colours_follow_the_theme(live: Panel) -> None:
    live.mount()
    live.say(update(rows(10)))
    live.wait_drawn()
    background = "document.querySelector('[data-testid=chart-return]')._fullLayout.paper_bgcolor"
    assert live.page.evaluate(background) == "#fcfcfa"
    dark = "mount => { mount.style.setProperty('--st-background-color', '#11191c'); }"
    live.page.locator("#mount").evaluate(dark)
    live.mount()
    live.wait_for(f"{background} === '#11191c'")
    colors = live.chart("return").evaluate("chart => chart.data.map((trace) => (trace.line ?? trace.marker).color)")
    assert PALETTE["dark"]["data"] in colors
    assert PALETTE["light"]["data"] not in colors


def test_rows_sent_twice_are_kept_once(live: Panel) -> None:
    live.mount()
    live.say(update(rows(10)))
    live.say(update(rows(10, 5)))
    live.wait_drawn("return", 15)
    assert live.trace("return", "raw")["x"] == list(range(1, 16))


def test_a_gap_has_the_panel_ask_again_from_what_is_there(live: Panel) -> None:
    live.mount()
    live.say(update(rows(10), changes={"from": 0, "items": [change(3, "gamma", 0.99, 0.9)]}))
    live.say(update(rows(10, 50)))
    live.wait_for(
        "window.openSockets().length === 1 && window.sockets.length === 2 && window.subscriptions().length === 1"
    )
    assert live.subscriptions()[0]["cursor"] == {"rows": 10, "changes": 1, "frame": 0}
    assert live.page.evaluate("dqnLabPanel.rows()") == 10


def test_a_lost_connection_is_said_and_recovers_from_the_cursor(live: Panel) -> None:
    live.mount()
    live.say(update(rows(10)))
    live.page.evaluate("() => { window.isAway = true; window.cut(); }")
    expect(live.page.get_by_test_id("connection")).to_have_text("connection_lost")
    live.wait_for("window.sockets.length >= 3")  # it tries again and again
    live.page.evaluate("window.isAway = false")
    live.wait_for("window.subscriptions().length === 1")
    assert live.subscriptions()[0]["cursor"] == {"rows": 10, "changes": 0, "frame": 0}
    live.say(update(rows(5, 10)))
    expect(live.page.get_by_test_id("connection")).to_be_hidden()
    live.wait_drawn("return", 15)


def test_what_the_server_cannot_tell_is_said_until_it_can(live: Panel) -> None:
    live.mount()
    live.say(update(rows(10)))
    live.tell_problem("The database is <b>locked</b>.", over=False)
    expect(live.page.get_by_test_id("connection")).to_have_text("The database is <b>locked</b>.")
    live.say(update(rows(5, 10)))
    expect(live.page.get_by_test_id("connection")).to_be_hidden()
    live.tell_problem("There is no such run.", over=True)
    expect(live.page.get_by_test_id("connection")).to_have_text("There is no such run.")
    assert live.subscriptions() == []


def test_a_hidden_tab_holds_no_connection_and_catches_up(live: Panel) -> None:
    live.mount()
    live.say(update(rows(10)))
    hide = """hidden => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    live.page.evaluate(hide, True)
    assert live.page.evaluate("window.openSockets().length") == 0
    live.page.evaluate(hide, False)
    live.wait_for("window.subscriptions().length === 1")
    assert live.subscriptions()[0]["cursor"] == {"rows": 10, "changes": 0, "frame": 0}


def test_what_a_run_is_asked_for(live: Panel) -> None:
    live.mount(watch_frames=True, locale="ko")
    live.wait_for("window.subscriptions().length === 1")
    (subscription,) = live.subscriptions()
    assert (subscription["topic"], subscription["language"]) == ("run", "ko")
    assert subscription["parameters"] == {"run": "20260401-143501-x7k2", "frames": True, "saliency": False}
    assert live.page.evaluate("window.openSockets()[0].url") == "ws://127.0.0.1:9/live/socket"


def test_the_page_is_told_of_a_new_state_once(live: Panel) -> None:
    live.mount(state="running")
    for state in ("running", "paused", "paused"):
        live.say(update(state=state))
    assert live.page.evaluate("window.triggers") == [["state", "paused"]]
    live.mount(state="paused")
    live.say(update(state="paused"))
    live.say(update(state="running"))
    assert live.page.evaluate("window.triggers") == [["state", "paused"], ["state", "running"]]


def test_the_page_is_told_of_settings_changed_elsewhere_once(live: Panel) -> None:
    live.mount()
    live.say(update(changes={"from": 0, "items": [change(3, "gamma", 0.99, 0.9)]}))
    live.wait_for("window.triggers.length > 0")
    live.mount()  # the rerun came too early: it still has the old value
    live.say(update(rows(5)))
    live.say(update(changes={"from": 1, "items": [change(4, "gamma", 0.9, 0.8)]}))
    live.wait_for("window.triggers.length > 1")
    assert live.page.evaluate("window.triggers") == [["settings", 1], ["settings", 2]]


def test_a_change_that_the_page_shows_already_asks_for_no_rerun(live: Panel) -> None:
    live.page.clock.install()
    live.mount()
    live.say(update(changes={"from": 0, "items": [change(3, "gamma", 0.99, 0.9)]}))
    live.mount(settings={"gamma": 0.9, "goal_score": None})
    live.page.clock.run_for(10_000)
    live.say(update(state="stopped", changes={"from": 1, "items": [change(3, "gamma", 0.9, 0.8)]}, over=True))
    live.page.clock.run_for(10_000)
    assert [name for name, _ in live.page.evaluate("window.triggers")] == ["state"]


def test_only_the_newest_clean_up_takes_the_panel_away(live: Panel) -> None:
    live.mount()
    live.mount(state="paused")
    live.wait_for("window.subscriptions().length === 1")
    live.page.evaluate("window.cleanUps[0]()")
    expect(live.page.get_by_test_id("live-panel")).to_have_count(1)
    live.page.evaluate("window.cleanUps[1]()")
    expect(live.page.get_by_test_id("live-panel")).to_have_count(0)
    assert live.subscriptions() == []


def test_another_run_starts_from_nothing(live: Panel) -> None:
    live.mount()
    live.say(update(rows(10)))
    live.mount(run_id="20260401-150000-aaaa")
    assert live.page.evaluate("dqnLabPanel.rows()") == 0
    assert [subscription["parameters"]["run"] for subscription in live.subscriptions()] == ["20260401-150000-aaaa"]
    assert live.subscriptions()[0]["cursor"] == {"rows": 0, "changes": 0}


def test_the_newest_frame_is_drawn_however_many_came_meanwhile(live: Panel) -> None:
    live.mount(watch_frames=True)
    for number in range(101, 105):
        live.say(update(frame=frame(number, episode=number)))
    expect(live.page.get_by_test_id("live-frame")).to_have_attribute("alt", "frame of 104")
    is_drawn = "document.querySelector('[data-testid=live-frame]').naturalWidth"
    assert live.page.evaluate(is_drawn) == 60


def test_a_frame_that_cannot_be_read_keeps_the_next_one_from_nothing(live: Panel) -> None:
    live.mount(watch_frames=True)
    live.say(update(frame=frame(1, picture="bm8gcGljdHVyZQ==")))
    live.say(update(frame=frame(2, episode=9)))
    expect(live.page.get_by_test_id("live-frame")).to_have_attribute("alt", "frame of 9")


def test_frames_are_neither_shown_nor_asked_for_when_nobody_watches(live: Panel) -> None:
    live.mount(watch_frames=True)
    live.mount(watch_frames=False)
    live.wait_for("window.subscriptions().length === 1 && !window.subscriptions()[0].parameters.frames")
    expect(live.page.get_by_test_id("live-frame")).to_have_count(0)
