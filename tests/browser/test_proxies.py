"""The dashboard behind real proxies: whatever address it gets there, it trains, and asks for nothing outside of it.

Two servers: one with no path of its own, before which a proxy puts one and takes it away again, and one below a path of
three parts that its proxies pass on.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Browser, Frame, Page, Request, WebSocket, expect

from browser_watch import choose_speed, settle
from live_server import LiveServer, free_port
from pages.server.browser_code import BROWSER_CODE
from proxies import Certificate, changed, documented_nginx, jupyter, nginx, write_certificate

PAGES = ("", "lessons", "train", "replay", "play", "inside", "experiments", "search", "compare", "runs", "class")
PATIENCE_MS = 60_000
TLS, KEEPING, HUB = "nginx with TLS, taking the path away", "nginx, passing the path on", "jupyter-server-proxy"
HUB_ABSOLUTE = "jupyter-server-proxy, passing the path on"


@dataclass(frozen=True)
class Proxies:
    """The addresses of the pages behind each, and of a page of another site with the lab in a frame."""

    addresses: dict[str, str]
    course: str
    other_course: str


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return write_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def browser(launch_browser: Callable[..., Browser], certificate: Certificate) -> Iterator[Browser]:
    """A Chromium that trusts the certificate.

    One that ignores it per page instead sees an error on each new connection and asks again; with several requests at
    once, each can get the others' failed connections until it gives up with ``ERR_TOO_MANY_RETRIES``.
    """
    running = launch_browser(f"--ignore-certificate-errors-spki-list={certificate.spki_digest}")
    yield running
    running.close()


@pytest.fixture(scope="module")
def proxies(
    tmp_path_factory: pytest.TempPathFactory, servers: list[LiveServer], certificate: Certificate
) -> Iterator[Proxies]:
    folder = tmp_path_factory.mktemp("proxies")
    own = LiveServer(folder / "own", folder / "own.log")
    below = LiveServer(folder / "below", folder / "below.log")
    tls, course, other, keeping, hub = (free_port() for _ in range(5))
    path = f"proxy/absolute/{below.port}"
    own.settings["DQN_LAB_FRAME_ANCESTORS"] = f"https://127.0.0.1:{course}"
    below.settings["STREAMLIT_SERVER_BASE_URL_PATH"] = path
    below.url += f"/{path}"
    with_tls = changed(
        documented_nginx(),
        ("listen 443 ssl", f"listen 127.0.0.1:{tls} ssl"),
        ("/etc/ssl/certs/lab.pem", str(certificate.path)),
        ("/etc/ssl/private/lab.key", str(certificate.key)),
        ("lab.example.edu", "localhost"),
        ("127.0.0.1:8501", f"127.0.0.1:{own.port}"),
    )
    plain = re.sub(r" +ssl_\w+ .*;\n|^map .*\n", "", documented_nginx(), flags=re.MULTILINE)
    passed_on = changed(
        plain,
        ("listen 443 ssl", f"listen 127.0.0.1:{keeping}"),
        ("lab.example.edu", "localhost"),
        ("location /lab/", f"location /{path}/"),
        ("127.0.0.1:8501/;", f"127.0.0.1:{below.port};"),
    )
    frame = f'<iframe src="https://localhost:{tls}/lab/train" width="1300" height="850"></iframe>'
    page = f"""location / {{ default_type text/html; return 200 '<!doctype html><html lang="en">
<link rel="icon" href="data:,"><title>A course</title>{frame}</html>'; }}"""
    secured = f"ssl_certificate {certificate.path}; ssl_certificate_key {certificate.key};"
    courses = f"""
server {{ listen 127.0.0.1:{course} ssl; {secured} {page} }}
server {{ listen 127.0.0.1:{other}; {page} }}"""
    with contextlib.ExitStack() as stack:
        for each in (own, below):
            stack.enter_context(each)
            servers.append(each)
        stack.enter_context(nginx(folder, [with_tls, passed_on, courses], [tls, keeping, course, other]))
        stack.enter_context(jupyter(folder, hub))
        yield Proxies(
            {
                TLS: f"https://localhost:{tls}/lab",
                KEEPING: f"http://127.0.0.1:{keeping}/{path}",
                HUB: f"http://127.0.0.1:{hub}/proxy/{own.port}",
                HUB_ABSOLUTE: f"http://127.0.0.1:{hub}/{path}",
            },
            f"https://127.0.0.1:{course}/",
            f"http://127.0.0.1:{other}/",
        )
        for each in (own, below):
            servers.remove(each)


def watch_outside(page: Page, folder: str) -> list[str]:
    """The addresses that ``page`` asks for from now on and that do not lie below ``folder``."""
    parts, outside = urlsplit(folder), list[str]()

    def note(what: Request | WebSocket) -> None:
        asked = urlsplit(what.url)
        is_inside = asked.netloc == parts.netloc and asked.path.startswith(f"{parts.path}/")
        if asked.scheme not in {"data", "blob"} and not is_inside:
            outside.append(what.url)

    page.on("request", note)
    page.on("websocket", note)
    return outside


def train(page: Page | Frame) -> None:
    """Start a run that outlasts the test, and see it move."""
    place = cast("Page", page)  # what is asked of it, a frame has too
    settle(place, timeout_s=PATIENCE_MS / 1_000)
    choose_speed(place, "real time")
    place.get_by_role("button", name="Start", exact=True).click()
    place.wait_for_function("() => window.dqnLabPanel?.rows() >= 3", timeout=PATIENCE_MS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("behind", [TLS, KEEPING, HUB, HUB_ABSOLUTE])
def test_it_trains_behind_a_proxy(
    proxies: Proxies, open_page: Callable[..., Page], servers: list[LiveServer], behind: str, tmp_path: Path
) -> None:
    folder = proxies.addresses[behind]
    page = open_page(server=servers[0])
    page.set_default_timeout(PATIENCE_MS)
    outside = watch_outside(page, folder)
    page.goto(f"{folder}/train/")  # is led to the page without the last slash
    assert page.url == f"{folder}/train"
    train(page)
    page.wait_for_url(re.compile(rf"{re.escape(folder)}/train\?run=\d{{8}}"))
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_test_id("run-state")).to_contain_text("Stopped", timeout=PATIENCE_MS)
    settle(page)
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as started:
        page.get_by_role("link", name="Episodes (CSV)").click()
    started.value.save_as(tmp_path / "episodes.csv")
    assert len(pd.read_csv(tmp_path / "episodes.csv")) == page.evaluate("dqnLabPanel.rows()")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_test_id("share-link")).to_have_value(re.compile(re.escape(f"{folder}/train?env=CartPole-v1")))
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Runs", exact=True).first.click()
    page.wait_for_url(f"{folder}/runs**")
    expect(page.get_by_role("row", name=re.compile("CartPole")).first).to_be_visible(timeout=PATIENCE_MS)
    (cookie,) = [each for each in page.context.cookies() if each["name"].startswith("dqn_lab_visitor")]
    assert (cookie["path"], cookie["secure"]) == (urlsplit(folder).path, folder.startswith("https"))
    assert outside == []


@pytest.mark.timeout(300)
def test_every_page_asks_for_nothing_outside_of_its_folder(
    proxies: Proxies, open_page: Callable[..., Page], servers: list[LiveServer]
) -> None:
    folder = proxies.addresses[TLS]
    page = open_page(server=servers[0])
    page.set_default_timeout(PATIENCE_MS)
    outside = watch_outside(page, folder)
    for name in PAGES:
        page.goto(f"{folder}/{name}")
        settle(page, timeout_s=PATIENCE_MS / 1_000)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        links = page.evaluate("() => [...document.querySelectorAll('a[href]')].map((each) => each.href)")
        outside += [each for each in links if not each.startswith(f"{folder}/")]
    assert outside == []


def test_below_a_path_there_is_nothing_above_it(proxies: Proxies, servers: list[LiveServer]) -> None:
    below = servers[-1]
    with httpx.Client(trust_env=False) as client:
        module = BROWSER_CODE.address("shared/browser/mount.js")
        for path in ("", "_stcore/health", module):
            assert client.get(f"{below.url}/{path}").status_code == 200, path
        assert client.get(f"http://127.0.0.1:{below.port}/{module}").status_code == 404


@pytest.mark.timeout(300)
@pytest.mark.expected_problem("frame-ancestors|ERR_BLOCKED_BY_RESPONSE")
def test_a_page_that_is_named_shows_it_in_a_frame(
    proxies: Proxies, open_page: Callable[..., Page], servers: list[LiveServer]
) -> None:
    page = open_page(server=servers[0])
    page.set_default_timeout(PATIENCE_MS)
    page.goto(proxies.course)
    lab = page.frames[1]
    train(lab)
    lab.wait_for_url(re.compile(r"/train\?run=\d{8}"))
    # The browser keeps its cookie there, for frames of this course alone: it is who it was after a reload.
    (cookie,) = [each for each in page.context.cookies() if each["name"].startswith("dqn_lab_visitor")]
    assert (cookie["sameSite"], cookie["secure"], cookie["path"]) == ("None", True, "/lab")
    page.reload()
    (again,) = [each for each in page.context.cookies() if each["name"].startswith("dqn_lab_visitor")]
    assert again["value"] == cookie["value"]

    page.goto(proxies.other_course)
    page.wait_for_function("() => document.querySelector('iframe') !== null")
    assert page.frames[1].url.startswith("chrome-error:")
