"""A browser opens six connections to a host, for all its tabs together: none of them may be kept from loading."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from browser_watch import settle
from live_server import LiveServer

pytestmark = pytest.mark.timeout(400)

_TABS = 8
_PATIENCE_S = 60
"""Eight tabs are opened on the cores that the server and its run are on."""
_ROWS = "() => window.dqnLabPanel?.rows() ?? 0"


def _start_endless_run(page: Page) -> str:
    """A run that outlasts its test: in real time, it takes many minutes. Its address."""
    page.context.set_default_timeout(_PATIENCE_S * 1_000)
    page.goto("/")
    settle(page, timeout_s=_PATIENCE_S)
    pace = page.get_by_role("slider", name="Speed")
    pace.focus()
    pace.press("Home")
    expect(pace).to_have_attribute("aria-valuetext", "real time", timeout=_PATIENCE_S * 1_000)
    settle(page, timeout_s=_PATIENCE_S)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"run=\d{8}-\d{6}-[a-z0-9]{4}"))
    return page.url


@pytest.mark.expected_problem(r"frames/\d+\.jpg")  # a tab that gets round to a picture late finds a newer one kept
def test_more_tabs_than_a_browser_has_connections_all_load_and_move(page: Page, server: LiveServer) -> None:
    first = _start_endless_run(page)
    tabs = [page]
    for _ in range(_TABS - 1):
        tab = page.context.new_page()
        tab.goto(first, timeout=_PATIENCE_S * 1_000)
        tabs.append(tab)
    for tab in tabs:
        expect(tab.get_by_test_id("live-panel")).to_be_visible(timeout=_PATIENCE_S * 1_000)
    for tab in tabs:
        tab.wait_for_function(f"({_ROWS})() > 0", timeout=_PATIENCE_S * 1_000)
        rows = tab.evaluate(_ROWS)
        tab.wait_for_function(f"(before) => ({_ROWS})() > before", arg=rows, timeout=_PATIENCE_S * 1_000)
    assert httpx.get(f"{server.url}/_stcore/health", trust_env=False).is_success


def test_a_hidden_tab_holds_no_connection_and_goes_on_where_it_stood(page: Page) -> None:
    opened: list[str] = []
    page.on("request", lambda request: opened.append(request.url) if "/events?" in request.url else None)
    _start_endless_run(page)
    page.wait_for_function(f"({_ROWS})() > 0", timeout=_PATIENCE_S * 1_000)
    with page.expect_event("requestfailed", lambda request: "/events?" in request.url):
        page.evaluate(_HIDE, arg=True)
    rows, before = page.evaluate(_ROWS), len(opened)
    with page.expect_request(lambda request: "/events?" in request.url) as again:
        page.evaluate(_HIDE, arg=False)
    assert f"rows={rows}&" in again.value.url
    assert len(opened) == before + 1
    page.wait_for_function(f"(before) => ({_ROWS})() > before", arg=rows, timeout=_PATIENCE_S * 1_000)


_HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
