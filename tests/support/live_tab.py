"""What a tab hears of a topic over the live socket, without a network."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.applications import Starlette

from asgi_socket import AsgiSocket
from pages.shared.browser.live_socket import Topic, live_socket_routes


def heard(
    topic: Topic,
    *,
    cursor: dict[str, Any] | None = None,
    language: str = "en",
    most: int | None = None,
    **parameters: Any,
) -> list[dict[str, Any]]:
    """The messages of one subscription, from its cursor to its end; the first ``most`` where it has none."""

    async def listen() -> list[dict[str, Any]]:
        app = Starlette(routes=live_socket_routes({"it": topic}, lambda: False))
        async with AsgiSocket(app, "/live/socket") as socket:
            subscription = {
                "subscribe": 1,
                "topic": "it",
                "parameters": parameters,
                "cursor": cursor,
                "language": language,
            }
            socket.send_text(json.dumps(subscription))
            messages: list[dict[str, Any]] = []
            while len(messages) != most and not (messages and messages[-1]["over"]):
                messages.append(await socket.receive_json())
            return messages

    return asyncio.run(listen())
