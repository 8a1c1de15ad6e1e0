"""The page of all runs, and what it shows after a server was ended or killed while runs trained."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser_watch import PICTURE_OF_THE_SERVER_BEFORE, settle, while_server_is_away
from dqn_core.events import EndReason, RunState
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore
from dqn_core.training.run_folder import RunFolder
from live_server import LiveServer
from scripted_trainer import wait_until
from trainer_runs import short_config

StartServer = Callable[..., LiveServer]
OpenPage = Callable[..., Page]

RUNS = 3


def _runs_of_an_earlier_server(data_dir: Path, count: int = RUNS) -> list[str]:
    """Runs that were at work when their server was shut down; they would go on for ever."""
    manager = RunManager(data_dir, executor="thread", max_active_runs=count)
    runs = [
        manager.start(short_config(compute="fused", max_episodes=10_000_000, seed=seed), f"run {seed}")
        for seed in range(count)
    ]
    wait_until(lambda: all(manager.snapshot(run_id).record.episodes >= 3 for run_id in runs))
    manager.close()
    return runs


def _open_list(page: Page) -> Locator:
    """The table of all runs, opened from the first page."""
    page.goto("/train")
    settle(page, timeout_s=90.0)
    page.get_by_test_id("stTopNavLink").filter(has_text="Runs").click()
    table = page.get_by_test_id("run-table")
    expect(table.locator("tbody tr").first).to_be_visible()
    return table


def _row(table: Locator, name: str) -> Locator:
    return table.locator("tbody tr").filter(has=table.page.get_by_role("link", name=name, exact=True))


def _episodes(row: Locator) -> int:
    return int(row.locator(".dqn-col-episodes").inner_text().replace(",", ""))


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def _records(data_dir: Path) -> list[RunRecord]:
    """What is stored, with no server there."""
    with contextlib.closing(sqlite3.connect(data_dir / "dqn_lab.sqlite")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = RunStore(data_dir / "dqn_lab.sqlite")
    records = store.runs()
    store.close()
    return records


def test_runs_are_found_named_tagged_downloaded_and_deleted(
    start_server: StartServer, open_page: OpenPage, tmp_path: Path
) -> None:
    _runs_of_an_earlier_server(tmp_path / "data")
    page = open_page(server=start_server(tmp_path / "data"))
    table = _open_list(page)
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(RUNS)

    _row(table, "run 1").get_by_role("checkbox").check()
    _press(page, "Rename")
    name = page.get_by_role("dialog").get_by_role("textbox", name="Name")
    name.fill("the <i>best</i> one")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(_row(table, "the <i>best</i> one").get_by_role("checkbox")).to_be_checked()  # still chosen

    _press(page, "Tags")
    page.get_by_role("dialog").get_by_role("textbox", name="New tags").fill("exam")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(_row(table, "the <i>best</i> one").locator(".dqn-tag")).to_have_text("exam")

    # One of them trains on, and its line with it; the choice stays.
    _press(page, "Resume")
    expect(_row(table, "the <i>best</i> one").locator(".dqn-badge")).to_have_text("Running")
    before = _episodes(_row(table, "the <i>best</i> one"))
    wait_until(lambda: _episodes(_row(table, "the <i>best</i> one")) > before)
    expect(_row(table, "the <i>best</i> one").get_by_role("checkbox")).to_be_checked()

    table.get_by_role("searchbox").fill("exam")
    expect(rows).to_have_count(1)
    table.get_by_role("searchbox").fill("")
    table.get_by_role("button", name="Seed").click()
    expect(rows.locator(".dqn-col-seed")).to_have_text(["0", "1", "2"])
    table.get_by_role("checkbox", name="Choose all shown").check()
    expect(table.get_by_role("status").first).to_have_text(f"Runs: {RUNS} · chosen: {RUNS}")

    _press(page, "Download")
    expect(page.get_by_text(f"of what is chosen ({RUNS})")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Everything but checkpoints (ZIP)").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert sum(name.endswith("episodes.csv") for name in archive.namelist()) == RUNS
    page.keyboard.press("Escape")

    # What still trains stays.
    _press(page, "Delete")
    expect(page.get_by_role("dialog")).to_contain_text("not over yet: 1")
    _press(page, "Delete permanently (2)")
    expect(rows).to_have_count(1)
    _press(page, "Stop")
    expect(rows.locator(".dqn-badge")).to_have_text("Stopped")
    _row(table, "the <i>best</i> one").get_by_role("link").click()
    expect(page.get_by_test_id("run-state")).to_have_text("Stopped")


def _resume_all(page: Page) -> Locator:
    """Take up again the runs that were interrupted, from the list; gives their states."""
    states = _open_list(page).locator(".dqn-badge")
    expect(states).to_have_text(["Interrupted"] * RUNS)
    _press(page, f"Resume all interrupted runs ({RUNS})")
    expect(states).to_have_text(["Running"] * RUNS)  # one in the server's process, two in their own
    return states


@while_server_is_away(PICTURE_OF_THE_SERVER_BEFORE)
def test_a_server_that_is_ended_leaves_every_run_with_its_last_step(
    start_server: StartServer, open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DQN_LAB_MAX_ACTIVE_RUNS", str(RUNS))
    data_dir = tmp_path / "data"
    _runs_of_an_earlier_server(data_dir)
    server = start_server(data_dir)
    page = open_page(server=server)
    _resume_all(page)
    _row(page.get_by_test_id("run-table"), "run 1").get_by_role("link").click()
    expect(page.get_by_test_id("run-state")).to_have_text("Running")  # its stream is open, and stays so

    began = time.monotonic()
    server.stop(signal.SIGTERM)
    took = time.monotonic() - began
    print(f"\nThe server ended {took:.1f} s after SIGTERM")  # noqa: T201  seen with -s
    assert took < 10.0
    for record in _records(data_dir):
        assert (record.state, record.reason) == (RunState.INTERRUPTED, EndReason.INTERRUPTED)
        assert "server shut down" in record.message_template
        state = RunFolder.open(data_dir / "runs" / record.run_id).checkpoint()
        assert state.values["counters"]["env_step"] == record.env_steps


@while_server_is_away(PICTURE_OF_THE_SERVER_BEFORE)
def test_runs_of_a_server_that_was_killed_are_resumed_on_request(
    start_server: StartServer, open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DQN_LAB_MAX_ACTIVE_RUNS", str(RUNS))
    _runs_of_an_earlier_server(tmp_path / "data")
    server = start_server(tmp_path / "data")
    page = open_page(server=server)
    states = _resume_all(page)
    server.stop(signal.SIGKILL)

    server.start()
    table = _open_list(page)
    expect(states).to_have_text(["Interrupted"] * RUNS)
    before = _episodes(_row(table, "run 0"))
    _row(table, "run 0").get_by_role("link").click()
    expect(page.get_by_test_id("run-message")).to_contain_text("server went down")
    _press(page, "Resume")
    expect(page.get_by_test_id("run-state")).to_have_text("Running")
    page.wait_for_function("rows => window.dqnLabPanel.rows() > rows", arg=before)
