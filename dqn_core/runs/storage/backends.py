"""What is SQLite's own and what is PostgreSQL's: how each is reached, locked, filled and excused.

Everything else says the same to both, through SQLAlchemy. psycopg is imported where a PostgreSQL is asked for.
"""

from __future__ import annotations

import contextlib
import functools
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from dqn_core.errors import StoreError, mark
from dqn_core.runs.storage.column_types import from_json, to_json

__all__ = ["Backend", "Upsert", "backend_of", "database_url", "is_shared", "shown_address", "upsert"]

_LOCK_WAIT_S = 0.5
"""How long a statement waits for another program's lock on the file: a training thread is what waits here."""
_TURN_WAIT_S = 10.0
"""How long a write waits for other writes: a slow disk may hold one for seconds; that is no trouble yet."""

Upsert = sqlite.Insert | postgresql.Insert


def upsert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that may say ``on_conflict_do_update``."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def database_url(address: Path | str) -> sa.URL:
    """Where ``address`` leads: a SQLite file's path, or an address such as ``postgresql://user:password@host/name``.

    Raises StoreError for an address that no database of this program can have. Its password is not repeated.
    """
    if isinstance(address, Path):
        return sa.URL.create("sqlite+pysqlite", database=str(address))
    with contextlib.suppress(ArgumentError, ValueError):
        url = sa.make_url(address)
        name, _, driver = url.drivername.partition("+")
        if name == "sqlite" and driver in {"", "pysqlite"} and url.database:
            return url.set(drivername="sqlite+pysqlite")
        if name in {"postgres", "postgresql"} and driver in {"", "psycopg"} and url.database:
            return url.set(drivername="postgresql+psycopg")
    template = mark(
        "The database's address is not valid: it must look like postgresql+psycopg://user:password@host/name, in which "
        "special characters of the password are written as %40 for @, %2F for /."
    )
    raise StoreError(template)


def shown_address(address: Path | str) -> str:
    """What people call the database: without user and password."""
    url = database_url(address)
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return sa.URL.create("postgresql", host=url.host, port=url.port, database=url.database).render_as_string()


def is_shared(address: Path | str) -> bool:
    """Whether several servers may work with the database at a time."""
    return backend_of(address).is_shared


def backend_of(address: Path | str) -> Backend:
    """What is at ``address``; nothing is opened yet. Raises StoreError as :func:`database_url` does."""
    url = database_url(address)
    kind = _Sqlite if url.get_backend_name() == "sqlite" else _PostgreSql
    return kind(url, shown_address(address))


