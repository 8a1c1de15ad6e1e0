"""Checkpoints: all that a run's future depends on, to go on bit for bit as if it had never stopped.

On disk a checkpoint is one safetensors file (never pickle), written whole or not at all: its arrays, and everything
else as JSON in that file's header.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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

__all__ = [
    "CHECKPOINT_VERSION",
    "Checkpoint",
    "CheckpointInfo",
    "changed_config",
    "checkpoint_info",
    "read_checkpoint",
    "with_last_checkpoint",
    "write_checkpoint",
]

CHECKPOINT_VERSION = 1
_VALUES = "values"
"""Key of the header that holds a checkpoint's JSON."""


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
    """Bytes on disk."""


def write_checkpoint(path: Path, checkpoint: CheckpointReady) -> None:
    """Write a checkpoint; the one before it stays whole until this one is."""
    arrays = {name: np.asarray(array, order="C") for name, array in checkpoint.arrays.items()}
    write_atomically(path, save(arrays, metadata={_VALUES: json_text(checkpoint.values)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what :func:`write_checkpoint` wrote; raises :class:`RunFolderError` for a missing, damaged or other file."""
    if not path.is_file():
        template = mark(
            "There is no checkpoint at {path}: a run saves one at its start, at least every minute, when paused, and "
            "at its end."
        )
        raise RunFolderError(template, path=path)
    try:
        with safe_open(path, framework="numpy") as file:
            values = _with_nan(json.loads((file.metadata() or {})[_VALUES]))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunFolderError(mark("{path} is not a readable checkpoint: {cause}"), path=path, cause=error) from error
    return Checkpoint(arrays=arrays, values=values)


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
