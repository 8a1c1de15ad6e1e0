"""The main job, as a person does it: start, watch, change a setting, zoom, pause, step, resume, stop, download."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
from playwright.sync_api import Locator, Page, expect

from browser_watch import choose_speed, settle
from dqn_core.events import EPISODE_COLUMNS
from endless_run import ENDLESS
from live_server import LiveServer

CHARTS = ("return", "loss", "length", "epsilon")


def panel(page: Page, question: str) -> Any:
    """What the page's panel holds: ``rows``, ``changes``, ``state``."""
    return page.evaluate(f"() => window.dqnLabPanel?.{question}()")


def wait_for_rows(page: Page, count: int) -> None:
    page.wait_for_function("count => window.dqnLabPanel?.rows() >= count", arg=count, timeout=60_000)


def state(page: Page) -> Locator:
    return page.get_by_test_id("run-state")


def env_steps(page: Page) -> int:
    return int(page.get_by_test_id("tile-env-steps").inner_text().splitlines()[-1].replace(",", ""))


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def start_endless_run(page: Page) -> None:
    """Start a run at twice real time."""
    page.goto(ENDLESS)
    settle(page)
    choose_speed(page, "2×")
    press(page, "Start")
    page.wait_for_url(re.compile(r"run=\d{8}-\d{6}-[a-z0-9]{4}"))


def x_range(page: Page, chart: str) -> list[float]:
    graph = page.get_by_test_id(f"chart-{chart}")
    return [float(end) for end in graph.evaluate("graph => graph._fullLayout.xaxis.range")]


def wait_for_points(page: Page, chart: str, count: int) -> None:
    """Bring a chart into view, where it is drawn, and wait until a curve of it has so many points."""
    page.get_by_test_id(f"chart-{chart}").scroll_into_view_if_needed()
    page.wait_for_function(
        "([id, count]) => (document.querySelector(`[data-testid=chart-${id}]`).data ?? [])"
        ".some(trace => (trace.x?.length ?? 0) >= count)",
        arg=[chart, count],
    )


