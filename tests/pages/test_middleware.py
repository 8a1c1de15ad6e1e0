from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from streamlit.web.server import server_util

from asgi_client import Client
from asgi_socket import AsgiSocket, SocketClosedError
from dqn_core.errors import SettingError
from pages.server.middleware import Frames, Ipv4Clients, OwnOrigins, RelativeRedirects

ROOT = Path(__file__).parents[2]
FOREIGN = ["http://evil.example", "http://lab.evil.example", "http://lab:81", "null", "http://[", "", "file://"]
OWN = [None, "http://lab", "https://lab", "http://LAB"]


async def _answer(_request: Request) -> Response:
    return PlainTextResponse("done")


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_bytes(b"hello")
    await socket.close()


APP = Starlette(
    routes=[Route("/", _answer, methods=["GET", "POST", "PUT", "DELETE"]), WebSocketRoute("/socket", _talk)],
    middleware=[Middleware(OwnOrigins)],
)


def _ask(method: str, origins: list[str]) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://lab") as client:
            return await client.request(method, "/", headers=[("origin", each) for each in origins])

    return asyncio.run(ask())


def _socket(origin: str | None, application: Starlette = APP, path: str = "/socket") -> bytes:
    async def talk() -> bytes:
        async with AsgiSocket(application, path, origin=origin) as socket:
            return await socket.receive_bytes()

    return asyncio.run(talk())


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_page_of_another_site_changes_nothing(method: str, origin: str) -> None:
    answer = _ask(method, [origin])
    assert answer.status_code == 403
    assert "another site" in answer.json()["error"]
    assert _ask(method, ["http://lab", origin]).status_code == 403


@pytest.mark.parametrize("origin", [each for each in FOREIGN if each])
def test_a_page_of_another_site_opens_no_socket(origin: str) -> None:
    with pytest.raises(SocketClosedError):
        _socket(origin)


@pytest.mark.parametrize("origin", OWN)
def test_the_own_pages_and_programs_may(origin: str | None) -> None:
    assert _socket(origin) == b"hello"
    assert _ask("POST", [] if origin is None else [origin]).text == "done"


def test_reading_is_not_refused() -> None:
    """A link on another site leads here; what may be read there, its browser decides."""
    assert _ask("GET", ["http://evil.example"]).text == "done"


def test_origins_in_the_setting_are_as_good_as_the_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_util, "allowlisted_origins", lambda: {"https://course.example"})
    assert _socket("https://course.example") == b"hello"
    assert _ask("POST", ["https://course.example"]).text == "done"
    assert _ask("POST", ["https://other.example"]).status_code == 403


