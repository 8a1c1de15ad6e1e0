"""How much a run's snapshots and checkpoints take on disk, and what goes where that is too much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dqn_core.training.checkpoint_frames import FRAMES_FOLDER, named_segments, remove_unnamed

__all__ = ["DEFAULT_BYTE_LIMIT", "DiskUse", "disk_use", "prune"]

DEFAULT_BYTE_LIMIT = 256 * 2**20
"""Bytes that one run may keep beside what it cannot be without."""

_NEWEST = "checkpoint.safetensors"
_NEVER_REMOVED = (_NEWEST, "best.safetensors", "last.safetensors", "initial.safetensors")


@dataclass(frozen=True, kw_only=True)
class DiskUse:
    """Bytes that a run's snapshots and checkpoints take, and may take."""

    used: int
    needed: int
    """Of what is never removed."""
    spare: int
    """What the run may keep beside it."""

    @property
    def limit(self) -> int:
        """What it may take in all."""
        return self.needed + self.spare


def disk_use(folder: Path, limit: int) -> DiskUse:
    """What the run in ``folder`` takes, where it may keep ``limit`` bytes beside what is never removed."""
    needed, others = _by_need(folder)
    return DiskUse(used=needed + sum(size for _, size in others), needed=needed, spare=limit)


def prune(folder: Path, limit: int) -> None:
    """Keep at most ``limit`` bytes beside what is never removed: the largest file goes first, of equals the oldest.

    Never removed are the newest checkpoint, the best and last snapshot and the weights that the run began with. With a
    checkpoint go the frames that no other needs.
    """
    _, others = _by_need(folder)
    excess = sum(size for _, size in others) - limit
    if excess <= 0:
        return
    for path, size in sorted(others, key=lambda file: (-file[1], file[0].name)):
        if excess <= 0:
            break
        path.unlink(missing_ok=True)
        excess -= size
    remove_unnamed(folder)


def _by_need(folder: Path) -> tuple[int, list[tuple[Path, int]]]:
    """Bytes of what is never removed, and (path, bytes) of all else, each with the frames that go with it."""
    files, segments = list(_files(folder)), {path.name: size for path, size in _segments(folder)}
    shared = named_segments(folder / _NEWEST) if segments else frozenset()
    needed = sum(size for path, size in files if path.name in _NEVER_REMOVED)
    needed += sum(segments.get(name, 0) for name in shared)
    others = []
    for path, size in files:
        if path.name in _NEVER_REMOVED:
            continue
        own = named_segments(path) - shared if segments and path.name.startswith("checkpoint") else frozenset()
        others.append((path, size + sum(segments.get(name, 0) for name in own)))
    return needed, others


def _segments(folder: Path) -> Iterator[tuple[Path, int]]:
    """(path, bytes) of the frames of its checkpoints."""
    return _with_sizes((folder / FRAMES_FOLDER).glob("*.bin"))


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """(path, bytes) of each snapshot and checkpoint."""
    return _with_sizes((*folder.glob("*.safetensors"), *(folder / "snapshots").glob("*.safetensors")))


def _with_sizes(paths: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    for path in paths:
        try:
            yield path, path.stat().st_size
        except FileNotFoundError:  # another thread has just removed it
            continue
