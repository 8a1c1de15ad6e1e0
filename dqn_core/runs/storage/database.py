"""The one database of a laboratory: reads, transactions, and errors in words.

A SQLite file in the data folder, which needs nothing, or a PostgreSQL; what is special of each is in
:mod:`dqn_core.runs.storage.backends`. A write is one short transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from dqn_core.errors import RunLostError, mark
from dqn_core.runs.storage import backends, tables
from dqn_core.runs.storage.records import unknown_run
from dqn_core.runs.storage.tables import SCHEMA_VERSION

__all__ = ["Database"]

_TAKEN_OVER = mark("Another server of the lab has taken this run over.")


class Database:
    """Connections to the database at ``address``, whose tables are made where they are missing, or migrated.

    Raises StoreError where it cannot be used.

    Parameters
    ----------
    address
        A SQLite file, whose folder is made too, or an address such as ``postgresql://user:password@host/name``.
    """

    def __init__(self, address: Path | str) -> None:
        self._backend = backends.backend_of(address)
        try:
            with self.errors():
                self._backend.open()
                self._prepare()
                self._backend.check()
        except BaseException:
            self._backend.close()
            raise

    def close(self) -> None:
        """Give back the file, or the connections."""
        self._backend.close()

    def claim(self, *, alone: bool = True) -> bool:
        """Be a server that works with this database, until :meth:`close`; ``alone``, the only one.

        Whether no other is at work; the others then wait for :meth:`share`. Raises StoreError where another is that
        does not allow it. A file is its folder's, which has a lock of its own.
        """
        return self._backend.claim(alone=alone)

    def share(self) -> None:
        """Let other servers come, where several may."""
        self._backend.share()

    @property
    def is_shared(self) -> bool:
        """Whether several servers may work with it at a time."""
        return self._backend.is_shared

    @property
    def now(self) -> sa.ColumnElement[float]:
        """What the database's clock says, for a statement: seconds since 1970."""
        return self._backend.now

    @property
    def shown(self) -> str:
        """What people call it: without user and password."""
        return self._backend.shown

    @property
    def address(self) -> str:
        """For another library; with the password, so not to be shown."""
        return self._backend.url.render_as_string(hide_password=False)

    @property
    def engine_options(self) -> dict[str, Any]:
        """For another library's engine to :attr:`address`."""
        return self._backend.engine_options

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that only reads. Raises StoreError where the database fails."""
        with self.errors(), self._backend.reading.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self, run_id: str | None = None, server_id: str = "") -> Iterator[sa.Connection]:
        """One transaction: all of it is kept, or nothing.

        With ``run_id``, nobody else adds rows to the run meanwhile, and a missing parent row is an UnknownRunError.
        With ``server_id`` too, the run must be that server's: raises RunLostError where another has taken it over.
        Raises StoreError where the database fails.
        """
        with self._backend.turn():
            self._backend.check()
            with self.errors(run_id), self._backend.writing.begin() as connection:
                self._backend.check()  # once more: the connection may have had to be made
                if run_id is not None:
                    found = self._backend.lock_run(connection, run_id)
                    if server_id and found is not None and found != server_id:
                        raise RunLostError(_TAKEN_OVER)
                yield connection

    @contextlib.contextmanager
    def making_tables(self) -> Iterator[None]:
        """Held while tables are made, here or by another library: no two programs do so at once."""
        with self.errors(), self._backend.reading.begin() as connection:
            self._backend.lock_tables(connection)
            yield

    def insert(self, connection: sa.Connection, table: sa.TableClause, rows: Sequence[Sequence[Any]]) -> None:
        """Add many rows at once: values as they are kept, in the order of the table's columns; NaN is none."""
        self._backend.insert(connection, table, rows)

    def restart_numbering(self, connection: sa.Connection, table: sa.Table) -> None:
        """Have new rows of a table that counts by itself numbered after those that were inserted with their numbers."""
        self._backend.restart_numbering(connection, table)

    def _prepare(self) -> None:
        """Make or migrate the tables, or refuse those that this program does not know."""
        with self._backend.writing.begin() as connection:
            self._backend.lock_tables(connection)
            found = self._backend.version(connection)
            if found > SCHEMA_VERSION:
                raise self._backend.too_new(found, SCHEMA_VERSION)
            tables.bring_up_to_date(connection, found)
            if found < SCHEMA_VERSION:
                self._backend.set_version(connection, SCHEMA_VERSION)

    @contextlib.contextmanager
    def errors(self, run_id: str | None = None) -> Iterator[None]:
        """Database errors as this project's; with ``run_id``, a missing parent row is an unknown run."""
        kinds: tuple[type[Exception], ...] = (SQLAlchemyError, OSError, *self._backend.driver_errors)
        try:
            yield
        except kinds as error:
            cause = getattr(error, "orig", None) or error
            if run_id is not None and self._backend.is_missing_parent(cause):
                raise unknown_run(run_id) from error
            raise self._backend.failure(cause) from error
