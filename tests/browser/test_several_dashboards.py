"""Two dashboards, one database, one cluster: a run is seen and steered at both, and outlives the one where it began."""

from __future__ import annotations

import contextlib
import http.server
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from browser_watch import choose_speed, settle, while_server_is_away
from endless_run import ENDLESS
from lab_databases import LabDatabases
from live_server import LiveServer, free_port
from local_cluster import LocalCluster
from postgresql import missing_postgresql
from proxies import changed, documented_balancer, nginx
from scripted_trainer import wait_until

PATIENCE_MS = 240_000

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(900),
    pytest.mark.skipif(missing_postgresql() != "", reason=missing_postgresql()),
]


@dataclass(frozen=True)
class Faculty:
    """Two dashboards of one laboratory."""

    one: LiveServer
    other: LiveServer


@pytest.fixture
def faculty(tmp_path: Path, lab_databases: LabDatabases) -> Iterator[Faculty]:
    cluster = LocalCluster(4)
    try:
        settings = {
            "DQN_LAB_DATABASE": lab_databases.server.new_database(),
            "DQN_LAB_EXECUTOR": "ray",
            "DQN_LAB_RAY_ADDRESS": cluster.address,
        }
        data = tmp_path / "data"
        with (
            LiveServer(data, tmp_path / "one.log", settings=settings) as one,
            LiveServer(data, tmp_path / "other.log", settings=settings) as other,
        ):
            yield Faculty(one, other)
        assert [*one.take_noise(), *other.take_noise()] == []
    finally:
        cluster.close()


def moves(page: Page) -> None:
    """See the run end episodes."""
    page.wait_for_function("() => window.dqnLabPanel?.rows() > 0", timeout=PATIENCE_MS)
    page.wait_for_function("(rows) => dqnLabPanel.rows() > rows + 3", arg=page.evaluate("dqnLabPanel.rows()"))


def press(page: Page, name: str) -> None:
    """A button of the page; while a script runs, Streamlit has a Stop of its own."""
    page.get_by_test_id("stMain").get_by_role("button", name=name, exact=True).click()


def is_(page: Page, state: str) -> None:
    expect(page.get_by_test_id("run-state")).to_contain_text(state, timeout=PATIENCE_MS)


def same_rows(here: Page, there: Page) -> None:
    """See both pages come to the same episodes of a run that stands still."""
    wait_until(lambda: here.evaluate("dqnLabPanel.rows()") == there.evaluate("dqnLabPanel.rows()"))


@while_server_is_away()
def test_a_run_is_seen_and_steered_at_both_and_outlives_its_dashboard(
    faculty: Faculty, open_page: Callable[..., Page]
) -> None:
    here, there = open_page(server=faculty.one), open_page(server=faculty.other)
    for page in (here, there):
        page.set_default_timeout(PATIENCE_MS)
    here.goto(ENDLESS)
    settle(here)
    choose_speed(here, "10×")
    press(here, "Start")
    here.wait_for_url(re.compile(r"/train\?run=\d{8}"))
    moves(here)

    there.goto(here.url.replace(faculty.one.url, ""))
    settle(there)
    is_(there, "Running")
    moves(there)
    expect(there.get_by_text("Another server of the lab trains this run")).to_be_visible()
    press(there, "Pause")
    is_(there, "Paused")
    is_(here, "Paused")
    same_rows(here, there)
    press(there, "Resume")
    is_(here, "Running")
    moves(here)
    moves(there)

    faculty.one.stop(signal.SIGKILL)
    rows = there.evaluate("dqnLabPanel.rows()")
    expect(there.get_by_text("Another server of the lab trains this run")).to_have_count(0, timeout=PATIENCE_MS)
    moves(there)
    is_(there, "Running")
    faculty.one.start()
    moves(here)  # by itself, where the dashboard is back
    is_(here, "Running")
    here.wait_for_function("(rows) => dqnLabPanel.rows() > rows", arg=rows)
    press(here, "Stop")
    is_(here, "Stopped")
    is_(there, "Stopped")
    same_rows(here, there)


def test_what_is_live_may_come_from_another_dashboard_than_the_page(
    faculty: Faculty, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    port = free_port()
    headers = """
proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade; proxy_buffering off;"""
    balanced = f"""
map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
server {{ listen 127.0.0.1:{port};{headers}
location / {{ proxy_pass {faculty.one.url}; }}
location /live/socket {{ proxy_pass {faculty.other.url}; }} }}"""
    with nginx(tmp_path, [balanced], [port]):
        page = open_page(server=faculty.one)
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"http://127.0.0.1:{port}{ENDLESS}")
        settle(page)
        choose_speed(page, "10×")
        press(page, "Start")
        moves(page)
        expect(page.get_by_text("Another server of the lab trains this run")).to_be_visible()
        press(page, "Stop")
        is_(page, "Stopped")
        settle(page)
        # A page that took its dashboard for one that was started again would be drawn again each three seconds.
        # One that is drawn again because the run has ended comes to rest.
        page.evaluate(
            "() => { const drawn = () => { window.drawnAt = performance.now(); }; drawn(); "
            "new MutationObserver(drawn).observe("
            "document.querySelector('[data-testid=stApp]'), {attributeFilter: ['data-test-script-state']}); }"
        )
        page.wait_for_function("performance.now() - window.drawnAt > 7_000")


def test_the_documented_balancer_keeps_a_browser_at_one_dashboard_while_that_answers(tmp_path: Path) -> None:
    port, servers = free_port(), [_Named("one"), _Named("other")]
    lines = changed(
        re.sub(r" +ssl_\w+ .*;\n", "", documented_balancer()),
        ("listen 443 ssl", f"listen 127.0.0.1:{port}"),
        ("192.168.0.5:8501", f"127.0.0.1:{servers[0].port}"),
        ("192.168.0.6:8501", f"127.0.0.1:{servers[1].port}"),
    )
    with contextlib.ExitStack() as stack:
        for each in servers:
            stack.enter_context(each)
        stack.enter_context(nginx(tmp_path, [lines], [port]))
        seats = []
        for _ in range(30):
            browser = stack.enter_context(httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{port}"))
            seats.append((browser, browser.get("/lab/train").text))
        assert {name for _, name in seats} == {"one", "other"}
        assert all(browser.get("/lab/live/x").text == name for browser, name in seats for _ in range(3))
        servers[0].close()
        assert {browser.get("/lab/train").text for browser, _ in seats} == {"other"}


class _Named(contextlib.AbstractContextManager["_Named"]):
    """A server that says its name."""

    def __init__(self, name: str) -> None:
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(name)))
                self.end_headers()
                self.wfile.write(name.encode())

            def log_message(self, *_args: object) -> None:
                """Nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def __exit__(self, *_: object) -> None:
        self.close()
