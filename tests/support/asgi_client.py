"""Asks the live routes without a network."""

from __future__ import annotations

import asyncio

import httpx
from starlette.applications import Starlette


class Client:
    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, headers or {}))

    def head(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("HEAD", path, {}))

    async def _ask(self, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://lab", trust_env=False) as client:
            return await client.request(method, path, headers=headers)
