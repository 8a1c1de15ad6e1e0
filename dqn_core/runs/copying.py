"""A laboratory's database copied into another, empty one: from SQLite to PostgreSQL, back, or to the same kind.

Values are copied as they are kept, none is read and written again. All of it arrives in one transaction: a copy that is
broken off leaves the other database empty.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dqn_core.errors import StoreError, mark
from dqn_core.runs.storage import tables
from dqn_core.runs.storage.database import Database
from dqn_core.runs.storage.folder_lock import DATABASE_NAME, FolderLock

__all__ = ["copy_database"]

_ROWS_AT_A_TIME = 5_000
_VERSIONS = frozenset({"alembic_version", "schema_version", "version_info"})
"""Of the tables themselves: each database has its own."""


def copy_database(
    source: Path | str, target: Path | str, tell: Callable[[int, int], object] = lambda _done, _total: None
) -> dict[str, int]:
    """Copy everything from ``source`` to ``target``; gives the rows copied, by table.

    Parameters
    ----------
    source, target
        SQLite files, or addresses as :class:`~dqn_core.runs.storage.database.Database` takes them.
    tell
        Called now and then with the rows copied so far, and all there are.

    Raises
    ------
    StoreError
        One of them cannot be used or is used by a server, the first is no laboratory's, or the second is not empty.
        The second is empty then, as it was, if it was.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, Path) and not source.exists():
            raise StoreError(mark("There is no database {path}."), path=source)
        return _Copy(stack.enter_context(_opened(source)), stack.enter_context(_opened(target)), tell).run()


@contextlib.contextmanager
def _opened(address: Path | str) -> Iterator[Database]:
    """The database, which no server uses meanwhile."""
    lock = FolderLock(address.parent) if isinstance(address, Path) and address.name == DATABASE_NAME else None
    try:
        database = Database(address)
        try:
            database.claim()
            yield database
        finally:
            database.close()
    finally:
        if lock is not None:
            lock.release()


class _Copy:
    """One copy on its way."""

    def __init__(self, source: Database, target: Database, tell: Callable[[int, int], object]) -> None:
        self._source = source
        self._target = target
        self._tell = tell
        self._done = self._total = 0

    def run(self) -> dict[str, int]:
        """Copy; gives the rows by table."""
        kept = [table for table in tables.metadata.sorted_tables if table not in tables.PASSING]
        copied = [*kept, *self._search_tables()]
        self._refuse_filled(copied)
        with self._source.read() as reading:
            counts = {table.name: _count(reading, table) for table in copied}
        self._total = sum(counts.values())
        self._tell(0, self._total)
        with contextlib.ExitStack() as stack:
            # The target is entered last: what goes wrong in the source is not told of the target.
            reading = stack.enter_context(self._source.read())
            writing = stack.enter_context(self._target.write())
            for table in copied:
                self._copy(table, reading, writing)
        return counts

    def _search_tables(self) -> Sequence[sa.Table]:
        """Optuna's, made in the target too; none where there was never a search."""
        with self._source.read() as reading:
            if not sa.inspect(reading).has_table("studies"):
                return ()
            found = _search_version(reading)
        from dqn_core.runs.experiments.searches import storage_in

        storage = storage_in(self._target)
        storage.remove_session()
        storage.engine.dispose()
        with self._target.read() as reading:
            if _search_version(reading) != found:
                template = mark(
                    "The hyperparameter searches in {path} were written by another version of Optuna: bring them "
                    "up to date first (optuna storage upgrade)."
                )
                raise StoreError(template, path=self._source.shown)
            names = set(sa.inspect(reading).get_table_names()) - _VERSIONS - set(tables.metadata.tables)
            known = sa.MetaData()
            known.reflect(reading, only=sorted(names))
        return known.sorted_tables

    def _refuse_filled(self, copied: Sequence[sa.Table]) -> None:
        with self._target.read() as reading:
            filled = [table.name for table in copied if reading.execute(_raw(table).limit(1)).first() is not None]
        if filled:
            template = mark(
                "The database {path} is not empty ({tables}): a laboratory is copied into an empty one. Choose "
                "another, or remove what is in it."
            )
            raise StoreError(template, path=self._target.shown, tables=", ".join(filled))

    def _copy(self, table: sa.Table, reading: sa.Connection, writing: sa.Connection) -> None:
        for rows in self._portions(table, reading):
            kept = [[_value(value) for value in row] for row in rows]
            try:
                with self._target.errors():
                    self._target.insert(writing, table, kept)
            except StoreError as error:
                template = mark("The table {table} cannot be copied: {cause} Nothing was copied.")
                raise StoreError(template, table=table.name, cause=error) from error
            self._done += len(kept)
            self._tell(self._done, self._total)
        self._target.restart_numbering(writing, table)

    def _portions(self, table: sa.Table, reading: sa.Connection) -> Iterator[Sequence[sa.Row[Any]]]:
        with self._source.errors():
            query = _raw(table).order_by(*table.primary_key.columns)
            yield from reading.execution_options(yield_per=_ROWS_AT_A_TIME).execute(query).partitions()


def _raw(table: sa.Table) -> sa.Select[*tuple[Any, ...]]:
    """Every row, as the driver gives it."""
    columns = [sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in table.columns]
    return sa.select(*columns)


def _count(reading: sa.Connection, table: sa.Table) -> int:
    return int(reading.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _search_version(reading: sa.Connection) -> object:
    return reading.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _value(value: Any) -> Any:
    """A moment as SQLAlchemy writes it into SQLite; PostgreSQL reads that too."""
    return value.isoformat(" ", "microseconds") if isinstance(value, datetime) else value
