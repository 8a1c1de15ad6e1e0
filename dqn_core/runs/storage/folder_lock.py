"""One writer to a folder, named to whoever comes second.

A second server would take the first one's runs for interrupted and write beside it; of two trainers in one run folder,
each would take the other's rows and weights away.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dqn_core.errors import RunFolderError, StoreError, mark

__all__ = ["DATABASE_NAME", "FolderLock", "run_folder_lock", "server_lock_above"]

_NAME = "server.lock"
_TRAINER = ".trainer.lock"
DATABASE_NAME = "dqn_lab.sqlite"
_FIRST_MOMENT_S = 5.0
"""How long the first server of a folder that is shared may take to put it in order."""
_LOOK_S = 0.05
_WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS})
"""What a network's file system may answer; a lab must work there too."""


class _HeldError(Exception):
    """Another process holds the lock; says which."""

    def __init__(self, pid: str) -> None:
        super().__init__(pid)
        self.pid = pid


class _LockFile:
    """A file of which one process at a time is the holder, to :meth:`release` or to its end, however that comes.

    With ``may_share`` several may hold it that all do so; :attr:`is_alone` says whether this one is the first.
    """

    def __init__(self, path: Path, *, may_share: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # not handed on to worker processes
        self.is_alone = True
        try:
            try:
                _lock(self._descriptor)
            except BlockingIOError:
                if not may_share:
                    raise
                self._wait_for_share()
                self.is_alone = False
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            self.release()
            raise _HeldError(holder) from error
        with contextlib.suppress(OSError):  # a full disk: the number is for people only
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def share(self) -> None:
        """Let others hold it too that share it."""
        _lock(self._descriptor, is_shared=True)

    def _wait_for_share(self) -> None:
        """The first that shares it holds it alone for a moment. Raises BlockingIOError where it stays alone."""
        deadline = time.monotonic() + _FIRST_MOMENT_S
        while True:
            try:
                return self.share()
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_S)

    def release(self) -> None:
        """Let another process have it; nothing happens the second time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class FolderLock:
    """A server's data folder. Held from its making to :meth:`release`, or to the end of the process.

    Parameters
    ----------
    may_share
        Whether other servers may hold it too that say so: those of one database that several may use. The first of
        them is alone until it says :meth:`share`.

    Raises
    ------
    StoreError
        Another server holds it (the message names its process), or the folder cannot be written.
    """

    def __init__(self, folder: Path, *, may_share: bool = False) -> None:
        try:
            self._file = _LockFile(folder / _NAME, may_share=may_share)
        except _HeldError as held:
            template = mark(
                "Another server (process {pid}) uses the data folder {path}: use that one, or stop it, or start this "
                "one with DQN_LAB_DATA set to another folder."
            )
            raise StoreError(template, pid=held.pid, path=folder) from held
        except OSError as error:
            template = mark(
                "The data folder {path} cannot be used ({cause}): check that it can be written and that the disk has "
                "room, or start the server with DQN_LAB_DATA set to another folder."
            )
            raise StoreError(template, path=folder, cause=error) from error

    @property
    def is_alone(self) -> bool:
        """Whether no other server held it when this one came."""
        return self._file.is_alone

    def share(self) -> None:
        """Let other servers of the same database come."""
        self._file.share()

    def release(self) -> None:
        """Let another server have the folder; nothing happens the second time."""
        self._file.release()


@contextlib.contextmanager
def run_folder_lock(folder: Path) -> Iterator[None]:
    """Hold a run's folder, which is made where there is none, against another trainer on it.

    Raises
    ------
    RunFolderError
        Another process trains in it (the message names it), or it cannot be written.
    """
    template = mark("Another process ({pid}) trains in {path}: wait until it ends, or stop it, or choose another run.")
    with _held(folder / _TRAINER, template, folder):
        yield


@contextlib.contextmanager
def server_lock_above(folder: Path) -> Iterator[None]:
    """Where ``folder`` is a run of a server's data folder: hold that, as the server does that trains in it.

    Raises
    ------
    RunFolderError
        A server is at work there (the message names its process).
    """
    data = folder.resolve().parent.parent
    if not any((data / name).exists() for name in (DATABASE_NAME, _NAME)):  # its database may be elsewhere
        yield
        return
    template = mark("The server (process {pid}) manages the run in {path}: resume it on its page, or stop the server.")
    with _held(data / _NAME, template, folder):
        yield


@contextlib.contextmanager
def _held(path: Path, template: str, folder: Path) -> Iterator[None]:
    try:
        lock = _LockFile(path)
    except _HeldError as held:
        raise RunFolderError(template, pid=held.pid, path=folder) from held
    except OSError as error:
        template = mark(
            "The run's folder {path} cannot be written ({cause}): make room on the disk, or check that the folder "
            "above it can be written."
        )
        raise RunFolderError(template, path=folder, cause=error) from error
    try:
        yield
    finally:
        lock.release()


def _lock(descriptor: int, *, is_shared: bool = False) -> None:
    """Raises BlockingIOError where another open file holds the lock in a way that allows no other."""
    if sys.platform == "win32":
        return  # has no flock; there, whoever starts a second server has to know
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
