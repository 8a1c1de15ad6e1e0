"""Checkpoints: all that a run's future depends on, to go on bit for bit as if it had never stopped.

On disk a checkpoint is one safetensors file (never pickle), written whole or not at all: its arrays, and everything
else as JSON in that file's header. The frames of pictures lie beside it (:mod:`dqn_core.training.checkpoint_frames`).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.config import TrainingConfig, field_rule
from dqn_core.errors import RunFolderError, mark
from dqn_core.events import CheckpointKind, CheckpointReady, RunEnded, RunState
from dqn_core.files import write_atomically
from dqn_core.json_text import json_text, nan_if_none
from dqn_core.training.checkpoint_frames import FRAMES, FRAMES_KEY, StoredFrames, remove_unnamed, write_frames

__all__ = [
    "CHECKPOINT_VERSION",
    "Checkpoint",
    "CheckpointInfo",
    "changed_config",
    "checkpoint_info",
    "read_checkpoint",
    "whole_file",
    "with_last_checkpoint",
    "write_checkpoint",
]

CHECKPOINT_VERSION = 1
_VALUES = "values"
"""Key of the header that holds a checkpoint's JSON."""
_LENGTH_BYTES = 8
"""A safetensors file begins with the length of its header, in so many bytes, and then the header, as JSON."""
_MOST_REPLACED = 3
"""Checkpoints that may come while one is read; they are written seconds apart."""

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A run between two env steps, or between two updates of one."""

    arrays: dict[str, NDArray[Any]]
    values: dict[str, Any]
    """JSON values."""

    @property
    def config(self) -> TrainingConfig:
        """The run's config, live changes included, on the compute that it was trained on."""
        return TrainingConfig.from_dict(self.values["config"] | {"compute": self.values["compute"]})

    @property
    def is_of_this_version(self) -> bool:
        """Whether this program can go on from it."""
        return bool(self.values.get("version") == CHECKPOINT_VERSION)

    def check_version(self) -> None:
        """Raise :class:`RunFolderError` for a checkpoint of another version."""
        if not self.is_of_this_version:
            template = mark("The checkpoint is of version {found}; this program reads version {known}.")
            raise RunFolderError(template, found=self.values.get("version"), known=CHECKPOINT_VERSION)


@dataclass(frozen=True, kw_only=True)
class CheckpointInfo:
    """One checkpoint of a run."""

    kind: CheckpointKind
    episode: int
    """The one that ran when it was taken; 0 before the first."""
    env_step: int
    path: Path
    size: int
    """Bytes on disk, those that it shares with others included."""


def write_checkpoint(path: Path, checkpoint: CheckpointReady) -> None:
    """Write a checkpoint; the one before it stays whole until this one is."""
    rest, stored = write_frames(path.parent, checkpoint.arrays)
    arrays = {name: np.asarray(array, order="C") for name, array in rest.items()}
    metadata = {_VALUES: json_text(checkpoint.values)} | ({FRAMES_KEY: stored.as_text()} if stored.names else {})
    write_atomically(path, save(arrays, metadata=metadata))
    remove_unnamed(path.parent)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what :func:`write_checkpoint` wrote; raises :class:`RunFolderError` for a missing, damaged or other file."""
    if not path.is_file():
        template = mark(
            "There is no checkpoint at {path}: a run saves one at its start, at least every minute, when paused, and "
            "at its end."
        )
        raise RunFolderError(template, path=path)
    try:
        return _again_if_replaced(_read, path)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunFolderError(mark("{path} is not a readable checkpoint: {cause}"), path=path, cause=error) from error


def _read(path: Path) -> Checkpoint:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
    stored = StoredFrames.of(metadata)
    if stored.names:
        arrays[FRAMES] = stored.joined(arrays[FRAMES], stored.opened(path.parent))
    return Checkpoint(arrays=arrays, values=_with_nan(json.loads(metadata[_VALUES])))


def _again_if_replaced(read: Callable[[Path], Result], path: Path) -> Result:
    """What ``read`` makes of the checkpoint at ``path``; a newer one may take away frames that it is about to read."""
    for _ in range(_MOST_REPLACED):
        with contextlib.suppress(FileNotFoundError):
            return read(path)
    return read(path)


@dataclass(frozen=True, kw_only=True)
class WholeFile:
    """A checkpoint as one file, with all frames in it."""

    size: int
    """Bytes."""
    pieces: tuple[bytes | memoryview, ...]
    """One after the other; what lies on the disk is read when it is looked at."""

    def portions(self, size: int) -> Iterator[bytes]:
        """The file in portions of at most ``size`` bytes."""
        for piece in self.pieces:
            for start in range(0, len(piece), size):
                yield bytes(piece[start : start + size])


def whole_file(path: Path) -> WholeFile:
    """The checkpoint at ``path`` as one safetensors file, as it is now: a newer one does not change what is read.

    What is no checkpoint is given as it is. Raises OSError where there is no file that can be read.
    """
    return _again_if_replaced(_whole, path)


def _whole(path: Path) -> WholeFile:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        size, start = os.fstat(file.fileno()).st_size, _LENGTH_BYTES + length
        own = np.memmap(file, np.uint8, "r").data if size else memoryview(b"")
    try:
        header = json.loads(bytes(own[_LENGTH_BYTES:start]))
        metadata = header.pop("__metadata__")
        stored = StoredFrames.of(metadata)
    except (ValueError, LookupError, AttributeError, TypeError):
        return WholeFile(size=size, pieces=(own,))
    if not stored.names:
        return WholeFile(size=size, pieces=(own,))
    frames = header.pop(FRAMES)
    pieces: list[memoryview] = []
    arrays, end = {}, 0
    for name, array in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = array["data_offsets"]
        pieces.append(own[start + first : start + last])
        arrays[name] = array | {"data_offsets": [end, end + last - first]}
        end += last - first
    (first, last), width = frames["data_offsets"], frames["shape"][1]
    segments = [each.data for each in stored.opened(path.parent)]
    pieces += stored.arranged(own[start + first : start + last], segments, width)
    total = last - first + sum(map(len, segments))
    arrays[FRAMES] = frames | {"shape": [total // width, width], "data_offsets": [end, end + total]}
    text = json_text({"__metadata__": {_VALUES: metadata[_VALUES]}, **arrays}, is_compact=True).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)  # so that the arrays are aligned
    head = len(text).to_bytes(_LENGTH_BYTES, "little") + text
    return WholeFile(size=len(head) + end + total, pieces=(head, *pieces))


def _with_nan(values: dict[str, Any]) -> dict[str, Any]:
    """``values`` as they were before they became JSON, which knows no NaN."""
    best = values.get("best")
    return values | {
        "best_eval": nan_if_none(values.get("best_eval")),
        "averages": [nan_if_none(each) for each in values.get("averages", ())],
        "best": best and best | {"eval_return": nan_if_none(best["eval_return"])},
    }


def checkpoint_info(path: Path, kind: CheckpointKind) -> Iterator[CheckpointInfo]:
    """Where the checkpoint in ``path`` stands; nothing where there is no readable one."""
    try:
        counters, size = _again_if_replaced(_read_place, path)
        episode, env_step = int(counters["episode"]), int(counters["env_step"])
    except (SafetensorError, OSError, LookupError, TypeError, ValueError):
        return
    yield CheckpointInfo(kind=kind, episode=episode, env_step=env_step, path=path, size=size)


def _read_place(path: Path) -> tuple[Any, int]:
    """The counters of the checkpoint at ``path``, and its bytes."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
    size = path.stat().st_size + sum(StoredFrames.of(metadata).sizes(path.parent).values())
    return json.loads(metadata[_VALUES])["counters"], size


