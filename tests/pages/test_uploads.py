from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from dqn_core.training.weights_file import MOST_BYTES
from pages.server import uploads

ROOT = Path(__file__).resolve().parents[2]


class _Runtime:
    """Streamlit's runtime, as far as uploads ask it."""

    def __init__(self) -> None:
        self.uploaded_file_mgr = MemoryUploadedFileManager("/upload")
        self.active: set[str] = set()

    def exists(self) -> bool:
        return True

    def instance(self) -> _Runtime:
        return self

    def is_active_session(self, session: str) -> bool:
        return session in self.active

    def hold(self, session: str, size: int, file: str = "file") -> None:
        self.active.add(session)
        self.uploaded_file_mgr.add_file(session, UploadedFileRec(file, "name", "type", b"\0" * size))


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> _Runtime:
    runtime = _Runtime()
    monkeypatch.setattr(uploads, "Runtime", runtime)
    return runtime


def _upload(session: str, body: bytes = b"weights") -> httpx.Response:
    async def take(request: Request) -> Response:
        return Response(await request.body())

    routes = [Route("/_stcore/upload_file/{session}/{file}", take, methods=["PUT", "DELETE"])]
    app = Starlette(routes=routes, middleware=[Middleware(uploads.UploadLimits)])

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://lab", trust_env=False) as client:
            return await client.put(f"/_stcore/upload_file/{session}/f", content=body)

    return asyncio.run(ask())


def test_a_file_goes_through(runtime: _Runtime) -> None:
    runtime.active.add("ann")
    assert _upload("ann").content == b"weights"


def test_one_tab_and_all_tabs_have_a_bound(runtime: _Runtime) -> None:
    runtime.hold("ann", 2 * MOST_BYTES - 1)
    assert _upload("ann").status_code == 503
    assert "try again" in _upload("ann").text
    assert _upload("ben").status_code == 200
    runtime.hold("cleo", 2 * MOST_BYTES - 1)
    assert _upload("ben").status_code == 503


def test_files_of_tabs_that_went_make_room(runtime: _Runtime) -> None:
    for session in ("ann", "ben"):
        runtime.hold(session, 2 * MOST_BYTES)
    runtime.active = {"cleo"}
    assert _upload("cleo").status_code == 200
    assert uploads.held_bytes() == 0


def test_a_closed_tab_lets_go_of_its_files(runtime: _Runtime) -> None:
    async def scenario() -> None:
        async def page(_scope: Any, _receive: Any, _send: Any) -> None:
            runtime.hold("ann", 100)

        middleware = uploads.UploadLimits(page, grace_s=0.0)
        await middleware({"type": "websocket", "path": "/lab/_stcore/stream"}, None, None)  # type: ignore[arg-type]
        assert uploads.held_bytes("ann") == 100
        runtime.active.clear()
        later = asyncio.Event()
        asyncio.get_running_loop().call_later(0.0, later.set)
        await later.wait()
        assert uploads.held_bytes() == 0

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_without_a_running_server_there_is_nothing_to_hold() -> None:
    uploads.release_gone()
    assert uploads.held_bytes() == 0


def test_the_servers_own_bound_on_a_file_is_that_of_the_weights() -> None:
    import tomllib

    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    assert settings["server"]["maxUploadSize"] == MOST_BYTES // 2**20