class Backend(ABC):
    """One database, and what of it is unlike the other kind."""

    shown: str
    """What people call it: without user and password."""
    url: sa.URL
    engine_options: dict[str, Any]
    """For another library's engine to the same database."""
    reading: sa.Engine
    writing: sa.Engine
    is_shared: bool
    """Whether several servers may work with it at a time."""
    now: sa.ColumnElement[float]
    """What the database's clock says: seconds since 1970."""
    driver_errors: tuple[type[Exception], ...] = ()
    """What the driver raises where :meth:`insert` calls it directly."""

    @abstractmethod
    def open(self) -> None:
        """Make what must be there before the first connection."""

    @abstractmethod
    def check(self) -> None:
        """Raise StoreError where what is written now would be lost, or is not this server's to write."""

    @abstractmethod
    def claim(self, *, alone: bool) -> bool:
        """Be a server that works with this database, until :meth:`close`; ``alone``, the only one.

        Whether no other is at work; the others then wait for :meth:`share`. Raises StoreError where another is that
        does not allow it.
        """

    @abstractmethod
    def share(self) -> None:
        """Let other servers come, where several may."""

    @abstractmethod
    def disclaim(self) -> None:
        """Let another server have it; nothing happens where this one has not."""

    @abstractmethod
    def turn(self) -> contextlib.AbstractContextManager[object]:
        """Held while a thread of this program writes."""

    @abstractmethod
    def lock_run(self, connection: sa.Connection, run_id: str) -> str | None:
        """Let nobody else add rows to the run until the transaction ends.

        Gives the id of the server that it belongs to; None where there can be only one.
        """

    @abstractmethod
    def lock_tables(self, connection: sa.Connection) -> None:
        """Let no other program make or migrate tables until the transaction ends."""

    @abstractmethod
    def version(self, connection: sa.Connection) -> int:
        """Of the tables; 0 where there are none."""

    @abstractmethod
    def set_version(self, connection: sa.Connection, version: int) -> None:
        """Note of which version the tables are."""

    @abstractmethod
    def insert(self, connection: sa.Connection, table: sa.TableClause, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows of values as they are kept, in the order of the table's columns; NaN is none."""

    @abstractmethod
    def restart_numbering(self, connection: sa.Connection, table: sa.Table) -> None:
        """Have the database number new rows after those that were inserted with their numbers."""

    @abstractmethod
    def is_missing_parent(self, error: BaseException | None) -> bool:
        """Whether the driver's error says that a row belongs to one that there is not."""

    @abstractmethod
    def failure(self, cause: object) -> StoreError:
        """The error that says what to do about ``cause``, the driver's error or a text."""

    @abstractmethod
    def too_new(self, found: int, known: int) -> StoreError:
        """The error for tables of a later version of this program."""

    def close(self) -> None:
        """Give back every connection."""
        self.reading.dispose()


# --------------------------------------------------------------------------------------------------------------- SQLite


class _Sqlite(Backend):
    """A file. Write-ahead logging lets any number of readers look on while a run writes.

    The threads of this program take turns at writing, so that only another program's lock can ever refuse one.
    """

    is_shared = False
    now = sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Float)

    def __init__(self, url: sa.URL, shown: str) -> None:
        self.url = url
        self._path = Path(shown)
        self.shown = shown
        self.engine_options = {"connect_args": {"timeout": _TURN_WAIT_S}}
        self.reading = sa.create_engine(
            url, connect_args={"timeout": _LOCK_WAIT_S}, json_serializer=to_json, json_deserializer=from_json
        )
        sa.event.listen(self.reading, "connect", _on_sqlite_connect)
        sa.event.listen(self.reading, "begin", _on_sqlite_begin)
        # A transaction that will write takes the lock at its start: one that asks in the middle may be refused at once.
        self.writing = self.reading.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        self._turn = threading.Lock()
        self._file: tuple[int, int] | None = None

    def open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)

    def check(self) -> None:
        """SQLite would go on writing into a file that was deleted or replaced."""
        try:
            found = _file_at(self._path)
        except OSError:
            found = None
        self._file = self._file or found
        if found is None or found != self._file:
            template = mark(
                "The database {path} was deleted, moved or replaced while this server was using it: nothing is saved "
                "any more. Put it back, or restart the server."
            )
            raise StoreError(template, path=self.shown)

    def claim(self, *, alone: bool) -> bool:  # noqa: ARG002  it always is
        """The lock of the data folder has seen to it."""
        return True

    def share(self) -> None:
        """There can be no other."""

    def disclaim(self) -> None:
        """It is the data folder's lock that goes."""

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_TURN_WAIT_S):
            waited = f"an earlier write has not ended in {_TURN_WAIT_S:g} s"
            raise self.failure(waited)
        try:
            yield
        finally:
            self._turn.release()

    def lock_run(self, connection: sa.Connection, run_id: str) -> str | None:
        """Whoever writes is alone."""

    def lock_tables(self, connection: sa.Connection) -> None:
        """Whoever writes is alone."""

    def version(self, connection: sa.Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    def set_version(self, connection: sa.Connection, version: int) -> None:
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")

    def insert(self, connection: sa.Connection, table: sa.TableClause, rows: Sequence[Sequence[Any]]) -> None:
        """Plain tuples, in which sqlite3 itself writes NaN as NULL: a run may end a thousand episodes a second."""
        connection.exec_driver_sql(_sqlite_insert(table), [*map(tuple, rows)])

    def restart_numbering(self, connection: sa.Connection, table: sa.Table) -> None:
        """SQLite looks what the largest number is."""

    def is_missing_parent(self, error: BaseException | None) -> bool:
        return "FOREIGN KEY" in str(error)

    def failure(self, cause: object) -> StoreError:
        template = mark(
            "The database {path} cannot be used ({cause}): check that the disk has room, that the folder can be "
            "written, and that no other program is using the file."
        )
        return StoreError(template, path=self.shown, cause=cause)

    def too_new(self, found: int, known: int) -> StoreError:
        template = mark(
            "The database {path} was written by a newer version of this program (schema {found}, known here: "
            "{known}): update the program, or set DQN_LAB_DATA to another folder."
        )
        return StoreError(template, path=self.shown, found=found, known=known)


def _file_at(path: Path) -> tuple[int, int]:
    """What tells the file from every other of this machine, whatever they are called."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _on_sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so, not where sqlite3 guesses
    for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


@functools.cache
def _sqlite_insert(table: sa.TableClause) -> str:
    return str(sa.insert(table).compile(dialect=sqlite.dialect()))


# ----------------------------------------------------------------------------------------------------------- PostgreSQL

_CONNECTION_SETTINGS = {
    "application_name": "dqn-lab",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""libpq's: a training thread must not wait for a network that is gone."""
_TABLES_LOCK = 0x64716E
"""Key of the advisory lock under which tables are made: "dqn"."""
_SERVER_LOCK = _TABLES_LOCK + 1
_OWN_TABLES = sa.func.hashtext(sa.func.current_schema())
"""Second key of both: laboratories may share a database, each with a schema of its own."""
_LOOK_S = 0.02
_CLAIM_LASTS_S = 5.0
"""How long a claim is believed to hold, once it was seen."""
_CONNECTIONS = 5
_MORE_CONNECTIONS = 15
"""While many threads ask at once."""
_SQLSTATES = {"28P01": "password", "28000": "password", "3D000": "missing", "23503": "parent"}


class _PostgreSql(Backend):
    """A server. Each connection is tried before it is used: a restart of the server breaks off what was under way.

    Writes of different runs do not wait for each other; those of one run do, for its row.
    """

    is_shared = True
    now = sa.literal_column("extract(epoch FROM clock_timestamp())::double precision", sa.Float)

    def __init__(self, url: sa.URL, shown: str) -> None:
        self.url = url
        self.shown = shown
        self._password = str(url.password or "")
        try:
            import psycopg
        except ImportError as error:
            template = mark(
                "The database {path} is a PostgreSQL, whose driver is not installed here: run "
                "python -m pip install -r requirements-cluster.txt in the lab's environment."
            )
            raise StoreError(template, path=self.shown) from error
        self.driver_errors = (psycopg.Error,)
        settings = {name: value for name, value in _CONNECTION_SETTINGS.items() if name not in url.query}
        self.engine_options = {"connect_args": settings, "pool_pre_ping": True}
        self.reading = sa.create_engine(
            url,
            **self.engine_options,
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
            pool_timeout=_TURN_WAIT_S,
            pool_use_lifo=True,
        )
        sa.event.listen(self.reading, "connect", self._on_connect)
        self.writing = self.reading
        self._claim: sa.Connection | None = None
        self._claiming = threading.Lock()
        self._is_claimed = self._is_alone = False
        self._claim_good_until = -math.inf

    def open(self) -> None:
        """The server has it, or says so."""

    def check(self) -> None:
        """A server that was started again has forgotten whose it was."""
        with self._claiming:
            if self._is_claimed and time.monotonic() >= self._claim_good_until:
                self._keep_claim()

    def claim(self, *, alone: bool) -> bool:
        """Hold a lock of the server's that ends with the connection, and so with this process, however that ends."""
        with self._claiming:
            self._is_alone = self._take(alone=True, is_needed=alone)
            deadline = time.monotonic() + _TURN_WAIT_S
            while not self._is_alone and not self._take(alone=False, is_needed=time.monotonic() > deadline):
                time.sleep(_LOOK_S)  # the first one puts things in order
            self._is_claimed = True
            return self._is_alone

    def share(self) -> None:
        with self._claiming:
            if self._is_alone and self._claim is not None:
                self._take(alone=False)
                with self._errors():
                    self._claim.execute(sa.select(sa.func.pg_advisory_unlock(_SERVER_LOCK, _OWN_TABLES)))
            self._is_alone = False

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            self._drop_claim()
            raise self.failure(getattr(error, "orig", None) or error) from error

    def _take(self, *, alone: bool, is_needed: bool = True) -> bool:
        """Take the lock; whether it could be taken. Raises StoreError where it could not and ``is_needed``."""
        take = sa.func.pg_try_advisory_lock if alone else sa.func.pg_try_advisory_lock_shared
        with self._errors():
            if self._claim is None:
                self._claim = self.reading.connect().execution_options(isolation_level="AUTOCOMMIT")
            taken = bool(self._claim.execute(sa.select(take(_SERVER_LOCK, _OWN_TABLES))).scalar_one())
        if not taken and is_needed:
            self._drop_claim()
            template = mark(
                "Another server of the lab uses the database {path}: use that one, or stop it, or start this one with "
                "DQN_LAB_DATABASE set to another database."
            )
            raise StoreError(template, path=self.shown)
        self._claim_good_until = time.monotonic() + _CLAIM_LASTS_S
        return taken

    def _keep_claim(self) -> None:
        """See that the lock is held still, or take it again."""
        with contextlib.suppress(SQLAlchemyError):
            if self._claim is not None and self._claim.execute(sa.select(1)).scalar_one():
                self._claim_good_until = time.monotonic() + _CLAIM_LASTS_S
                return
        self._drop_claim()
        self._take(alone=self._is_alone)

    def _drop_claim(self) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            with contextlib.suppress(SQLAlchemyError):  # told, so that the next server need not wait for it
                claim.execute(sa.select(sa.func.pg_advisory_unlock_all()))
            claim.invalidate()
            claim.close()

    def _on_connect(self, connection: Any, _record: object) -> None:
        """A write that waits long for another is told; the server frees our locks when this machine is gone.

        A connection that has to be made anew says that others may have broken too, the one with our lock among them.
        """
        settings = {
            "lock_timeout": math.ceil(_TURN_WAIT_S * 1000),
            "tcp_keepalives_idle": _CONNECTION_SETTINGS["keepalives_idle"],
            "tcp_keepalives_interval": _CONNECTION_SETTINGS["keepalives_interval"],
            "tcp_keepalives_count": _CONNECTION_SETTINGS["keepalives_count"],
        }
        was_automatic, connection.autocommit = connection.autocommit, True
        connection.execute("; ".join(f"SET {name} = {value}" for name, value in settings.items()))
        connection.autocommit = was_automatic
        self._claim_good_until = -math.inf

    def turn(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()

    def disclaim(self) -> None:
        with self._claiming:
            self._is_claimed = False
            self._drop_claim()

    def close(self) -> None:
        self.disclaim()
        super().close()

    def lock_run(self, connection: sa.Connection, run_id: str) -> str | None:
        statement = sa.text("SELECT server_id FROM runs WHERE run_id = :run_id FOR NO KEY UPDATE")
        found: str | None = connection.execute(statement, {"run_id": run_id}).scalar_one_or_none()
        return found

    def lock_tables(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TABLES_LOCK, _OWN_TABLES)))

    def version(self, connection: sa.Connection) -> int:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        return int(connection.exec_driver_sql("SELECT max(version) FROM schema_version").scalar_one() or 0)

    def set_version(self, connection: sa.Connection, version: int) -> None:
        connection.exec_driver_sql("DELETE FROM schema_version")
        connection.execute(sa.text("INSERT INTO schema_version VALUES (:version)"), {"version": version})

    def insert(self, connection: sa.Connection, table: sa.TableClause, rows: Sequence[Sequence[Any]]) -> None:
        with connection.connection.cursor() as cursor, cursor.copy(_postgresql_copy(table)) as copy:  # type: ignore[attr-defined]
            for row in rows:
                copy.write_row([None if value != value else value for value in row])  # noqa: PLR0124  NaN alone

    def restart_numbering(self, connection: sa.Connection, table: sa.Table) -> None:
        """Tables that count by themselves, as Optuna's do, have a sequence for it."""
        for column in table.primary_key.columns:
            asked = sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name)
            sequence = connection.execute(sa.select(asked)).scalar_one()
            if sequence is not None:
                largest = sa.select(sa.func.max(column)).scalar_subquery()
                connection.execute(sa.select(sa.func.setval(sa.cast(sequence, postgresql.REGCLASS), largest)))

    def is_missing_parent(self, error: BaseException | None) -> bool:
        return _SQLSTATES.get(getattr(error, "sqlstate", None) or "") == "parent"

    def failure(self, cause: object) -> StoreError:
        text = " ".join(str(cause).split())
        if self._password:
            text = text.replace(self._password, "***")
        kind = _SQLSTATES.get(getattr(cause, "sqlstate", None) or "") or _kind_of(text)
        return StoreError(_FAILURES[kind], path=self.shown, cause=text)

    def too_new(self, found: int, known: int) -> StoreError:
        template = mark(
            "The database {path} was written by a newer version of this program (schema {found}, known here: "
            "{known}): update the program, or set DQN_LAB_DATABASE to another database."
        )
        return StoreError(template, path=self.shown, found=found, known=known)


_FAILURES = {
    "password": mark(
        "The database {path} does not accept the user or the password that it was given ({cause}): correct them in "
        "DQN_LAB_DATABASE."
    ),
    "missing": mark(
        "There is no database {path} ({cause}): have it made (CREATE DATABASE), or correct its name in "
        "DQN_LAB_DATABASE."
    ),
    "away": mark(
        "The server of the database {path} cannot be reached ({cause}): check that it runs, and that host and port in "
        "DQN_LAB_DATABASE are right."
    ),
    "other": mark(
        "The database {path} cannot be used ({cause}): check that its server runs, that its disk has room, and that "
        "the lab's user may make tables in it."
    ),
}


def _kind_of(text: str) -> str:
    """What a refused connection means: libpq gives no code for it, and the server's words may be in any language."""
    if "password" in text or "no pg_hba.conf entry" in text or 'role "' in text:
        return "password"
    if 'database "' in text and "does not exist" in text:
        return "missing"
    return "away" if ("connection" in text and "failed" in text) or "timeout expired" in text else "other"


@functools.cache
def _postgresql_copy(table: sa.TableClause) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return f'COPY "{table.name}" ({names}) FROM STDIN'
