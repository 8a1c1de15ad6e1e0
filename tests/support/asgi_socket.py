"""Opens the WebSockets of an ASGI application without a network."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from starlette.applications import Starlette

_PATIENCE_S = 20.0


class SocketClosedError(Exception):
    """The application closed or refused the socket."""


class AsgiSocket:
    """``async with AsgiSocket(app, "/path", "a=1") as socket``; leaving it is what closing a browser's tab is."""

    def __init__(self, app: Starlette, path: str, query: str = "", origin: str | None = None) -> None:
        headers = [(b"host", b"lab"), *([(b"origin", origin.encode())] if origin else [])]
        self._scope = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "ws",
            "query_string": query.encode(),
            "headers": headers,
            "subprotocols": [],
        }
        self._app = app
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._to_app.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.ensure_future(self._app(self._scope, self._to_app.get, self._from_app.put))  # type: ignore[arg-type]
        if (await self._next())["type"] != "websocket.accept":
            await self._task
            raise SocketClosedError
        return self

    async def __aexit__(self, *_: object) -> None:
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self._task, _PATIENCE_S)

    async def receive_bytes(self) -> bytes:
        """The next message; raises :class:`SocketClosedError` where there is none any more."""
        message = await self._next()
        if message["type"] != "websocket.send":
            raise SocketClosedError
        return bytes(message["bytes"])

    def send_text(self, text: str) -> None:
        """Say something to the application."""
        self._to_app.put_nowait({"type": "websocket.receive", "text": text})

    async def _next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._from_app.get(), _PATIENCE_S)