def changed_config(config: TrainingConfig, changes: Mapping[str, Any], counters: Mapping[str, Any]) -> TrainingConfig:
    """``config`` with ``changes`` for a run at ``counters``, with an exploration that goes on from where it stood.

    The exponential schedule depends on ``max_episodes``: another limit alone would throw epsilon back to what it was
    long ago. So its rate follows the limit, which leaves the curve over the episodes as it was; where the rate would
    leave its range, the start is lowered too. ``changes`` that name a setting of exploration are taken as they are.

    Raises
    ------
    ConfigError, ChangeRefusedError
        A change is not valid.
    """
    changed = config
    for name, value in changes.items():
        changed = changed.changed_live(name, value)
    is_told_otherwise = any(name.startswith("epsilon_") for name in changes)
    if changed.max_episodes == config.max_episodes or changed.epsilon_schedule != "episode_exponential":
        return changed
    return changed if is_told_otherwise else _with_same_curve(config, changed, counters["finished_episodes"])


def _with_same_curve(old: TrainingConfig, new: TrainingConfig, episode: int) -> TrainingConfig:
    """``new`` with an epsilon that falls over the episodes from ``episode`` on as it did with ``old``."""
    stood_at = epsilon_at(old, episode, 0)
    if math.isclose(stood_at, epsilon_at(new, episode, 0)):
        return new  # the first episode is still to come
    rate = old.epsilon_decay_rate * new.max_episodes / old.max_episodes
    highest = field_rule("epsilon_decay_rate").high or math.inf
    if rate <= highest:
        return new.replace(epsilon_decay_rate=rate)
    share = epsilon_at(new.replace(epsilon_decay_rate=highest, epsilon_start=1.0, epsilon_end=0.0), episode, 0)
    start = old.epsilon_end + (stood_at - old.epsilon_end) / share if share else old.epsilon_start
    return new.replace(epsilon_decay_rate=highest, epsilon_start=min(start, old.epsilon_start))


_LAST_GOOD = mark(
    "Its last good checkpoint is of episode {checkpoint_episode}, env step {checkpoint_step}: press Resume to "
    "continue from it."
)


def with_last_checkpoint(ended: RunEnded, checkpoints: Iterable[CheckpointInfo]) -> RunEnded:
    """``ended``; unless the run came to a good end, its message says which of ``checkpoints`` it would go on from.

    The sentence stands in a paragraph of its own: message templates are translated paragraph by paragraph.
    """
    last = next((each for each in checkpoints if each.kind == "last"), None)
    if ended.reason.state is RunState.FINISHED or last is None or not ended.template:
        return ended
    place = {"checkpoint_episode": last.episode, "checkpoint_step": last.env_step}
    return replace(ended, template=f"{ended.template}\n\n{_LAST_GOOD}", parameters={**ended.parameters, **place})
