"""Weights on disk: safetensors only (never pickle), written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dqn_core.errors import RunFolderError, mark

__all__ = ["read_weights", "write_atomically", "write_weights"]


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
