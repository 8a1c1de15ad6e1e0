"""Agents read from run folders, kept in memory as long as their files stay as they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from cachetools import LRUCache

from dqn_core.errors import RunFolderError
from dqn_core.inside.agent import Agent, AgentCheckpoint
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.snapshots import SnapshotInfo

__all__ = ["BoundedCache", "Library", "evenly", "stamp"]

Item = TypeVar("Item")
Value = TypeVar("Value")

_CHECKPOINT = "checkpoint.safetensors"


class BoundedCache:
    """Holds results by key, at most ``max_bytes`` of them in all; any thread may ask."""

    def __init__(self, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._kept: LRUCache[Hashable, tuple[Any, int]] = LRUCache(max_bytes, getsizeof=lambda kept: kept[1])

    def get(self, key: Hashable, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """The result for ``key``, made now where it is not kept; ``size`` gives its bytes.

        Two threads that ask at once may both make it: nobody waits for another's work. A result larger than all the
        room is made, and not kept.
        """
        with self._lock:
            if key in self._kept:
                return cast("Value", self._kept[key][0])
        made = make()
        n_bytes = size(made)
        with self._lock:
            if n_bytes <= self._kept.maxsize:
                self._kept[key] = (made, n_bytes)
        return made

    @property
    def n_bytes(self) -> int:
        """What the kept results take."""
        with self._lock:
            return int(self._kept.currsize)


class Library:
    """Checkpoints and agents of any runs; any thread may ask. At most ``max_bytes`` are kept."""

    def __init__(self, max_bytes: int = 192 * 2**20) -> None:
        self._cache = BoundedCache(max_bytes)

    def checkpoint(self, folder: RunFolder) -> AgentCheckpoint:
        """The run at its last checkpoint.

        Raises
        ------
        RunFolderError
            There is no readable checkpoint.
        UnsupportedEnvironmentError
            The environment is not installed here.
        """
        key = ("checkpoint", *stamp(folder.path / _CHECKPOINT))
        return self._cache.get(key, lambda: AgentCheckpoint(folder.checkpoint()), _checkpoint_bytes)

    def agents(self, folder: RunFolder, most: int, *, now: Agent | None = None) -> tuple[Agent, ...]:
        """The run's agent over its training, oldest first: at most ``most`` snapshots, evenly spread, and ``now``.

        Snapshots that do not tell when they were taken, or hold the online network alone, are left out. Raises as
        :meth:`checkpoint` does where the environment is not installed.
        """
        taken = [
            info for info in folder.snapshots() if info.env_step >= 0 and (now is None or info.env_step < now.env_step)
        ]
        kept = [info for info in taken if info.kind == "kept"] or taken
        agents = [agent for info in evenly(kept, most) for agent in self._agent(folder, info)]
        return (*agents, now) if now is not None else tuple(agents)

    def _agent(self, folder: RunFolder, info: SnapshotInfo) -> list[Agent]:
        def read() -> list[Agent]:
            try:
                state = folder.snapshot(info.name)
            except RunFolderError:  # removed since it was listed, or of an early version
                return []
            return [Agent.of(folder.config, state, episode=info.episode, env_step=info.env_step)]

        key = ("agent", *stamp(info.path), folder.config)
        return self._cache.get(key, read, lambda agents: sum(map(_agent_bytes, agents)))

    def kept(self, key: Hashable, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """Whatever was worked out of them, by a key of one's own."""
        return self._cache.get(("result", key), make, size)


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most ``most`` of ``items``, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    places = np.linspace(0, len(items) - 1, most).round().astype(int)
    return [items[place] for place in places]


def stamp(path: Path) -> tuple[str, int, int]:
    """What tells one state of a file from another: path, time of its last change, size; zeros where it is missing."""
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), status.st_mtime_ns, status.st_size


def _agent_bytes(agent: Agent) -> int:
    return sum(array.nbytes for array in agent.state.values())


def _checkpoint_bytes(checkpoint: AgentCheckpoint) -> int:
    return _agent_bytes(checkpoint.agent) + checkpoint.replay.nbytes
