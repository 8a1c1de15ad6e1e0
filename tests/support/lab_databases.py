"""Lets tests that open laboratories by the path of a SQLite file run on PostgreSQL as they are.

While :attr:`LabDatabases.kind` is "postgresql", each path stands for a schema of a server of the tests' own.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from dqn_core.runs.storage import backends
from dqn_core.runs.storage.backends import Backend
from postgresql import PostgreSql, postgresql_server

__all__ = ["LabDatabases"]


class LabDatabases:
    """Stands in the place of :func:`~dqn_core.runs.storage.backends.backend_of` for as long as tests run."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._stack = contextlib.ExitStack()
        self._server: PostgreSql | None = None
        self._schemas: set[str] = set()
        self._opened: list[Backend] = []
        self._make = backends.backend_of
        self._shown: dict[str, str] = {}

    @property
    def server(self) -> PostgreSql:
        """The server, started at the first use."""
        if self._server is None:
            self._server = self._stack.enter_context(postgresql_server())
        return self._server

    def start(self) -> None:
        """Have the server run where this test needs it; Linux ends it with the thread that started it."""
        if self.kind == "postgresql":
            _ = self.server

    def backend_of(self, address: Path | str) -> Backend:
        """What a laboratory's database is in this test."""
        if isinstance(address, str):
            return self._make(address)
        backend = self._make(self.address(address) if self.kind == "postgresql" else address)
        self._opened.append(backend)
        return backend

    def address(self, path: Path) -> str:
        """The schema that stands for a file."""
        schema = f"t{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:20]}"
        if schema not in self._schemas:
            self._schemas.add(schema)
            self.server.execute(f"CREATE SCHEMA {schema}")
        return f"{self.server.address('postgres')}&options=-csearch_path%3D{schema}"

    def close_opened(self) -> None:
        """Give back every connection that a test left open."""
        while self._opened:
            self._opened.pop().close()

    def close(self) -> None:
        """Stop the server."""
        self._stack.close()
        self._server = None
