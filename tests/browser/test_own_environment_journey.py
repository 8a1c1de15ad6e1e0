"""An environment of one's own, from a file in the folder to a replay; and the table of a small world."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser_watch import choose_speed, settle
from live_server import ROOT, LiveServer


def template() -> str:
    """The environment of the guide."""
    guide = (ROOT / "docs" / "environments.md").read_text("utf-8")
    (found,) = re.findall(r"```python\n(.+?)```", guide, re.DOTALL)
    return str(found)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def choose(page: Page, option: str) -> None:
    """Type into the list of environments what the option begins with, and take it."""
    box = page.get_by_role("combobox", name=re.compile("^Environment"))
    box.click()
    box.fill(option.split(" ", maxsplit=1)[0])
    page.get_by_role("option", name=option, exact=True).click()
    settle(page)


def train_to_the_end(page: Page) -> str:
    """Start at full speed and wait for the end; the run's id."""
    choose_speed(page, "full speed")
    press(page, "Start")
    page.wait_for_url(re.compile(r"run=\d{8}-\d{6}-[a-z0-9]{4}"))
    expect(page.get_by_test_id("run-state")).to_contain_text(re.compile("Finished|Solved"), timeout=90_000)
    return re.sub(r".*run=([\w-]+).*", r"\1", page.url)


@pytest.mark.expected_problem(r"broken\.py cannot be imported")  # in the server's log
def test_a_file_in_the_folder_is_listed_checked_trained_and_replayed(page: Page, server: LiveServer) -> None:
    folder = server.data_dir / "environments"
    folder.mkdir(exist_ok=True)
    (folder / "broken.py").write_text("x = 1 / 0\n")
    (folder / "boat.py").write_text(template())
    page.goto("/train")
    expect(page.get_by_text("Environment files that cannot be used: 1")).to_be_visible(timeout=60_000)
    page.get_by_text("Environment files that cannot be used: 1").click()
    expect(page.get_by_text(re.compile("broken.py cannot be imported .line 1, ZeroDivisionError"))).to_be_visible()
    choose(page, "Boat-v0 · boat.py")

    # What is found of it is shown before its first run.
    expect(page.get_by_text("The same seed and actions give the same episode.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile("Pictures are 320 by 120 pixels"))).to_be_visible()

    choose_speed(page, "full speed")
    press(page, "Start")
    page.wait_for_url(re.compile(r"run=\d{8}-\d{6}-[a-z0-9]{4}"))
    run_id = re.sub(r".*run=([\w-]+).*", r"\1", page.url)
    page.wait_for_function("() => window.dqnLabPanel?.rows() >= 150", timeout=90_000)
    press(page, "Stop")
    expect(page.get_by_test_id("run-state")).to_contain_text("Stopped")
    page.goto(f"/replay?run={run_id}")
    page.wait_for_function("() => window.dqnLabReplay?.last() > 0 && window.dqnLabReplay.isComplete()", timeout=60_000)
    assert page.evaluate("window.dqnLabReplay.last()") == 200  # the boat is held at the pier to the end
    settle(page)

    # A file that is saved again is read again.
    (folder / "broken.py").unlink()
    (folder / "boat.py").write_text(template().replace("Boat-v0", "Boat-v1"))
    page.goto("/train?run=")
    expect(page.get_by_text("Environment files that cannot be used")).to_have_count(0)
    box = page.get_by_role("combobox", name=re.compile("^Environment"))
    for typed, option in (("Boat", "Boat-v1 · boat.py"), ("Pendulum-v1", "Pendulum-v1 ✕ continuous actions")):
        box.click()
        box.fill(typed)
        expect(page.get_by_role("option", name=option, exact=True)).to_be_visible(timeout=60_000)
        page.keyboard.press("Escape")
    settle(page)


def test_the_table_of_a_small_world_is_shown_beside_the_optimum(page: Page, tmp_path: Path) -> None:
    page.goto("/train?run=")
    settle(page)
    choose(page, "CliffWalking-v1")
    run_id = train_to_the_end(page)
    page.goto(f"/inside?run={run_id}&part=table")
    for figure in ("table", "table-optimal"):
        cells = page.get_by_test_id(f"figure-{figure}").locator(".heatmaplayer .hm")
        expect(cells.first).to_be_attached(timeout=60_000)
    expect(page.get_by_test_id("figure-table")).to_contain_text("S ↑")
    expect(page.get_by_text(re.compile(r"The greedy action is optimal in \d+ of 37 states"))).to_be_visible()
    page.get_by_text("Difference", exact=True).click()
    expect(page.get_by_test_id("figure-table-difference")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_test_id("csv-table").click()
    started.value.save_as(tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text("utf-8-sig").splitlines()
    assert lines[0].split(",")[-3:] == ["column", "row", "value"]
    settle(page)
