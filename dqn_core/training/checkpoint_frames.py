"""The frames of a replay memory of pictures on the disk: in segments that one checkpoint leaves to the next.

A frame never changes once it is kept, and a hundred thousand of them are 750 MB. So a checkpoint's file holds all else,
and names the segments that it needs; only those that are not there yet are written:

    checkpoint.safetensors                   everything else, and the frames before its first and after its last segment
    checkpoint-frames/NUMBER-DIGEST.bin      the n frames from NUMBER * n on, as bytes

Of environments in parallel each has frames, and so segments, of its own: ENVIRONMENT-NUMBER-DIGEST.bin.

The digest stands in the name because a run that goes on from an earlier checkpoint has other frames under the same
numbers. A segment is whole before a checkpoint names it, and is removed when none does any more: at any moment, the
last checkpoint can be read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from dqn_core.files import write_atomically
from dqn_core.json_text import json_text

__all__ = ["FRAMES", "FRAMES_FOLDER", "FRAMES_KEY", "StoredFrames", "named_segments", "remove_unnamed", "write_frames"]

FRAMES, _FIRST, _NEXT = "replay.frames", "replay.first_frame", "replay.next_frame"
"""Names of a checkpoint's arrays: the frames [F, D / stack] of E environments, one after the other, and of each [E] the
number of its first frame and of the one to come. Numbers of an environment's frames are E apart."""
FRAMES_FOLDER = "checkpoint-frames"
FRAMES_KEY = "frames"
"""Key of a checkpoint's header that holds :meth:`StoredFrames.as_text`; not there where its own file holds them all."""
SEGMENT_BYTES = 8 * 2**20
"""Of all environments together."""
_DIGEST_LENGTH = 32

Arrays = dict[str, NDArray[Any]]
Part = TypeVar("Part", NDArray[Any], memoryview)


@dataclass(frozen=True, kw_only=True)
class StoredFrames:
    """Where the frames of a checkpoint lie, in their order. What is not named comes after that, from its own file."""

    pieces: tuple[str | int, ...] = ()
    """The name of a segment, or the number of frames of its own."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the segments, in the order of their frames."""
        return tuple(piece for piece in self.pieces if isinstance(piece, str))

    def as_text(self) -> str:
        """For the header of the checkpoint's file."""
        return json_text({"pieces": self.pieces}, is_compact=True)

    @classmethod
    def of(cls, metadata: Mapping[str, str] | None) -> StoredFrames:
        """What the header of a checkpoint's file says; no segments where it says nothing of them."""
        values = json.loads((metadata or {}).get(FRAMES_KEY, '{"pieces": []}'))
        if "pieces" not in values:  # of an earlier version
            return cls(pieces=(int(values["before"]), *map(str, values["names"])))
        return cls(pieces=tuple(piece if isinstance(piece, int) else str(piece) for piece in values["pieces"]))

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
        return np.concatenate(list(self.arranged(own, [segment.reshape(-1, own.shape[1]) for segment in segments])))

    def arranged(self, own: Part, segments: Sequence[Part], width: int = 1) -> Iterator[Part]:
        """The checkpoint's ``own`` frames, of ``width`` items each, and its ``segments`` in the order of all frames."""
        taken, following = 0, iter(segments)
        for piece in self.pieces:
            if isinstance(piece, int):
                yield own[taken * width : (taken + piece) * width]
                taken += piece
            else:
                yield next(following)
        yield own[taken * width :]


def write_frames(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> tuple[Arrays, StoredFrames]:
    """Write those frames of a checkpoint's ``arrays`` that make whole segments; the arrays that are left to be written.

    Segments that are in the run's ``folder`` already are not written again.
    """
    rest = dict(arrays)
    if FRAMES not in arrays or _FIRST not in arrays:
        return rest, StoredFrames()
    frames, firsts = arrays[FRAMES], arrays[_FIRST]
    ends = arrays.get(_NEXT, firsts + len(frames))  # one environment alone had none in earlier versions
    environments = len(firsts)
    count = max(1, SEGMENT_BYTES // environments // max(1, frames.shape[1]))
    own: list[NDArray[Any]] = []
    pieces: list[str | int] = []
    for environment, (first, end) in enumerate(zip(firsts.tolist(), ends.tolist(), strict=True)):
        begin, length = first // environments, (end - first) // environments
        mine, frames = frames[:length], frames[length:]
        prefix = f"{environment:03}-" if environments > 1 else ""
        kept, found = _write_segments(folder / FRAMES_FOLDER, mine, begin, count, prefix)
        own += kept
        pieces += found
    rest[FRAMES] = np.concatenate(own)
    return rest, StoredFrames(pieces=tuple(pieces))


def _write_segments(
    place: Path, frames: NDArray[Any], begin: int, count: int, prefix: str
) -> tuple[list[NDArray[Any]], list[str | int]]:
    """Write one environment's ``frames``, from number ``begin`` on, as segments of ``count``.

    The frames that are left, and the pieces in their order.
    """
    first, end = -(-begin // count), (begin + len(frames)) // count
    if end <= first:
        return [frames], [len(frames)]
    place.mkdir(exist_ok=True)
    names = []
    for number in range(first, end):
        segment = np.ascontiguousarray(frames[number * count - begin : (number + 1) * count - begin]).reshape(-1)
        names.append(f"{prefix}{number:08}-{_digest(segment)}.bin")
        if not (place / names[-1]).exists():
            write_atomically(place / names[-1], segment.data)
    before, after = frames[: first * count - begin], frames[end * count - begin :]
    return [before, after], [len(before), *names, len(after)]


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
