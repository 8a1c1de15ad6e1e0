"""Weights that a run shall begin with, from another run or from a file of anybody's: read safely, and checked.

A file is safetensors, which holds numbers and nothing that could run; its size is bounded before it is read, and its
arrays are looked at before they reach a network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize

from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import policy_with
from dqn_core.errors import WeightsFileError, mark
from dqn_core.training.run_folder import RunFolder

__all__ = ["MOST_BYTES", "check_fit", "weights_at", "weights_in"]

MOST_BYTES = 64 * 2**20
"""Size of a file of weights, or of a checkpoint that holds them."""

_MEGABYTE = 2**20
_MOST_DIMENSIONS = 8
"""Beyond any network's, so that :func:`check_fit` names a wrong shape; NumPy itself holds 64."""
_NAME = re.compile(r"[\w.-]{1,80}", re.ASCII)
_PICKLED = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_NETWORKS = ("learner.online.", "online.", "")
"""What the network's arrays are called in a checkpoint, in a snapshot, and in a file of weights."""


def weights_at(path: Path) -> dict[str, np.ndarray]:
    """The weights in a file, or the best (else the last) of a run's folder; raises as :func:`weights_in` does."""
    if path.is_dir():
        folder = RunFolder.open(path)
        return folder.weights("best" if folder.has_snapshot("best") else "last")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        template = mark("{path} cannot be read ({cause}): give a .safetensors file or the folder of a run.")
        raise WeightsFileError(template, path=path, cause=error.strerror) from error
    return weights_in(content, path.name)


def weights_in(content: bytes, name: str) -> dict[str, np.ndarray]:
    """The online network in a file of weights, a snapshot or a checkpoint.

    Parameters
    ----------
    content
        The file, at most :data:`MOST_BYTES`.
    name
        What to call it in messages.

    Raises
    ------
    WeightsFileError
        It is too large, not safetensors, or holds no network of finite float32 numbers.
    """
    name = name[-80:]
    if len(content) > MOST_BYTES:
        template = mark("{file} is larger than the {limit} MB allowed: export the run's weights alone.")
        raise WeightsFileError(template, file=name, limit=MOST_BYTES // _MEGABYTE)
    if content.startswith(_PICKLED):
        template = mark(
            "{file} is a pickle, a zip or a PyTorch file, which could run a program when it is opened: save the "
            "weights as .safetensors."
        )
        raise WeightsFileError(template, file=name)
    try:
        arrays: dict[str, dict[str, Any]] = dict(deserialize(content))  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError) as error:
        raise WeightsFileError(mark("{file} is not a safetensors file: {cause}"), file=name, cause=error) from error
    prefix = next(prefix for prefix in _NETWORKS if any(each.startswith(prefix) for each in arrays) or not prefix)
    network = {each.removeprefix(prefix): array for each, array in arrays.items() if each.startswith(prefix)}
    if not network:
        raise WeightsFileError(mark("{file} holds no arrays: give a file with a network's weights."), file=name)
    return {array_name: _checked(array, array_name, name) for array_name, array in network.items()}


def _checked(array: Mapping[str, Any], array_name: str, file: str) -> np.ndarray:
    if not _NAME.fullmatch(array_name):
        template = mark("{file} contains an array {array}, which no network has.")
        raise WeightsFileError(template, file=file, array=repr(array_name[:40]))
    if array["dtype"] != "F32":
        template = mark("{array} in {file} is of type {type}; weights are float32 (F32).")
        raise WeightsFileError(template, array=array_name, file=file, type=array["dtype"])
    if len(array["shape"]) > _MOST_DIMENSIONS:
        template = mark("{array} in {file} has {count} dimensions; the weights of a network have one or two.")
        raise WeightsFileError(template, array=array_name, file=file, count=len(array["shape"]))
    values = np.frombuffer(array["data"], "<f4").reshape(array["shape"]).astype(np.float32)
    if not np.isfinite(values).all():
        template = mark("{array} in {file} holds NaN or infinity: those are weights of a run that diverged.")
        raise WeightsFileError(template, array=array_name, file=file)
    return values


def check_fit(weights: Mapping[str, np.ndarray], config: TrainingConfig) -> None:
    """Refuse ``weights`` that are not of the network that ``config`` asks for in its environment.

    Raises
    ------
    RunFolderError
        An array is missing, unknown, or has another shape; the message names it.
    UnsupportedEnvironmentError
        The environment is not installed here.
    """
    policy_with(config, weights)
