"""The frames of a replay memory of pictures on the disk: in segments that one checkpoint leaves to the next.

A frame never changes once it is kept, and a hundred thousand of them are 750 MB. So a checkpoint's file holds all else,
and names the segments that it needs; only those that are not there yet are written:

    checkpoint.safetensors                   everything else, and the frames before its first and after its last segment
    checkpoint-frames/NUMBER-DIGEST.bin      the n frames from NUMBER * n on, as bytes

The digest stands in the name because a run that goes on from an earlier checkpoint has other frames under the same
numbers. A segment is whole before a checkpoint names it, and is removed when none does any more: at any moment, the
last checkpoint can be read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from dqn_core.files import write_atomically
from dqn_core.json_text import json_text

__all__ = ["FRAMES", "FRAMES_FOLDER", "FRAMES_KEY", "StoredFrames", "named_segments", "remove_unnamed", "write_frames"]

FRAMES, _FIRST = "replay.frames", "replay.first_frame"
"""Names of a checkpoint's arrays: the frames [F, D / stack], and the number of the first of them."""
FRAMES_FOLDER = "checkpoint-frames"
FRAMES_KEY = "frames"
"""Key of a checkpoint's header that holds :meth:`StoredFrames.as_text`; not there where its own file holds them all."""
SEGMENT_BYTES = 8 * 2**20
_DIGEST_LENGTH = 32

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class StoredFrames:
    """The segments that a checkpoint needs, oldest first, and how many frames of its own come before them."""

    names: tuple[str, ...]
    before: int

    def as_text(self) -> str:
        """For the header of the checkpoint's file."""
        return json_text({"names": self.names, "before": self.before}, is_compact=True)

    @classmethod
    def of(cls, metadata: Mapping[str, str] | None) -> StoredFrames:
        """What the header of a checkpoint's file says; no segments where it says nothing of them."""
        values = json.loads((metadata or {}).get(FRAMES_KEY, '{"names": [], "before": 0}'))
        return cls(names=tuple(map(str, values["names"])), before=int(values["before"]))

    def sizes(self, folder: Path) -> dict[str, int]:
        """Bytes of each segment in the run's ``folder``; raises FileNotFoundError where one is missing."""
        return {name: (folder / FRAMES_FOLDER / name).stat().st_size for name in self.names}

    def opened(self, folder: Path) -> list[NDArray[np.uint8]]:
        """The bytes of each segment, which stay there while somebody holds them, though the file be removed."""
        return [np.memmap(folder / FRAMES_FOLDER / name, np.uint8, "r") for name in self.names]

    def joined(self, own: NDArray[np.uint8], segments: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """All frames: the checkpoint's ``own`` and those of its ``segments``; raises ValueError for damaged ones."""
        for name, segment in zip(self.names, segments, strict=True):
            if not name.endswith(f"-{_digest(segment)}.bin"):
                message = f"{FRAMES_FOLDER}/{name} is damaged"
                raise ValueError(message)
        frames = [segment.reshape(-1, own.shape[1]) for segment in segments]
        return np.concatenate([own[: self.before], *frames, own[self.before :]])


def write_frames(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> tuple[Arrays, StoredFrames]:
    """Write those frames of a checkpoint's ``arrays`` that make whole segments; the arrays that are left to be written.

    Segments that are in the run's ``folder`` already are not written again.
    """
    rest = dict(arrays)
    if FRAMES not in arrays or _FIRST not in arrays:
        return rest, StoredFrames(names=(), before=0)
    frames, begin = arrays[FRAMES], int(arrays[_FIRST][0])
    count = max(1, SEGMENT_BYTES // max(1, frames.shape[1]))
    first, end = -(-begin // count), (begin + len(frames)) // count
    if end <= first:
        return rest, StoredFrames(names=(), before=0)
    place = folder / FRAMES_FOLDER
    place.mkdir(exist_ok=True)
    names = []
    for number in range(first, end):
        segment = np.ascontiguousarray(frames[number * count - begin : (number + 1) * count - begin]).reshape(-1)
        names.append(f"{number:08}-{_digest(segment)}.bin")
        if not (place / names[-1]).exists():
            write_atomically(place / names[-1], segment.data)
    before, after = first * count - begin, end * count - begin
    rest[FRAMES] = np.concatenate([frames[:before], frames[after:]])
    return rest, StoredFrames(names=tuple(names), before=before)


def _digest(segment: NDArray[np.uint8]) -> str:
    return hashlib.sha256(segment.data).hexdigest()[:_DIGEST_LENGTH]


def named_segments(path: Path) -> frozenset[str]:
    """The segments that the checkpoint at ``path`` needs; none where there is no readable one.

    Raises OSError where a file that is there cannot be read at the moment.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return frozenset(StoredFrames.of(file.metadata()).names)
    except (FileNotFoundError, SafetensorError, LookupError, TypeError, ValueError):
        return frozenset()


def remove_unnamed(folder: Path) -> None:
    """Remove the segments that no checkpoint in the run's ``folder`` needs, and what a crash left half written."""
    place = folder / FRAMES_FOLDER
    if not place.is_dir():
        return
    try:
        named = frozenset[str]().union(*map(named_segments, folder.glob("checkpoint*.safetensors")))
    except OSError:  # which are needed is not known now
        return
    for path in place.iterdir():
        if path.name not in named:
            path.unlink(missing_ok=True)
