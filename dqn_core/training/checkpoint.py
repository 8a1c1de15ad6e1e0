"""Weights and checkpoints on disk: safetensors only (never pickle), written whole or not at all.

A checkpoint is one file: its arrays as safetensors, everything else as JSON in that file's header.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from dqn_core.errors import RunFolderError, mark
from dqn_core.events import CheckpointReady
from dqn_core.training.trainer_state import TrainerState

__all__ = ["read_checkpoint", "read_weights", "write_atomically", "write_checkpoint", "write_weights"]

_VALUES = "values"
"""Key of the header that holds a checkpoint's JSON."""


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``: after a crash the file is the old one or the new one, whole."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_weights(path: Path, weights: dict[str, np.ndarray]) -> None:
    """Write ``weights`` (name -> float32 array) as safetensors."""
    write_atomically(path, save({name: np.ascontiguousarray(array) for name, array in weights.items()}))


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Read what :func:`write_weights` wrote; raises :class:`RunFolderError` for a missing or damaged file."""
    try:
        weights: dict[str, np.ndarray] = load(path.read_bytes())
    except FileNotFoundError as error:
        template = mark("There are no weights at {path}: train the run to its first evaluation, or to its end.")
        raise RunFolderError(template, path=path) from error
    except (SafetensorError, OSError) as error:
        raise RunFolderError(mark("{path} is not a readable weights file: {cause}"), path=path, cause=error) from error
    return weights


def write_checkpoint(path: Path, checkpoint: CheckpointReady) -> None:
    """Write a checkpoint; the one before it stays whole until this one is."""
    arrays = {name: np.asarray(array, order="C") for name, array in checkpoint.arrays.items()}
    write_atomically(path, save(arrays, metadata={_VALUES: json.dumps(checkpoint.values)}))


def read_checkpoint(path: Path) -> TrainerState:
    """Read what :func:`write_checkpoint` wrote; raises :class:`RunFolderError` for a missing, damaged or other file."""
    if not path.is_file():
        template = mark("There is no checkpoint at {path}: a run leaves one each minute, when paused, and at its end.")
        raise RunFolderError(template, path=path)
    try:
        with safe_open(path, framework="numpy") as file:
            values = json.loads((file.metadata() or {})[_VALUES])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunFolderError(mark("{path} is not a readable checkpoint: {cause}"), path=path, cause=error) from error
    return TrainerState(arrays=arrays, values=values)
