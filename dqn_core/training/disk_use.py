"""How much a run's snapshots and checkpoints take on disk, and what goes where that is too much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dqn_core.training.checkpoint_frames import FRAMES_FOLDER, named_segments, remove_unnamed

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
    return DiskUse(used=sum(size for _, size in (*_files(folder), *_segments(folder))), limit=limit)


def prune(folder: Path, limit: int) -> None:
    """Remove what goes beyond ``limit`` bytes: the largest file first, of equally large ones the oldest.

    Never removed are the newest checkpoint, the best and last snapshot and the weights that the run began with, though
    they alone be more. With a checkpoint go the frames that no other needs.
    """
    files, segments = list(_files(folder)), {path.name: size for path, size in _segments(folder)}
    excess = sum(size for _, size in files) + sum(segments.values()) - limit
    if excess <= 0:
        return
    if segments:
        files = [(path, size + _own_segments(path, segments)) for path, size in files]
    for path, size in sorted(files, key=lambda file: (-file[1], file[0].name)):
        if excess <= 0:
            break
        if path.name not in _NEVER_REMOVED:
            path.unlink(missing_ok=True)
            excess -= size
    remove_unnamed(folder)


def _own_segments(path: Path, segments: Mapping[str, int]) -> int:
    """Bytes of the ``segments`` that go with the checkpoint ``path``; the newest one keeps its own."""
    if not path.name.startswith("checkpoint") or path.name in _NEVER_REMOVED:
        return 0
    only_here = named_segments(path) - named_segments(path.with_name(_NEVER_REMOVED[0]))
    return sum(segments.get(name, 0) for name in only_here)


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
