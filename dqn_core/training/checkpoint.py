"""Checkpoints on disk: safetensors only (never pickle), written whole or not at all.

A checkpoint is one file: its arrays as safetensors, everything else as JSON in that file's header.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dqn_core.errors import RunFolderError, mark
from dqn_core.events import CheckpointKind, CheckpointReady
from dqn_core.files import write_atomically
from dqn_core.json_text import json_text, nan_if_none
from dqn_core.training.trainer_state import TrainerState

__all__ = ["CheckpointInfo", "checkpoint_info", "read_checkpoint", "write_checkpoint"]

_VALUES = "values"
"""Key of the header that holds a checkpoint's JSON."""


@dataclass(frozen=True, kw_only=True)
class CheckpointInfo:
    """One checkpoint of a run."""

    kind: CheckpointKind
    episode: int
    """The one that ran when it was taken; 0 before the first."""
    env_step: int
    path: Path
    size: int
    """Bytes on disk."""


def write_checkpoint(path: Path, checkpoint: CheckpointReady) -> None:
    """Write a checkpoint; the one before it stays whole until this one is."""
    arrays = {name: np.asarray(array, order="C") for name, array in checkpoint.arrays.items()}
    write_atomically(path, save(arrays, metadata={_VALUES: json_text(checkpoint.values)}))


def read_checkpoint(path: Path) -> TrainerState:
    """Read what :func:`write_checkpoint` wrote; raises :class:`RunFolderError` for a missing, damaged or other file."""
    if not path.is_file():
        template = mark(
            "There is no checkpoint at {path}: a run leaves one at its start, each minute or sooner, when paused, and "
            "at its end."
        )
        raise RunFolderError(template, path=path)
    try:
        with safe_open(path, framework="numpy") as file:
            values = _with_nan(json.loads((file.metadata() or {})[_VALUES]))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunFolderError(mark("{path} is not a readable checkpoint: {cause}"), path=path, cause=error) from error
    return TrainerState(arrays=arrays, values=values)


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
        with safe_open(path, framework="numpy") as file:
            counters = json.loads((file.metadata() or {})[_VALUES])["counters"]
        episode, env_step = int(counters["episode"]), int(counters["env_step"])
        size = path.stat().st_size
    except (SafetensorError, OSError, LookupError, TypeError, ValueError):
        return
    yield CheckpointInfo(kind=kind, episode=episode, env_step=env_step, path=path, size=size)
