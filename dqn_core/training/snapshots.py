"""Snapshots of a learner in a run's folder, to look back at: the best, the last, and some from along the way.

DIR/
├── best.safetensors                      at the best evaluation
├── last.safetensors                      at the end
└── snapshots/episode-00000012.safetensors ...   after every k-th episode

A file holds the arrays of :meth:`Learner.state_dict`; where it was taken stands in its header. One written by an early
version of this program, or by hand, may hold the online network alone and no header.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from dqn_core.episodes.recordings import thinning_interval
from dqn_core.errors import RunFolderError, mark
from dqn_core.events import SnapshotKind, WeightsReady, online_weights
from dqn_core.files import write_atomically
from dqn_core.json_text import json_text

__all__ = [
    "SnapshotInfo",
    "list_snapshots",
    "preferred_snapshot",
    "read_state",
    "read_weights",
    "remove_later",
    "snapshot_path",
    "thinning_interval",
    "write_snapshots",
]

_HEADER = "snapshot"
"""Key of the file's header that holds where it was taken, as JSON."""
_UNKNOWN = -1
_NAME = re.compile(r"best|last|episode-\d{8}", re.ASCII)
_ORDER: tuple[SnapshotKind, ...] = ("kept", "best", "last")
"""Of those at the same env step."""


@dataclass(frozen=True, kw_only=True)
class SnapshotInfo:
    """One snapshot of a run."""

    name: str
    """What :meth:`RunFolder.snapshot` takes: "best", "last", or "episode-00000012"."""
    kind: SnapshotKind
    episode: int
    """Episodes begun by then, 0 before the first; -1 where the file does not say."""
    env_step: int
    """-1 where the file does not say."""
    eval_return: float
    """Mean greedy return of the evaluation in that episode; NaN where there was none."""
    best_seed: int | None
    """Seed of the episode with the highest return in that evaluation; None where the file does not say."""
    path: Path
    size: int
    """Bytes on disk."""


def snapshot_path(folder: Path, name: str) -> Path:
    """Where the snapshot ``name`` is kept; raises :class:`RunFolderError` for what is no snapshot's name."""
    if not _NAME.fullmatch(name):
        template = mark("{name} is no snapshot's name: those are best, last, and episode- with eight digits.")
        raise RunFolderError(template, name=repr(name[:40]))
    return (folder / "snapshots" if name.startswith("episode") else folder) / f"{name}.safetensors"


def write_snapshots(folder: Path, snapshots: Sequence[WeightsReady]) -> None:
    """Write snapshots into a run's folder, and remove those that are one too many now."""
    for each in snapshots:
        _write(folder, each)
    kept = [each.episode for each in snapshots if each.kind == "kept"]
    if kept:
        interval = thinning_interval(max(kept))
        for path in (folder / "snapshots").glob("episode-*.safetensors"):
            if int(path.stem.removeprefix("episode-")) % interval:
                path.unlink(missing_ok=True)


def _write(folder: Path, snapshot: WeightsReady) -> None:
    is_kept = snapshot.kind == "kept"
    path = snapshot_path(folder, f"episode-{snapshot.episode:08}" if is_kept else snapshot.kind)
    if is_kept:
        path.parent.mkdir(exist_ok=True)
    place = {
        "kind": snapshot.kind,
        "episode": snapshot.episode,
        "env_step": snapshot.env_step,
        "eval_return": snapshot.eval_return,
        "best_seed": snapshot.best_seed,
    }
    arrays = {name: np.asarray(array, order="C") for name, array in snapshot.state.items()}
    # One of many to look back at is not worth waiting for the disk; a crash of the machine may cost it.
    write_atomically(path, save(arrays, metadata={_HEADER: json_text(place)}), is_lasting=not is_kept)


def list_snapshots(folder: Path) -> tuple[SnapshotInfo, ...]:
    """Every readable snapshot in a run's folder, oldest first."""
    paths = [folder / "best.safetensors", folder / "last.safetensors", *(folder / "snapshots").glob("*.safetensors")]
    found = [info for path in paths if _NAME.fullmatch(path.stem) for info in _info(path)]
    return tuple(sorted(found, key=lambda info: (info.env_step, _ORDER.index(info.kind))))


def preferred_snapshot(snapshots: Sequence[SnapshotInfo]) -> SnapshotInfo | None:
    """The one that plays where nobody chose: the best, else the last, else the newest; None of none."""
    by_name = {each.name: each for each in snapshots}
    return by_name.get("best") or by_name.get("last") or next(reversed(snapshots), None)


def _info(path: Path) -> Iterator[SnapshotInfo]:
    """What the header of ``path`` says; nothing where it cannot be read: it may be removed at this very moment."""
    try:
        with safe_open(path, framework="numpy") as file:
            place = json.loads((file.metadata() or {}).get(_HEADER, "{}"))
        size = path.stat().st_size
    except (SafetensorError, OSError, ValueError):
        return
    yield SnapshotInfo(name=path.stem, path=path, size=size, **_place(place, path))


def _place(place: Any, path: Path) -> dict[str, Any]:
    """The header's values, each checked: files come from anywhere."""
    place = place if isinstance(place, dict) else {}
    eval_return = place.get("eval_return")
    return {
        "kind": "kept" if path.stem.startswith("episode") else path.stem,
        "episode": _count(place.get("episode")),
        "env_step": _count(place.get("env_step")),
        "eval_return": float(eval_return) if isinstance(eval_return, (int, float)) else math.nan,
        "best_seed": None if (seed := _count(place.get("best_seed"))) == _UNKNOWN else seed,
    }


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else _UNKNOWN


def read_state(folder: Path, name: str) -> dict[str, np.ndarray]:
    """The learner's state of a snapshot.

    Raises
    ------
    RunFolderError
        It is missing or damaged, or holds the online network alone.
    """
    arrays = _read(snapshot_path(folder, name))
    if not online_weights(arrays):
        template = mark(
            "{path} holds the online network alone, as early versions of this program wrote it: its weights can be "
            "used, the target network and the optimiser's state are not known."
        )
        raise RunFolderError(template, path=snapshot_path(folder, name))
    return arrays


def read_weights(folder: Path, name: str) -> dict[str, np.ndarray]:
    """The online network of a snapshot; raises :class:`RunFolderError` for a missing or damaged one."""
    arrays = _read(snapshot_path(folder, name))
    return online_weights(arrays) or arrays


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        arrays: dict[str, np.ndarray] = load(path.read_bytes())
    except FileNotFoundError as error:
        if path.stem == "best" and path.with_stem("last").exists():
            template = mark(
                "There are no weights at {path}, because the run was never evaluated: use its last ones (on the "
                "command line, --weights last)."
            )
        else:
            template = mark("There are no weights at {path}: train the run to its first evaluation, or to its end.")
        raise RunFolderError(template, path=path) from error
    except (SafetensorError, OSError) as error:
        raise RunFolderError(mark("{path} is not a readable weights file: {cause}"), path=path, cause=error) from error
    return arrays


def remove_later(folder: Path, env_step: int) -> None:
    """Remove the snapshots taken after ``env_step``: a run that goes on from there takes them again."""
    for info in list_snapshots(folder):
        if info.env_step > env_step:
            info.path.unlink(missing_ok=True)
