"""The folder in which a server keeps everything: its lock, a folder for each run, its database or where that is.

A run is taken away for good so that a crash in the middle leaves it whole, or gone: the row in the database decides.
The folder is put aside, the row goes, the folder goes; where a crash comes in between, the next server finds the folder
aside and puts it back or removes it, by whether the row is still there.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dqn_core.errors import DqnLabError, RunFolderError, UnknownRunError, mark
from dqn_core.runs.servers.leases import Lease, Servers
from dqn_core.runs.storage import backends
from dqn_core.runs.storage.folder_lock import DATABASE_NAME, FolderLock
from dqn_core.runs.storage.records import check_run_id
from dqn_core.runs.storage.store import RunStore

__all__ = ["DataFolder", "FolderSizes", "discard", "finish_removals", "folder_bytes", "remove_leftovers", "remove_run"]


class DataFolder:
    """One server's, until :meth:`close`; of several servers of one database, each has the same.

    The database is a file in it, which is one server's alone, or at the address ``database``. What earlier servers left
    unfinished is put in order by the first.

    Raises :class:`~dqn_core.errors.StoreError` where a server uses the folder that shares it not, or it cannot be used.
    """

    def __init__(self, path: Path, database: str | None = None) -> None:
        self._runs = path / "runs"
        address = database or path / DATABASE_NAME
        with contextlib.ExitStack() as opened:
            self.lock = FolderLock(path, may_share=backends.is_shared(address))
            opened.callback(self.lock.release)
            self.store = RunStore(address)
            opened.callback(self.store.close)
            self.is_alone = self.store.database.claim(alone=False)
            """Whether no other server was at work when this one came."""
            self.servers = Servers(self.store.database)
            if self.is_alone:
                self.servers.forget()
                if self.lock.is_alone:
                    self._put_in_order()
            self.lease = Lease(self.servers)
            opened.callback(self.lease.close)
            self.store.server_id = self.lease.server_id
            if self.servers.is_shared:
                self.store.database.share()
                self.lock.share()
            self._opened = opened.pop_all()

    def _put_in_order(self) -> None:
        finish_removals(self.store, self._runs)
        with contextlib.suppress(OSError):  # a folder that cannot be written: its runs say so themselves
            remove_leftovers(self._runs)

    def of_run(self, run_id: str) -> Path:
        """The run's own folder; raises :class:`~dqn_core.errors.UnknownRunError` for what is no id."""
        return self._runs / check_run_id(run_id)

    def close(self) -> None:
        """Let another server have it."""
        self._opened.close()


# -------------------------------------------------------------------------------------------------------------- removal

_ASIDE = ".deleted"
_LEFTOVER = re.compile(r"\..+\.(part|[a-z0-9]+\.[a-z0-9_]{8})", re.ASCII)
"""As :func:`~dqn_core.files.write_atomically` and a video on its way call their files."""


def remove_run(store: RunStore, folder: Path) -> None:
    """Take away the run whose folder is ``folder``, with all that was logged of it.

    Raises :class:`RunFolderError` or :class:`~dqn_core.errors.StoreError` where it cannot be, and leaves it whole then.
    """
    aside = folder.with_name(folder.name + _ASIDE)
    if folder.exists():
        try:
            folder.rename(aside)
        except OSError as error:
            raise RunFolderError(mark("{path} cannot be removed: {cause}"), path=folder, cause=error) from error
    try:
        store.delete_run(folder.name)
    except DqnLabError:
        if aside.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)  # what stays is removed at the server's next start


def discard(folder: Path) -> None:
    """Remove the folder of a run that never came to be."""
    shutil.rmtree(folder, ignore_errors=True)


def finish_removals(store: RunStore, runs: Path) -> None:
    """Bring removals to their end, or back to their beginning, that a crash broke off; ``runs`` holds the folders."""
    for aside in runs.glob(f"*{_ASIDE}"):
        folder = aside.with_name(aside.name.removesuffix(_ASIDE))
        try:
            store.run(folder.name)
        except UnknownRunError:
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(folder)


def remove_leftovers(runs: Path) -> None:
    """Remove what an earlier server was writing when it was killed: files under temporary names, in runs' folders.

    Called before any run of this server writes.
    """
    for folder, _, names in os.walk(runs):
        for name in names:
            if _LEFTOVER.fullmatch(name):
                (Path(folder) / name).unlink(missing_ok=True)


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in ``folder``; 0 where there is none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # a file that a run wrote under a temporary name, renamed by now
            continue
    return total


# ---------------------------------------------------------------------------------------------------------------- sizes

_LASTS_S = 10.0


@dataclass
class _Known:
    size: int
    dates: dict[Path, int]
    """Date of change of each folder in it: one in which a file is replaced, made or removed has another."""
    good_until: float = -math.inf


class FolderSizes:
    """Sizes in bytes by folder, looked at each ten seconds; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def of(self, folder: Path) -> int:
        """Bytes of all files in ``folder``; 0 where there is none."""
        known, now = self._known.get(folder.name), self._clock()
        if known is not None and now < known.good_until:
            return known.size
        if known is None or any(_date(each) != date for each, date in known.dates.items()):
            known = _Known(folder_bytes(folder), _dates(folder))
            self._known[folder.name] = known
        known.good_until = now + _LASTS_S
        return known.size

    def forget(self, name: str) -> None:
        """The folder of that name is gone."""
        self._known.pop(name, None)


def _dates(folder: Path) -> dict[Path, int]:
    folders = [folder, *(each for each in folder.rglob("*") if each.is_dir())]
    return {each: _date(each) for each in folders}


def _date(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
