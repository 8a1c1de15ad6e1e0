"""The servers that work with one database: each holds a lease there, by the database's clock, and renews it.

A run belongs to the server that trains it. Where that one's lease has lapsed (it was killed, it hangs, its machine is
gone), another takes its runs over; one that comes back finds out by what it is told at its next write
(:meth:`~dqn_core.runs.storage.store.RunStore.append`). A database that only one server may use, a file, has no leases:
there, whatever is active when a server starts was left behind by an earlier one.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Sequence

import sqlalchemy as sa

from dqn_core.errors import StoreError
from dqn_core.runs.storage import tables
from dqn_core.runs.storage.backends import upsert
from dqn_core.runs.storage.database import Database
from dqn_core.runs.storage.store import ACTIVE

__all__ = ["LEASE_S", "Lease", "Servers"]

LEASE_S = 15.0
"""A server that has not renewed its lease for so long is taken for gone."""
_RENEW_EVERY_S = 3.0
_LOG = logging.getLogger(__name__)
_servers, _runs = tables.servers, tables.runs


class Servers:
    """The leases of one database; any thread may call any method, and each raises StoreError where it fails."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.is_shared = database.is_shared
        """Whether there may be others."""

    def renew(self, server_id: str) -> list[str]:
        """Begin or renew the lease of ``server_id``; gives the ids of the others that hold one."""
        with self.database.write() as connection:
            now = self.database.now
            query = upsert(connection, _servers).values(server_id=server_id, renewed_at=now)
            connection.execute(query.on_conflict_do_update(index_elements=["server_id"], set_={"renewed_at": now}))
            others = sa.select(_servers.c.server_id).where(_servers.c.server_id != server_id, self._holds())
            return list(connection.execute(others.order_by(_servers.c.server_id)).scalars())

    def leave(self, server_id: str) -> None:
        """Give the lease up: what is active of that server's may be taken over at once."""
        with self.database.write() as connection:
            connection.execute(sa.delete(_servers).where(_servers.c.server_id == server_id))

    def forget(self) -> None:
        """No server is at work: what they did not give up is left behind."""
        if self.is_shared:
            with self.database.write() as connection:
                connection.execute(sa.delete(_servers))

    def take_over(self, server_id: str) -> list[str]:
        """Make runs whose server is gone those of ``server_id``; gives their ids.

        Of several servers that ask, one gets a run. Where there are no leases, these are all that are active.
        """
        active = _runs.c.state.in_(ACTIVE)
        if not self.is_shared:
            with self.database.read() as connection:
                return list(connection.execute(sa.select(_runs.c.run_id).where(active)).scalars())
        if not self._has_left_behind():
            return []
        lapsed = sa.select(_servers.c.server_id).where(sa.not_(self._holds()), _servers.c.server_id != server_id)
        with self.database.write() as connection:
            # Held until the transaction ends: a server that comes back in this moment renews its lease after it.
            gone = list(connection.execute(lapsed.with_for_update(skip_locked=True)).scalars())
            known = sa.select(_servers.c.server_id).where(_servers.c.server_id.not_in(gone)).scalar_subquery()
            left = sa.select(_runs.c.run_id, _runs.c.server_id).where(active, _runs.c.server_id.not_in(known))
            taken = []
            for run_id, owner in connection.execute(left.order_by(_runs.c.run_id)).all():
                # By its owner once more: of two servers, the second finds it changed.
                mine = sa.update(_runs).where(_runs.c.run_id == run_id, _runs.c.server_id == owner, active)
                if connection.execute(mine.values(server_id=server_id)).rowcount:
                    taken.append(str(run_id))
            connection.execute(sa.delete(_servers).where(_servers.c.server_id.in_(gone)))
            return taken

    def lives(self, server_id: str) -> bool:
        """Whether the server of that id holds its lease."""
        query = sa.select(_servers.c.server_id).where(_servers.c.server_id == server_id, self._holds())
        with self.database.read() as connection:
            return connection.execute(query).first() is not None

    def owners(self, run_ids: Sequence[str]) -> dict[str, str | None]:
        """The ids of the servers that runs belong to, by the runs' ids; None for a run that there is not."""
        query = sa.select(_runs.c.run_id, _runs.c.server_id).where(_runs.c.run_id.in_(run_ids))
        with self.database.read() as connection:
            found = {str(run_id): str(server_id) for run_id, server_id in connection.execute(query)}
        return {run_id: found.get(run_id) for run_id in run_ids}

    def _has_left_behind(self) -> bool:
        """Whether there is anything to take over: asked every few seconds, and nearly always no."""
        living = sa.select(_servers.c.server_id).where(self._holds()).scalar_subquery()
        left = sa.select(_runs.c.run_id).where(_runs.c.state.in_(ACTIVE), _runs.c.server_id.not_in(living))
        lapsed = sa.select(_servers.c.server_id).where(sa.not_(self._holds()))
        with self.database.read() as connection:
            return any(connection.execute(query.limit(1)).first() is not None for query in (left, lapsed))

    def _holds(self) -> sa.ColumnElement[bool]:
        return _servers.c.renewed_at > self.database.now - LEASE_S


class Lease:
    """One server's lease, renewed by a thread of its own until :meth:`close`; any thread may call any method.

    Where there can be only one server, nothing is renewed, and :attr:`server_id` is empty.
    """

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.server_id = secrets.token_hex(8) if servers.is_shared else ""
        self.others: list[str] = []
        """The ids of the other servers, a few seconds ago."""
        self._renewed_at = math.inf
        self._lapses = 0
        self._is_closed = threading.Event()
        if servers.is_shared:
            self._renew()
            self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
            self._thread.start()

    def lapses(self) -> int | None:
        """How often another server may have taken this one for gone; None where one may just now."""
        return self._lapses if _seconds() - self._renewed_at < LEASE_S else None

    def holds(self, server_id: str) -> bool:
        """Whether the server of that id, this one or another, held its lease a few seconds ago."""
        return server_id == self.server_id or server_id in self.others

    def close(self) -> None:
        """Give the lease up; nothing happens the second time."""
        if self.abandon():
            try:
                self._servers.leave(self.server_id)
            except StoreError as error:
                _LOG.warning("The lease is left to lapse: %s", error)

    def abandon(self) -> bool:
        """Renew it no more, so that it lapses; whether it was renewed until now."""
        if not self._servers.is_shared or self._is_closed.is_set():
            return False
        self._is_closed.set()
        self._thread.join()
        return True

    def _keep(self) -> None:
        is_away = False
        while not self._is_closed.wait(_RENEW_EVERY_S):
            try:
                self._renew()
                is_away = False
            except StoreError as error:
                if not is_away:
                    _LOG.warning("The lease of this server cannot be renewed: %s", error)
                is_away = True

    def _renew(self) -> None:
        asked_at = _seconds()
        self.others = self._servers.renew(self.server_id)
        self._lapses += asked_at - self._renewed_at >= LEASE_S
        self._renewed_at = asked_at


def _seconds() -> float:
    """Seconds that go on while the machine sleeps, where it can say so."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
