from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from streamlit.web.server import server_util

from asgi_socket import AsgiSocket, SocketClosedError
from pages.server.middleware import OwnOrigins

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