def test_the_host_that_a_proxy_was_asked_for_is_the_own_too() -> None:
    async def talk(origin: str | None, asked_host: str) -> bytes:
        async with AsgiSocket(app, "/host", origin=origin, asked_host=asked_host) as socket:
            return await socket.receive_bytes()

    async def say_host(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_bytes(socket.headers["host"].encode())
        await socket.close()

    app = Starlette(routes=[WebSocketRoute("/host", say_host)], middleware=[Middleware(OwnOrigins)])
    assert asyncio.run(talk("https://school.example", "school.example")) == b"school.example"
    assert asyncio.run(talk("https://school.example", "school.example, inner")) == b"school.example"
    assert asyncio.run(talk("http://lab", "school.example")) == b"lab"
    assert asyncio.run(talk(None, "school.example")) == b"lab"
    with pytest.raises(SocketClosedError):
        asyncio.run(talk("https://evil.example", "school.example"))


@pytest.mark.parametrize(
    ("peer", "believed", "expected"),
    [
        pytest.param("::ffff:127.0.0.1", ["127.0.0.1"], "https 10.0.0.9", id="a proxy, by IPv4 over IPv6"),
        pytest.param("::ffff:10.0.0.5", ["127.0.0.1"], "http 10.0.0.5", id="no proxy"),
        pytest.param("::ffff:127.0.0.1", [], "http 127.0.0.1", id="no proxy is believed"),
        pytest.param("10.0.0.5", ["127.0.0.1"], "http 10.0.0.5", id="what uvicorn looked at"),
    ],
)
def test_a_proxy_is_believed_in_either_form_of_its_address(peer: str, believed: list[str], expected: str) -> None:
    async def who(request: Request) -> Response:
        assert request.client is not None
        return PlainTextResponse(f"{request.url.scheme} {request.client.host}")

    app = Starlette(routes=[Route("/", who)], middleware=[Middleware(Ipv4Clients, proxies=lambda: believed)])

    async def ask() -> str:
        transport = httpx.ASGITransport(app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://lab") as client:
            return (await client.get("/", headers={"x-forwarded-proto": "https", "x-forwarded-for": "10.0.0.9"})).text

    assert asyncio.run(ask()) == expected


@pytest.mark.parametrize(
    ("asked", "location", "expected"),
    [
        pytest.param("/train/", "/train?run=1", "../train?run=1", id="a page with a slash too many"),
        pytest.param("/lab", "http://lab/lab/", "lab/", id="the base path without its slash"),
        pytest.param("/lab/train/", "http://lab/lab/train", "../train", id="below a base path"),
        pytest.param("/a/b/c", "/", "../../", id="to the top"),
        pytest.param("/train", "https://elsewhere.example/x", "https://elsewhere.example/x", id="elsewhere"),
        pytest.param("/train", "../runs", "../runs", id="relative already"),
    ],
)
def test_a_redirect_leads_from_the_address_that_the_browser_has(asked: str, location: str, expected: str) -> None:
    async def lead(_request: Request) -> Response:
        return RedirectResponse(location)

    app = Starlette(routes=[Route("/{path:path}", lead)], middleware=[Middleware(RelativeRedirects)])
    answer = Client(app).get(asked)
    assert answer.headers["location"] == expected
    assert urljoin(f"http://lab{asked}", expected) == urljoin(f"http://lab{asked}", location)


def _framed(sites: Callable[[], tuple[str, ...]], scheme: str) -> httpx.Response:
    async def page(request: Request) -> Response:
        response = HTMLResponse("a page") if request.url.path == "/" else PlainTextResponse("a file")
        response.set_cookie("visitor", "v", httponly=True, samesite="lax")
        response.headers.append("set-cookie", "_streamlit_xsrf=2|a|b; Path=/; SameSite=Lax")
        return response

    app = Starlette(routes=[Route("/{path:path}", page)], middleware=[Middleware(Frames, ancestors=sites)])

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"{scheme}://lab") as client:
            return await client.get("/")

    return asyncio.run(ask())


def test_nobody_but_the_lab_itself_frames_it_until_it_is_said() -> None:
    answer = _framed(tuple, "https")
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"
    assert all("samesite=lax" in each.lower() for each in answer.headers.get_list("set-cookie"))

    def wrong() -> tuple[str, ...]:
        template = "wrong"
        raise SettingError(template)

    assert _framed(wrong, "https").headers["content-security-policy"] == "frame-ancestors 'self'"


def test_the_sites_that_are_named_frame_it_and_browsers_keep_its_cookies_there() -> None:
    sites = ("https://moodle.example.edu", "https://*.example.org")
    answer = _framed(lambda: sites, "https")
    policy = "frame-ancestors 'self' https://moodle.example.edu https://*.example.org"
    assert answer.headers["content-security-policy"] == policy
    visitor, streamlit = answer.headers.get_list("set-cookie")
    assert visitor == "visitor=v; HttpOnly; Path=/; SameSite=None; Secure; Partitioned"
    assert streamlit == "_streamlit_xsrf=2|a|b; Path=/; SameSite=None; Secure; Partitioned"
    # Without https, browsers would refuse cookies of that kind in every place.
    assert all("samesite=lax" in each.lower() for each in _framed(lambda: sites, "http").headers.get_list("set-cookie"))


# In a process of its own: an app that was asked once belongs to the event loop that it was asked in.
FOREIGN_SOCKET_TO_THE_APP = """
import asyncio
import app
from streamlit import net_util
from streamlit.web.server import server_util
from asgi_socket import AsgiSocket, SocketClosedError

asked = []
net_util._make_blocking_http_get = lambda url, **_: asked.append(url)

async def talk():
    try:
        async with AsgiSocket(app.app, "/_stcore/stream", origin="http://evil.example") as socket:
            await socket.receive_bytes()
    except SocketClosedError:
        print("refused")

asyncio.run(talk())
print(server_util.is_url_from_allowed_origins("http://evil.example"))  # what Streamlit itself would do
print(asked)
"""


def test_a_foreign_socket_to_the_whole_app_is_refused_without_asking_anybody(tmp_path: Path) -> None:
    environment = {**os.environ, "DQN_LAB_DATA": str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "support")))
    told = subprocess.run(
        [sys.executable, "-c", FOREIGN_SOCKET_TO_THE_APP],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert told.stdout.splitlines() == ["refused", "False", "[]"]
