"""Which server carries which search on: two that did would train its trials twice."""

from __future__ import annotations

import sqlalchemy as sa

from dqn_core.runs.servers.leases import Servers
from dqn_core.runs.storage import tables
from dqn_core.runs.storage.backends import upsert
from dqn_core.runs.storage.database import Database

__all__ = ["SearchOwners"]

_searches = tables.searches


class SearchOwners:
    """The searches that are carried on in one database; any thread may call any method.

    Each method raises StoreError where the database fails. ``server_id`` is this server's; empty where there can be
    only one.
    """

    def __init__(self, database: Database, server_id: str) -> None:
        self._database = database
        self._servers = Servers(database)
        self._server_id = server_id

    def claim(self, search_id: str) -> bool:
        """Be the server that carries the search on; False where another one does, which lives."""
        mine = _searches.c.search_id == search_id
        values = {"search_id": search_id, "server_id": self._server_id, "is_stopping": False}
        with self._database.write() as connection:
            connection.execute(upsert(connection, _searches).values(values).on_conflict_do_nothing())
            owner = connection.execute(sa.select(_searches.c.server_id).where(mine).with_for_update()).scalar_one()
            if owner != self._server_id and self._servers.lives(owner):
                return False
            connection.execute(sa.update(_searches).where(mine).values(values))
            return True

    def release(self, search_id: str) -> None:
        """Carry the search on no more; nothing happens where another server does."""
        mine = sa.and_(_searches.c.search_id == search_id, _searches.c.server_id == self._server_id)
        with self._database.write() as connection:
            connection.execute(sa.delete(_searches).where(mine))

    def ask_to_stop(self, search_id: str) -> None:
        """Have whichever server carries the search on stop it; it looks a few times a second."""
        with self._database.write() as connection:
            connection.execute(sa.update(_searches).where(_searches.c.search_id == search_id).values(is_stopping=True))

    def is_elsewhere(self, search_id: str) -> bool:
        """Whether another server carries the search on, which lives."""
        owner, _ = self._found(search_id)
        return owner not in {None, self._server_id} and self._servers.lives(str(owner))

    def is_mine(self, search_id: str) -> bool:
        """Whether this server carries the search on still."""
        return self._found(search_id)[0] == self._server_id

    def is_to_stop(self, search_id: str) -> bool:
        """Whether somebody asked for the search to be stopped."""
        return self._found(search_id)[1]

    def _found(self, search_id: str) -> tuple[str | None, bool]:
        query = sa.select(_searches.c.server_id, _searches.c.is_stopping).where(_searches.c.search_id == search_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return (None, False) if row is None else (str(row.server_id), bool(row.is_stopping))
