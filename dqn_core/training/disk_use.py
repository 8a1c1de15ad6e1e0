"""How much a run's snapshots and checkpoints take on disk, and what goes where that is too much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DEFAULT_BYTE_LIMIT", "DiskUse", "disk_use", "prune"]

DEFAULT_BYTE_LIMIT = 256 * 2**20
"""Bytes that one run's snapshots and checkpoints may take."""

_NEVER_REMOVED = ("checkpoint.safetensors", "best.safetensors", "last.safetensors", "initial.safetensors")


@dataclass(frozen=True, kw_only=True)
class DiskUse:
    """Bytes that a run's snapshots and checkpoints take, and may take."""

    used: int
    limit: int


def disk_use(folder: Path, limit: int) -> DiskUse:
    """What the run in ``folder`` takes of its ``limit``."""
    return DiskUse(used=sum(size for _, size in _files(folder)), limit=limit)


def prune(folder: Path, limit: int) -> None:
    """Remove what goes beyond ``limit`` bytes: the largest file first, of equally large ones the oldest.

    Never removed are the newest checkpoint, the best and last snapshot and the weights that the run began with, though
    they alone be more.
    """
    files = list(_files(folder))
    excess = sum(size for _, size in files) - limit
    for path, size in sorted(files, key=lambda file: (-file[1], file[0].name)):
        if excess <= 0:
            return
        if path.name not in _NEVER_REMOVED:
            path.unlink(missing_ok=True)
            excess -= size


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """(path, bytes) of each snapshot and checkpoint."""
    for path in (*folder.glob("*.safetensors"), *(folder / "snapshots").glob("*.safetensors")):
        try:
            yield path, path.stat().st_size
        except FileNotFoundError:  # another thread has just removed it
            continue
