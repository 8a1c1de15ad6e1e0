"""The one SQLite file of a data folder: connections, transactions, errors, and values that SQLite does not know.

Write-ahead logging lets any number of readers look on while a run writes. A write is one short transaction; the
threads of this program take turns at it, so that only another program's lock can ever refuse one.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from dqn_core.config import TrainingConfig
from dqn_core.errors import StoreError, mark
from dqn_core.json_text import json_text
from dqn_core.runs import tables
from dqn_core.runs.records import unknown_run
from dqn_core.runs.tables import SCHEMA_VERSION

__all__ = ["Database", "Unreadable", "to_columns"]

_LOCK_WAIT_S = 0.5
"""How long a statement waits for another program's lock: a training thread is what waits here."""

_TURN_WAIT_S = 10.0
"""How long a thread waits for writes of other threads: a slow disk may hold one for seconds; that is no trouble yet."""


class Database:
    """Connections to the file ``path``; its folder and tables are made where they are missing, or migrated.

    Raises StoreError where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        url = sa.URL.create("sqlite+pysqlite", database=str(path))
        self._reading = sa.create_engine(
            url,
            connect_args={"timeout": _LOCK_WAIT_S},
            json_serializer=_to_json,
            json_deserializer=_from_json,
        )
        sa.event.listen(self._reading, "connect", _on_connect)
        sa.event.listen(self._reading, "begin", _on_begin)
        # A transaction that will write takes the lock at its start: one that asks in the middle may be refused at once.
        self._writing = self._reading.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        self._turn = threading.Lock()
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._prepare()
            self._file = _file_at(path)

    def close(self) -> None:
        """Give back the file."""
        self._reading.dispose()

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that only reads. Raises StoreError where the database fails."""
        with self._errors(), self._reading.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self, run_id: str | None = None) -> Iterator[sa.Connection]:
        """One transaction, of this thread alone: all of it is kept, or nothing.

        Raises StoreError where the database fails; with ``run_id``, a missing parent row is an UnknownRunError.
        """
        if not self._turn.acquire(timeout=_TURN_WAIT_S):
            waited = f"an earlier write has not ended in {_TURN_WAIT_S:g} s"
            raise self._failure(waited)
        try:
            self._check_file()
            with self._errors(run_id), self._writing.begin() as connection:
                yield connection
        finally:
            self._turn.release()

    def _check_file(self) -> None:
        """Raise StoreError where the file was deleted or replaced: SQLite would go on writing into what is gone."""
        try:
            is_same = _file_at(self.path) == self._file
        except OSError:
            is_same = False
        if not is_same:
            template = mark(
                "The database {path} was deleted, moved or replaced while this server was using it: nothing is saved "
                "any more. Put it back, or restart the server."
            )
            raise StoreError(template, path=self.path)

    def _prepare(self) -> None:
        """Make or migrate the tables, or refuse a file whose tables this program does not know."""
        with self._writing.begin() as connection:
            found = tables.bring_up_to_date(connection)
        if found > SCHEMA_VERSION:
            template = mark(
                "The database {path} was written by a newer version of this program (schema {found}, known here: "
                "{known}): update the program, or set DQN_LAB_DATA to another folder."
            )
            raise StoreError(template, path=self.path, found=found, known=SCHEMA_VERSION)

    @contextlib.contextmanager
    def _errors(self, run_id: str | None = None) -> Iterator[None]:
        """Database errors as this project's; with ``run_id``, a missing parent row is an unknown run."""
        try:
            yield
        except IntegrityError as error:
            if run_id is not None and "FOREIGN KEY" in str(error.orig):
                raise unknown_run(run_id) from error
            raise self._failure(error.orig) from error
        except SQLAlchemyError as error:
            raise self._failure(getattr(error, "orig", None) or error) from error
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, cause: object) -> StoreError:
        template = mark(
            "The database {path} cannot be used ({cause}): check that the disk has room, that the folder can be "
            "written, and that no other program is using the file."
        )
        return StoreError(template, path=self.path, cause=cause)


def _file_at(path: Path) -> tuple[int, int]:
    """What tells the file from every other of this machine, whatever they are called."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so, not where sqlite3 guesses
    for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


def _to_json(value: object) -> str:
    """JSON of message parameters too, whose values may be anything that formats."""
    return json_text(value, default=str, is_infinity_kept=True)


class Unreadable:
    """Stands for a column's text that should be JSON and is none: one damaged row must not hide the others."""


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return Unreadable()


def to_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as SQLite keeps them: NaN as NULL, times as text in UTC, configs as JSON."""
    return {name: _column(value) for name, value in values.items()}


def _column(value: Any) -> Any:
    match value:
        case TrainingConfig():
            return value.to_dict()
        case StrEnum():
            return value.value
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case float():
            return None if math.isnan(value) else value
        case _:
            return value
