"""The one RunManager of this process; the server's lifespan makes and closes it, pages and routes ask for it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from dqn_core.runs.manager import RunManager

__all__ = ["close_manager", "data_dir", "get_manager"]

_lock = threading.Lock()
_managers: list[RunManager] = []
"""Empty, or the one."""


def data_dir() -> Path:
    """Where runs are kept: the folder that DQN_LAB_DATA names, else ``data`` in the working directory."""
    return Path(os.environ.get("DQN_LAB_DATA") or "data")


def get_manager() -> RunManager:
    """The manager, made at the first call. Raises StoreError where the data folder cannot be used."""
    with _lock:
        if not _managers:
            _managers.append(RunManager(data_dir()))
        return _managers[0]


def close_manager(timeout_s: float = 10.0) -> None:
    """Stop every run, store its last rows, and let go of the manager; nothing happens where there is none."""
    with _lock:
        while _managers:
            _managers.pop().close(timeout_s)
