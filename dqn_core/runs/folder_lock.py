"""One server to a data folder: a second one would take the first one's runs for interrupted and write beside it."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from dqn_core.errors import StoreError, mark

__all__ = ["FolderLock"]

_NAME = "server.lock"
_WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS})
"""What a network's file system may answer; a lab must work there too."""


class FolderLock:
    """Held from its making to :meth:`release`, or to the end of the process, however that ends.

    Raises
    ------
    StoreError
        Another server holds it (the message names its process), or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / _NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)  # not handed on to worker processes
        except OSError as error:
            template = mark(
                "The data folder {path} cannot be used ({cause}): see that it can be written and that the disk has "
                "room, or start the server with DQN_LAB_DATA set to another folder."
            )
            raise StoreError(template, path=folder, cause=error) from error
        try:
            _lock(self._descriptor)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            self.release()
            template = mark(
                "Another server (process {pid}) uses the data folder {path}: use that one, or stop it, or start this "
                "one with DQN_LAB_DATA set to another folder."
            )
            raise StoreError(template, pid=holder, path=folder) from error
        with contextlib.suppress(OSError):  # a full disk: the number is for people only
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let another server have the folder; nothing happens the second time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _lock(descriptor: int) -> None:
    """Raises BlockingIOError where another open file holds the lock."""
    if sys.platform == "win32":
        return  # has no flock; there, whoever starts a second server has to know
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
