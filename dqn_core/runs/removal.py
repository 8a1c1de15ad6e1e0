"""Taking a run away for good, so that a crash in the middle leaves it whole, or gone.

The row in the database decides. The folder is put aside, the row goes, the folder goes; where a crash comes in between,
the next server finds the folder aside and puts it back or removes it, by whether the row is still there.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from dqn_core.errors import DqnLabError, RunFolderError, UnknownRunError, mark
from dqn_core.runs.store import RunStore

__all__ = ["discard", "finish_removals", "folder_bytes", "remove_leftovers", "remove_run"]

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
