"""Opens the WebSockets of an ASGI application without a network."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

from starlette.types import ASGIApp

_PATIENCE_S = 20.0


class SocketClosedError(Exception):
    """The application closed or refused the socket."""


class AsgiSocket:
    """``async with AsgiSocket(app, "/path", "a=1") as socket``; leaving it is what closing a browser's tab is.

    What the application sends is taken at once; between :meth:`stop_reading` and :meth:`go_on_reading` nothing is, as
    by a browser behind a slow network.
    """

    def __init__(
        self, app: ASGIApp, path: str, query: str = "", origin: str | None = None, asked_host: str | None = None
    ) -> None:
        headers = [(b"host", b"lab"), *([(b"origin", origin.encode())] if origin else [])]
        headers += [(b"x-forwarded-host", asked_host.encode())] if asked_host else []
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
        self._is_reading = asyncio.Event()
        self._is_reading.set()
        self._is_gone = False

    async def __aenter__(self) -> Self:
        self._to_app.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.ensure_future(self._app(self._scope, self._to_app.get, self._take))  # type: ignore[arg-type]
        if (await self._next())["type"] != "websocket.accept":
            await self._task
            raise SocketClosedError
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_gone = True
        self.go_on_reading()
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self._task, _PATIENCE_S)

    async def receive_bytes(self) -> bytes:
        """The next message; raises :class:`SocketClosedError` where there is none any more."""
        return bytes((await self._message())["bytes"])

    async def receive_json(self) -> dict[str, Any]:
        """The next message, of JSON text."""

        def refuse(word: str) -> None:
            raise AssertionError(word + " is no JSON")

        values: dict[str, Any] = json.loads((await self._message())["text"], parse_constant=refuse)
        return values

    def send_text(self, text: str) -> None:
        """Say something to the application."""
        self._to_app.put_nowait({"type": "websocket.receive", "text": text})

    def send_bytes(self, content: bytes) -> None:
        """Say something that is no text."""
        self._to_app.put_nowait({"type": "websocket.receive", "bytes": content})

    def stop_reading(self) -> None:
        """Take nothing more: the application's next message waits until it is sent."""
        self._is_reading.clear()

    def go_on_reading(self) -> None:
        """Take again what the application sends."""
        self._is_reading.set()

    async def ended(self) -> None:
        """Wait until the application is done with the socket."""
        await asyncio.wait_for(asyncio.shield(self._task), _PATIENCE_S)

    @property
    def unread(self) -> int:
        """Messages that were taken and not received yet."""
        return self._from_app.qsize()

    async def _take(self, message: dict[str, Any]) -> None:
        await self._is_reading.wait()
        if self._is_gone:
            raise OSError  # as a server does from version 2.4 of the protocol on
        self._from_app.put_nowait(message)

    async def _message(self) -> dict[str, Any]:
        message = await self._next()
        if message["type"] != "websocket.send":
            raise SocketClosedError
        return message

    async def _next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._from_app.get(), _PATIENCE_S)
