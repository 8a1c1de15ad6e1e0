"""Watches the pages of one test: whatever a careful person would see in the browser's console fails the test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Error, Page, Request, Response, expect

PAGE_TIMEOUT_MS = 60_000
"""For what is to be seen on a page, unless a test says otherwise. Long: other tests compute on the same cores."""

_LOCAL_HOSTS = {"127.0.0.1", "localhost"}
_FIRST_SERVER_ERROR = 500
_PAGES = "class|compare|experiments|inside|leaderboard|lessons|play|replay|runs|search|train"
_STREAMLIT_LOOKS_FOR_ITS_SERVER = re.compile(rf"https?://[^?#]+/({_PAGES})/_stcore/(health|host-config)")
"""Opened at a page's own address, Streamlit asks below that address first, is told 404, and then asks above it."""

_OF_A_SERVER_AWAY = (
    "WebSocket|Failed to fetch|net::ERR_(CONNECTION|SOCKET_NOT_CONNECTED|INCOMPLETE|EMPTY)",
    "reaching server endpoint|server is not responding|when disconnected from server",
)
PICTURE_OF_THE_SERVER_BEFORE = r"404 .*/media/\w+\.jpg"
"""After a restart: a page's picture, at the address that the server before had for it."""


def while_server_is_away(*further: str) -> pytest.MarkDecorator:
    """The mark of a test that takes its pages' server away: with it, browsers may say so, and ``further`` patterns."""
    return pytest.mark.expected_problem(*_OF_A_SERVER_AWAY, *further)


class BrowserWatch:
    """Collects console errors and warnings, uncaught errors, answers of 500 and up, and requests to other machines."""

    def __init__(self, expected: Sequence[str] = ()) -> None:
        self._expected = [re.compile(pattern) for pattern in expected]
        self._problems: list[str] = []

    def watch(self, page: Page) -> None:
        """Collect from ``page`` on."""
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)
        page.on("request", self._on_request)
        page.on("response", self._on_response)

    def unexpected(self) -> list[str]:
        """Problems that no expected pattern covers."""
        return [text for text in self._problems if not any(pattern.search(text) for pattern in self._expected)]

    def _on_console(self, message: ConsoleMessage) -> None:
        place = message.location.get("url", "")
        if message.type in {"error", "warning"} and not _STREAMLIT_LOOKS_FOR_ITS_SERVER.fullmatch(place):
            self._problems.append(f"console {message.type}: {message.text} ({place})")

    def _on_error(self, error: Error) -> None:
        self._problems.append(f"uncaught error: {error.stack or error.message}")

    def _on_request(self, request: Request) -> None:
        # Classrooms are offline: nothing that a page needs may lie elsewhere.
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname not in _LOCAL_HOSTS:
            self._problems.append(f"request to another machine: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= _FIRST_SERVER_ERROR:
            self._problems.append(f"answer {response.status}: {response.url}")


def choose_speed(page: Page, text: str, timeout_s: float = PAGE_TIMEOUT_MS / 1_000, *, label: str = "Speed") -> None:
    """Set the slider of the speed, before or during a run: "automatic", "real time", "10×", "full speed"."""
    slider = page.get_by_role("slider", name=label)
    slider.focus()
    slider.press("Home")
    for _ in range(int(slider.get_attribute("max") or 0)):
        if slider.get_attribute("aria-valuetext") == text:
            break
        slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", text)
    rest(page)
    settle(page, timeout_s)


def unfold(page: Page, title: str) -> None:
    """Open the section with this title, and wait until nothing in it moves: what is pressed before lies elsewhere."""
    page.get_by_text(title, exact=True).click()
    page.wait_for_function(
        """() => document.getAnimations().every((each) =>
            each.playState !== "running" || each.effect.getComputedTiming().endTime === Infinity)"""
    )


def rest(page: Page) -> None:
    """Take the hand from a slider, which tells Python where it was moved when nobody has moved it for 200 ms."""
    page.wait_for_timeout(300)


def settle(page: Page, timeout_s: float = PAGE_TIMEOUT_MS / 1_000) -> None:
    """Wait until Streamlit has run the page's script and nothing of it is stale."""
    # A page that was opened just now says that no script runs, until it hears of its first one; that draws this link.
    expect(page.locator("#dqn-skip-link")).to_be_attached(timeout=timeout_s * 1_000)
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=timeout_s * 1_000)
