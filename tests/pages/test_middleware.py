from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from streamlit import net_util
from streamlit.web.server import server_util

import app as lab
from asgi_socket import AsgiSocket, SocketClosedError
from pages.middleware import OwnOrigins

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


@pytest.fixture
def no_lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda url, **_: asked.append(url))
    return asked


def test_a_foreign_socket_to_the_whole_app_is_refused_without_asking_anybody(no_lookups: list[str]) -> None:
    with pytest.raises(SocketClosedError):
        _socket("http://evil.example", lab.app, "/_stcore/stream")
    assert not server_util.is_url_from_allowed_origins("http://evil.example")  # what Streamlit itself would do
    assert no_lookups == []
