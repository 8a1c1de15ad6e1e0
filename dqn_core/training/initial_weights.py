"""Weights that a run begins with instead of drawing its own, kept in its folder until then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dqn_core.errors import RunFolderError, mark
from dqn_core.files import write_atomically

__all__ = ["read_initial_weights", "write_initial_weights"]

_NAME = "initial.safetensors"


def write_initial_weights(folder: Path, weights: Mapping[str, np.ndarray]) -> None:
    """Keep ``weights``, an online network as :meth:`Learner.weights` names it, in the run's ``folder``."""
    write_atomically(folder / _NAME, save({name: np.ascontiguousarray(array) for name, array in weights.items()}))


def read_initial_weights(folder: Path) -> dict[str, np.ndarray] | None:
    """What :func:`write_initial_weights` kept; None where it kept nothing. Raises :class:`RunFolderError`."""
    path = folder / _NAME
    try:
        weights: dict[str, np.ndarray] = load(path.read_bytes())
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError) as error:
        raise RunFolderError(mark("{path} is not a readable weights file: {cause}"), path=path, cause=error) from error
    return weights
