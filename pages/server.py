"""The one RunManager of this process and its replays: pages and routes ask for them, the lifespan closes them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from dqn_core.runs.manager import RunManager
from dqn_core.runs.replays import Replays

__all__ = ["close_manager", "data_dir", "get_manager", "get_replays"]

_lock = threading.Lock()
_managers: list[RunManager] = []
"""Empty, or the one."""
_replays: list[Replays] = []
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


def get_replays() -> Replays:
    """The episodes that people look at, made at the first call."""
    with _lock:
        if not _replays:
            _replays.append(Replays())
        return _replays[0]


def close_manager(timeout_s: float = 6.0) -> None:
    """End every run with a checkpoint, store its last rows, and let go of everything; there may be nothing.

    With what open connections may take before it, a server ends within ten seconds.
    """
    with _lock:
        while _replays:
            _replays.pop().close()
        while _managers:
            _managers.pop().close(timeout_s)
