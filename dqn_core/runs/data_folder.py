"""The folder in which a server keeps everything: its lock, its database, and a folder for each run."""

from __future__ import annotations

import contextlib
from pathlib import Path

from dqn_core.runs.folder_lock import FolderLock
from dqn_core.runs.records import check_run_id
from dqn_core.runs.removal import finish_removals, remove_leftovers
from dqn_core.runs.store import RunStore

__all__ = ["DataFolder"]

_DATABASE = "dqn_lab.sqlite"


class DataFolder:
    """One server's alone, until :meth:`close`. What an earlier server left unfinished is put in order.

    Raises :class:`~dqn_core.errors.StoreError` where another server uses the folder, or it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._runs = path / "runs"
        self.lock = FolderLock(path)
        try:
            self.store = RunStore(path / _DATABASE)
        except BaseException:
            self.lock.release()
            raise
        try:
            self.store.mark_interrupted()
            finish_removals(self.store, self._runs)
            with contextlib.suppress(OSError):  # a folder that cannot be written: its runs say so themselves
                remove_leftovers(self._runs)
        except BaseException:
            self.close()
            raise

    def of_run(self, run_id: str) -> Path:
        """The run's own folder; raises :class:`~dqn_core.errors.UnknownRunError` for what is no id."""
        return self._runs / check_run_id(run_id)

    def close(self) -> None:
        """Let another server have it."""
        self.store.close()
        self.lock.release()
