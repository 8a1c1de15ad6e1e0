"""Fixtures for tests in a real Chromium against a real server.

``server``        the dashboard, one for each test file, with an empty data folder
``start_server``  more of them: ``start_server(data_dir=..., launcher="uvicorn")``
``page``          a page on ``server`` (``page.goto("/train")``); its context's options come from a mark:
                  ``@pytest.mark.browser_context(locale="ko-KR", color_scheme="dark")``
``open_page``     more of them: ``open_page(server=..., locale="ko-KR")``

A test fails when a page logs an error or a warning, when anything answers 500, when a page asks another machine, or
when the server says more than that it started. ``@pytest.mark.expected_problem("regex")`` names what a test provokes.
Pictures of the pages and the servers' logs of a failed test lie in ``test-output/``.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from browser_watch import PAGE_TIMEOUT_MS, BrowserWatch
from live_server import ROOT, LiveServer
from scripts.find_chromium import NoChromiumError, find_chromium

OUTPUT = ROOT / "test-output"
MAX_LINES_SHOWN = 40
TEST_TIMEOUT_S = 300
DEFAULT_OPTIONS: dict[str, Any] = {
    "locale": "en-US",
    "color_scheme": "light",
    "timezone_id": "UTC",
    "viewport": {"width": 1_360, "height": 900},
    "accept_downloads": True,
}
HAS_FAILED = pytest.StashKey[bool]()

LaunchBrowser = Callable[..., Browser]
StartServer = Callable[..., LiveServer]
OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that waits for a page while others compute may take longer than one without a browser."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know, when they clean up, whether their test failed."""
    report = yield
    item.stash[HAS_FAILED] = item.stash.get(HAS_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Path of the Chromium to drive; without one, CI fails and other machines skip."""
    try:
        return find_chromium()
    except NoChromiumError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def launch_browser(chromium: Path) -> Iterator[LaunchBrowser]:
    """Launch a headless Chromium with further arguments for its command line."""
    # Chromium refuses its sandbox to root, and containers have a small /dev/shm.
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=PAGE_TIMEOUT_MS)
    with sync_playwright() as playwright:
        yield lambda *further: playwright.chromium.launch(
            executable_path=chromium, headless=True, args=[*arguments, *further]
        )


@pytest.fixture(scope="session")
def browser(launch_browser: LaunchBrowser) -> Iterator[Browser]:
    """One headless Chromium for all tests; each test has contexts of its own."""
    running = launch_browser()
    yield running
    running.close()


@pytest.fixture(scope="session")
def servers() -> list[LiveServer]:
    """The running servers that tests share."""
    return []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, servers: list[LiveServer]) -> Iterator[LiveServer]:
    """The dashboard with an empty data folder, shared by the tests of one file."""
    folder = tmp_path_factory.mktemp("server")
    with LiveServer(folder / "data", folder / "server.log") as running:
        servers.append(running)
        yield running
    servers.remove(running)
    _fail_with("The server's log is not clean", running.take_noise())


@pytest.fixture
def start_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StartServer]:
    """Start a further server, which stops at the test's end at the latest."""
    mine: list[LiveServer] = []

    def start(data_dir: Path | None = None, launcher: str = "streamlit") -> LiveServer:
        started = LiveServer(data_dir or tmp_path / "data", tmp_path / f"server-{len(mine)}.log", launcher)
        started.start()
        mine.append(started)
        return started

    yield start
    for each in mine:
        each.stop()
    _assert_quiet(request, mine)


@pytest.fixture(autouse=True)
def _servers_stay_quiet(request: pytest.FixtureRequest, servers: list[LiveServer]) -> Iterator[None]:
    yield
    _assert_quiet(request, servers)


@pytest.fixture
def open_page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[OpenPage]:
    """Open a page in a browser context of its own, as another person's browser would."""
    watch = BrowserWatch(_expected_problems(request))
    contexts: list[BrowserContext] = []

    def open_one(server: LiveServer | None = None, **options: Any) -> Page:
        base_url = (server or request.getfixturevalue("server")).url
        context = browser.new_context(base_url=base_url, **{**DEFAULT_OPTIONS, **options})
        context.set_default_timeout(PAGE_TIMEOUT_MS)
        context.on("page", watch.watch)
        contexts.append(context)
        return context.new_page()

    yield open_one
    problems = watch.unexpected()
    if problems or _has_failed(request):
        for number, each in enumerate(page for context in contexts for page in context.pages):
            each.screenshot(path=_output_path(request, number, "png"))
    for context in contexts:
        context.close()
    _fail_with("The browser saw problems", problems)


@pytest.fixture
def page(request: pytest.FixtureRequest, open_page: OpenPage) -> Page:
    """A page on ``server``, in a context with the options of the ``browser_context`` mark."""
    mark = request.node.get_closest_marker("browser_context")
    return open_page(**(mark.kwargs if mark else {}))


def _assert_quiet(request: pytest.FixtureRequest, servers: list[LiveServer]) -> None:
    expected = [re.compile(pattern) for pattern in _expected_problems(request)]
    noise = [line for each in servers for line in each.take_noise()]
    noise = [line for line in noise if not any(pattern.search(line) for pattern in expected)]
    if noise or _has_failed(request):
        for number, each in enumerate(servers):
            shutil.copyfile(each.log_path, _output_path(request, number, "log"))
    _fail_with("The server's log is not clean", noise)


def _fail_with(title: str, lines: list[str]) -> None:
    if lines:
        pytest.fail("\n".join([f"{title}:", *lines[:MAX_LINES_SHOWN]]), pytrace=False)


def _has_failed(request: pytest.FixtureRequest) -> bool:
    return bool(request.node.stash.get(HAS_FAILED, False))


def _expected_problems(request: pytest.FixtureRequest) -> list[str]:
    return [pattern for mark in request.node.iter_markers("expected_problem") for pattern in mark.args]


def _output_path(request: pytest.FixtureRequest, number: int, suffix: str) -> Path:
    OUTPUT.mkdir(exist_ok=True)
    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    return OUTPUT / f"{name}-{number}.{suffix}"
