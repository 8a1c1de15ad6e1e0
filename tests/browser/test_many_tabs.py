"""One live socket a tab: many tabs of one browser, a connection that breaks, and tabs that nobody looks at."""

from __future__ import annotations

import re
import time

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, WebSocket, expect

from browser_watch import choose_speed, settle, while_server_is_away
from cut_line import CutLine
from live_server import LiveServer

pytestmark = pytest.mark.timeout(400)

_TABS = 12
"""Twice as many as a browser opens connections to a host over HTTP/1.1."""
_PATIENCE_S = 90
"""Twelve tabs are opened on the cores that the server and its run are on."""
_AWAY_S = 10.0
_ROWS = "window.dqnLabPanel?.rows() ?? 0"
_EPISODES = "window.dqnLabPanel.episodes()"
_HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def _start_endless_run(page: Page, url: str = "") -> str:
    """A run that outlasts its test: in real time, it takes many minutes. Its address."""
    page.context.set_default_timeout(_PATIENCE_S * 1_000)
    page.goto(f"{url}/train")
    settle(page, timeout_s=_PATIENCE_S)
    choose_speed(page, "real time", _PATIENCE_S)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"run=\d{8}-\d{6}-[a-z0-9]{4}"))
    return page.url


def _tab(context: BrowserContext, url: str) -> Page:
    tab = context.new_page()
    tab.goto(url)
    return tab


def _wait_for_rows(tab: Page, more_than: int) -> None:
    tab.wait_for_function(f"(before) => ({_ROWS}) > before", arg=more_than)


def _live_sockets(page: Page) -> list[WebSocket]:
    """The live sockets that the tab opens from here on."""
    opened: list[WebSocket] = []
    page.on("websocket", lambda socket: opened.append(socket) if socket.url.endswith("/live/socket") else None)
    return opened


def test_more_tabs_than_a_browser_has_connections_all_load_and_move(page: Page, server: LiveServer) -> None:
    opened = _live_sockets(page)
    first = _start_endless_run(page)
    tabs = [page, *(_tab(page.context, first) for _ in range(_TABS - 1))]
    for tab in tabs:
        expect(tab.get_by_test_id("live-panel")).to_be_visible(timeout=_PATIENCE_S * 1_000)
    for tab in tabs:
        _wait_for_rows(tab, 0)
        _wait_for_rows(tab, tab.evaluate(_ROWS))
    assert sum(not socket.is_closed() for socket in opened) == 1
    assert httpx.get(f"{server.url}/_stcore/health", trust_env=False).is_success


@while_server_is_away()
def test_after_ten_seconds_without_a_connection_every_panel_catches_up(page: Page, server: LiveServer) -> None:
    with CutLine(server.port) as line:
        url = f"http://127.0.0.1:{line.port}"
        first = _start_endless_run(page, url)
        panels = [page, _tab(page.context, first), _tab(page.context, first)]
        runs = _tab(page.context, f"{url}/runs")
        trouble = runs.get_by_test_id("run-table").locator(".dqn-connection")
        expect(runs.locator("tr[data-run]").first).to_be_visible(timeout=_PATIENCE_S * 1_000)
        for panel in panels:
            _wait_for_rows(panel, 0)
            panel.evaluate("document.querySelector('[data-testid=live-panel]').isTheSame = true")
        line.cut()
        cut_at = time.monotonic()
        for panel in panels:
            expect(panel.get_by_test_id("connection")).to_have_text("Connection lost, trying again…")
        expect(trouble).to_have_text("Connection lost, trying again…")
        rows = [panel.evaluate(_ROWS) for panel in panels]
        page.wait_for_timeout(1_000 * (_AWAY_S - (time.monotonic() - cut_at)))
        assert [panel.evaluate(_ROWS) for panel in panels] == rows
        line.mend()
        for panel, before in zip(panels, rows, strict=True):
            _wait_for_rows(panel, before + 5)
            expect(panel.get_by_test_id("connection")).to_be_hidden()
            episodes = panel.evaluate(_EPISODES)
            assert episodes == list(range(1, len(episodes) + 1))
            assert panel.evaluate("document.querySelector('[data-testid=live-panel]').isTheSame")
        expect(trouble).to_be_hidden()


def test_a_hidden_tab_gets_nothing_and_catches_up(page: Page) -> None:
    opened = _live_sockets(page)
    _start_endless_run(page)
    _wait_for_rows(page, 0)
    (socket,) = opened
    with socket.expect_event("close"):
        page.evaluate(_HIDE, arg=True)
    rows = page.evaluate(_ROWS)
    page.wait_for_timeout(3_000)
    assert page.evaluate(_ROWS) == rows
    assert len(opened) == 1
    page.evaluate(_HIDE, arg=False)
    _wait_for_rows(page, rows + 3)
    assert len(opened) == 2
    episodes = page.evaluate(_EPISODES)
    assert episodes == list(range(1, len(episodes) + 1))
