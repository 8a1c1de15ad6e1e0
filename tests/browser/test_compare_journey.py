"""Many seeds instead of one lucky run: an experiment from its form to two bands and a file of what they show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from browser_watch import choose_speed, settle
from endless_run import ENDLESS
from live_server import LiveServer

NOT_THE_ROOT = r"/_stcore/(health|host-config)|status of 404"
"""A page opened by its own address first asks below that address where the server is, and is told: not here."""


def answer(page: Page) -> Any:
    """What the comparison shows: groups, figure, tables."""
    return page.evaluate("() => window.dqnLabCompare.answer()")


def curves(page: Page, part: str) -> list[dict[str, Any]]:
    """Points as they are drawn, of the traces that are this part of the figure."""
    found: list[dict[str, Any]] = page.get_by_test_id("compare-plot").evaluate(
        """(plot, part) => plot.calcdata.filter(([first]) => first.trace.meta.part === part).map((points) => ({
            name: points[0].trace.name,
            x: points.map((point) => point.x),
            y: points.map((point) => point.y),
        }))""",
        part,
    )
    return found


def wait_for_bands(page: Page, count: int, n: int) -> None:
    page.wait_for_function(
        """([count, text]) => {
            const traces = document.querySelector("[data-testid=compare-plot]")?.calcdata ?? [];
            const isMeant = ([{ trace }]) => trace.meta.part === "band" && trace.name.includes(text);
            return traces.filter(isMeant).length === count;
        }""",
        arg=[count, f"n = {n}"],
        timeout=60_000,
    )


def x_range(page: Page) -> list[float]:
    found = page.get_by_test_id("compare-plot").evaluate("plot => plot._fullLayout.xaxis.range")
    return [float(end) for end in found]


def zoom_in(page: Page) -> list[float]:
    """Drag over the middle of the figure; the x range that shows then."""
    before = x_range(page)
    area = page.get_by_test_id("compare-plot").locator(".nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=8)
    page.mouse.up()
    page.wait_for_function(
        "end => document.querySelector('[data-testid=compare-plot]')._fullLayout.xaxis.range[1] < end", arg=before[1]
    )
    return x_range(page)


def start_experiment(page: Page) -> None:
    """Two discounts, three seeds each, a few episodes: from the form, as a person does it."""
    page.goto("/experiments")
    settle(page)
    page.get_by_label("Name", exact=True).fill("Near or far")
    page.get_by_label("Name", exact=True).press("Enter")
    page.get_by_label("Setting to vary").click()
    page.get_by_role("option", name="Discount factor γ", exact=True).click()
    expect(page.locator('input[value="0.98, 0.99, 0.995"]')).to_be_visible()
    settle(page)  # the other setting's values are gone
    page.get_by_label("Values", exact=True).fill("0.9, 0.99")
    page.get_by_label("Values", exact=True).press("Enter")
    page.get_by_label("Max episodes").fill("25")
    page.get_by_label("Max episodes").press("Enter")
    expect(page.get_by_text("2 values × 3 seeds = 6 runs")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Start experiment").click()


def wait_for_runs(page: Page, count: int) -> None:
    page.wait_for_function(
        "count => window.dqnLabCompare.answer()?.groups.flatMap((group) => group.runs).length === count", arg=count
    )


def take_runs_out_and_back(page: Page) -> None:
    """Of the six runs in the list, by mouse and by keys."""
    table = page.get_by_test_id("run-table")
    boxes = table.locator("tbody").get_by_role("checkbox")
    expect(table.get_by_role("status").first).to_have_text("Runs: 6 · chosen: 6 of at most 100")
    boxes.first.uncheck()
    wait_for_bands(page, 1, 2)
    wait_for_bands(page, 1, 3)
    assert page.url.count("-") < 12 * 2

    # Lines are taken out and put back by keys as well, a line at a time.
    boxes.nth(1).focus()
    boxes.nth(1).press("Space")
    expect(boxes.nth(1)).not_to_be_checked()
    boxes.nth(1).press("Shift+ArrowDown")
    expect(boxes.nth(2)).to_be_focused()
    expect(boxes.nth(2)).not_to_be_checked()
    wait_for_runs(page, 3)
    table.get_by_role("button", name="Clear selection").click()
    expect(page.get_by_role("heading", name="Choose runs in the list")).to_be_visible()
    table.locator("tbody tr").last.get_by_text("CartPole-v1").click()  # anywhere in the line
    expect(table.get_by_role("status").first).to_have_text("Runs: 6 · chosen: 1 of at most 100")
    wait_for_runs(page, 1)


@pytest.mark.timeout(240)
@pytest.mark.expected_problem(NOT_THE_ROOT)
def test_an_experiment_becomes_two_bands(page: Page, server: LiveServer, tmp_path: Path) -> None:
    start_experiment(page)
    progress = page.get_by_test_id("experiment-progress")
    expect(progress).to_have_text("6 of 6 runs done", timeout=150_000)
    expect(page.get_by_text("Finished: 6")).to_be_visible()

    # The experiment's own link: two bands of three.
    page.get_by_role("link", name="Compare", exact=True).last.click()
    page.wait_for_url(re.compile(r"/compare\?runs="))
    wait_for_bands(page, 2, 3)
    assert [group["name"] for group in answer(page)["groups"]] == [
        "Discount factor γ 0.9 (n = 3)",
        "Discount factor γ 0.99 (n = 3)",
    ]
    expect(page.get_by_test_id("compare-legend")).to_have_text(
        ["Discount factor γ 0.9 (n = 3)", "Discount factor γ 0.99 (n = 3)"]
    )
    expect(page.get_by_test_id("compare-settings")).to_contain_text("0.99")

    # The file holds what the figure shows.
    page.locator(".dqn-menu summary").click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Data of the figure (CSV)").click()
    path = tmp_path / "figure.csv"
    downloading.value.save_as(path)
    table = pd.read_csv(path)
    shown = curves(page, "mean")
    assert len(shown) == 2
    for curve in shown:
        rows = table[table["group"] == curve["name"]]
        assert rows["n"].unique().tolist() == [3]
        assert rows["env_step"].tolist() == pytest.approx(curve["x"])
        assert rows["smoothed"].tolist() == pytest.approx(curve["y"], rel=1e-6)

    # Zoom stays through another smoothing; the address has it all, and a reload shows it again.
    zoomed = zoom_in(page)
    settle(page)
    slider = page.get_by_role("slider", name="Smoothing")
    slider.focus()
    slider.press("ArrowRight")
    page.wait_for_function("() => window.dqnLabCompare.asked().includes('window=5')")
    page.wait_for_url(re.compile(r"window=5"))
    assert x_range(page) == zoomed
    assert len(curves(page, "raw")) == 2
    page.reload()
    wait_for_bands(page, 2, 3)
    assert "window=5" in page.evaluate("() => window.dqnLabCompare.asked()")

    # Pictures are made in the browser.
    page.locator(".dqn-menu summary").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Picture (SVG)").click()
    downloading.value.save_as(tmp_path / "compare.svg")
    picture = (tmp_path / "compare.svg").read_text("utf-8")
    assert "Discount factor γ 0.99 (n = 3)" in picture

    # Taking one run out of the list makes its group smaller.
    take_runs_out_and_back(page)


def points(page: Page) -> int:
    """Points of the run as they were drawn last."""
    return len(curves(page, "run")[0]["x"])


def wait_for_points(page: Page, count: int) -> None:
    page.wait_for_function(
        """count => (document.querySelector("[data-testid=compare-plot]")?.calcdata ?? [])
            .some((points) => points[0].trace.meta.part === "run" && points.length >= count)""",
        arg=count,
        timeout=60_000,
    )


@pytest.mark.expected_problem(NOT_THE_ROOT)
def test_zoom_and_legend_stay_while_a_run_trains(page: Page, server: LiveServer) -> None:
    page.goto(ENDLESS)
    settle(page)
    choose_speed(page, "10×")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"run=\d{8}-\d{6}-[a-z0-9]{4}"))
    page.wait_for_function("() => window.dqnLabPanel?.rows() >= 8", timeout=60_000)

    # The link of the run's own page; the figure follows the run by itself.
    page.get_by_test_id("stPageLink").get_by_role("link", name="Compare").click()
    page.wait_for_url(re.compile(r"/compare\?runs="))
    wait_for_points(page, 8)
    expect(page.get_by_text("Some of these runs are still training")).to_be_visible()
    zoomed = zoom_in(page)
    page.get_by_test_id("compare-results").get_by_role("button").click()
    expect(page.get_by_test_id("compare-results").get_by_role("link")).to_have_count(1)
    version = answer(page)["version"]
    page.wait_for_function("version => window.dqnLabCompare.answer().version !== version", arg=version, timeout=60_000)
    assert x_range(page) == zoomed
    expect(page.get_by_test_id("compare-results").get_by_role("link")).to_have_count(1)

    # Back to everything, which has grown meanwhile; switched off in the legend, it stays off.
    before = points(page)
    page.get_by_test_id("compare-plot").locator(".nsewdrag").first.dblclick()
    wait_for_points(page, before + 2)
    page.get_by_test_id("compare-legend").click()
    expect(page.get_by_test_id("compare-legend")).to_have_attribute("aria-pressed", "false")
    version = answer(page)["version"]
    page.wait_for_function("version => window.dqnLabCompare.answer().version !== version", arg=version, timeout=60_000)
    assert page.get_by_test_id("compare-plot").evaluate("plot => plot.data.every((trace) => !trace.visible)")

    # The table leads back to the run.
    page.get_by_test_id("compare-results").get_by_role("link").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_test_id("run-state")).to_contain_text("Stopped")