def zoom_in(page: Page, chart: str) -> list[float]:
    """Drag over the middle of a chart; the x range that shows then."""
    before = x_range(page, chart)
    area = page.get_by_test_id(f"chart-{chart}").locator(".nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5, steps=8)
    page.mouse.up()
    page.wait_for_function(
        "([id, end]) => document.querySelector(`[data-testid=chart-${id}]`)._fullLayout.xaxis.range[1] < end",
        arg=[chart, before[1]],
    )
    return x_range(page, chart)


def wait_for_agent(page: Page) -> None:
    """Wait until the trained agent plays where the running episode stood."""
    agent = page.get_by_test_id("agent-episode")
    expect(agent).to_be_visible()
    agent.scroll_into_view_if_needed()
    steps = page.locator(".dqn-facts dd").nth(1)
    before = steps.inner_text()
    expect(steps).not_to_have_text(before)
    page.get_by_test_id("agent-play").click()
    expect(page.get_by_test_id("agent-play")).to_have_accessible_name("Play the episode")


def change_learning_rate(page: Page) -> None:
    """A live change gets its mark in every chart, and its name in the first."""
    slider = page.get_by_role("slider", name="Learning rate")
    slider.focus()
    slider.press("ArrowRight")
    page.wait_for_function("() => window.dqnLabPanel.changes() === 1")
    expect(page.get_by_test_id("chart-return")).to_contain_text("2e-4 → 5e-4")
    for chart in CHARTS:
        page.get_by_test_id(f"chart-{chart}").scroll_into_view_if_needed()
        page.wait_for_function(
            "(id) => document.querySelector(`[data-testid=chart-${id}]`).layout?.shapes?.length >= 1", arg=chart
        )


def test_the_whole_journey(page: Page, server: LiveServer, tmp_path: Path) -> None:
    start_endless_run(page)
    run_id = page.url.partition("run=")[2]

    # Curves move.
    wait_for_rows(page, 3)
    expect(state(page)).to_contain_text("Running")
    rows = panel(page, "rows")
    wait_for_rows(page, rows + 3)
    for chart in CHARTS:
        wait_for_points(page, chart, 3)

    # Frames of the running episode, with a Q-value for each action.
    frame = page.get_by_test_id("live-frame")
    expect(frame).to_have_js_property("complete", value=True)
    page.wait_for_function("() => document.querySelector('[data-testid=live-frame]').naturalWidth === 600")
    expect(page.get_by_test_id("q-values").locator("li")).to_have_count(2)

    change_learning_rate(page)

    # Zoom in, wait while the run streams on, and the zoom is still there; after a rerun of the script too.
    zoomed = zoom_in(page, "return")
    wait_for_rows(page, panel(page, "rows") + 10)
    assert x_range(page, "return") == zoomed

    # Pause, step, resume.
    press(page, "Pause")
    expect(state(page)).to_contain_text("Paused")
    settle(page)
    assert x_range(page, "return") == zoomed
    standing_at = env_steps(page)
    press(page, "Step")
    expect(page.get_by_test_id("tile-env-steps")).to_contain_text(f"{standing_at + 1:,}")
    settle(page)
    press(page, "Resume")
    expect(state(page)).to_contain_text("Running")
    wait_for_rows(page, panel(page, "rows") + 2)

    # Stop, and download the log.
    settle(page)
    press(page, "Stop")
    expect(state(page)).to_contain_text("Stopped")
    wait_for_agent(page)
    rows = panel(page, "rows")
    episodes = pd.read_csv(download(page, "Episodes (CSV)", tmp_path))
    assert tuple(episodes.columns) == EPISODE_COLUMNS
    assert len(episodes) == rows
    assert episodes["episode"].tolist() == list(range(1, rows + 1))
    assert episodes["learning_rate"].iloc[0] == 0.0002
    assert episodes["learning_rate"].iloc[-1] == 0.0005
    changes = pd.read_csv(download(page, "Live changes (CSV)", tmp_path))
    assert changes[["field", "old", "new"]].to_numpy().tolist() == [["learning_rate", 0.0002, 0.0005]]

    # Reload: the same run with its history. Another device shows it too.
    page.reload()
    wait_for_rows(page, rows)
    expect(state(page)).to_contain_text("Stopped")
    assert page.url.partition("run=")[2] == run_id
    assert panel(page, "rows") == rows
    assert panel(page, "changes") == 1
    wait_for_agent(page)


def test_a_stopped_run_goes_on_from_where_it_stood(page: Page) -> None:
    start_endless_run(page)
    wait_for_rows(page, 3)
    settle(page)
    press(page, "Stop")
    expect(state(page)).to_contain_text("Stopped")
    rows, address = panel(page, "rows"), page.url
    settle(page)
    press(page, "Resume")
    expect(state(page)).to_contain_text("Running")
    wait_for_rows(page, rows + 3)
    assert page.url == address
    settle(page)
    press(page, "Stop")
    expect(state(page)).to_contain_text("Stopped")


def download(page: Page, name: str, folder: Path) -> Path:
    link = page.get_by_role("link", name=name)
    if not link.is_visible():
        press(page, "Download")
    with page.expect_download() as started:
        link.click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def test_a_second_tab_and_an_earlier_servers_run_show_the_same_history(open_page: Any, start_server: Any) -> None:
    server = start_server()
    first, second = open_page(server=server), open_page(server=server)
    start_endless_run(first)
    wait_for_rows(first, 5)
    second.goto(first.url)
    wait_for_rows(second, panel(first, "rows"))

    # A change made in one tab shows in the other's settings after its next script run.
    slider = first.get_by_role("slider", name="Discount")
    slider.focus()
    slider.press("ArrowLeft")
    second.wait_for_function("() => window.dqnLabPanel.changes() === 1")
    changed_to = slider.get_attribute("aria-valuetext")
    settle(second)
    press(second, "Pause")
    expect(state(first)).to_contain_text("Paused")
    expect(second.get_by_role("slider", name="Discount")).to_have_attribute("aria-valuetext", str(changed_to))
    settle(first)
    press(first, "Stop")
    expect(state(second)).to_contain_text("Stopped")
    expect(state(first)).to_contain_text("Stopped")
    rows, address = panel(first, "rows"), first.url.partition("/train?")[2]
    first.close()
    second.close()
    server.stop()

    again = start_server(data_dir=server.data_dir)
    page = open_page(server=again)
    page.goto(f"/train?{address}")
    wait_for_rows(page, rows)
    expect(state(page)).to_contain_text("Stopped")
    assert panel(page, "rows") == rows


def test_two_runs_from_two_tabs_do_not_disturb_each_other(open_page: Any) -> None:
    first, second = open_page(), open_page()
    start_endless_run(first)
    start_endless_run(second)
    assert first.url != second.url
    wait_for_rows(first, 3)
    wait_for_rows(second, 3)
    settle(first)
    press(first, "Stop")
    expect(state(first)).to_contain_text("Stopped")
    rows = panel(second, "rows")
    wait_for_rows(second, rows + 3)
    expect(state(second)).to_contain_text("Running")
    settle(second)
    press(second, "Stop")
    expect(state(second)).to_contain_text("Stopped")
