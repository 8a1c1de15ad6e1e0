"""A run as a folder: its config, its log, its weights.

DIR/
├── config.json          the config, live changes included
├── episodes.csv         a row an episode
├── changes.csv          a row a changed field
├── summary.json         how it ended
├── initial.safetensors                                       weights that it began with, where it did not draw its own
├── recordings/          episodes to see again
├── best.safetensors, last.safetensors, snapshots/            states of the learner, to look back at
├── checkpoint.safetensors, checkpoint-best.safetensors       states of the run, to go on from
└── checkpoint-frames/   the frames of pictures that these need
"""

from __future__ import annotations

import contextlib
import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TextIO, TypeVar, get_args

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dqn_core.config import TrainingConfig, config_from_json
from dqn_core.episodes.recordings import remove_later_recordings, write_recordings
from dqn_core.errors import RunFolderError, mark
from dqn_core.events import (
    EPISODE_COLUMNS,
    CheckpointKind,
    CheckpointReady,
    EpisodeEnded,
    EpisodeRecorded,
    Event,
    HyperparametersChanged,
    RunEnded,
    WeightsReady,
)
from dqn_core.files import write_atomically
from dqn_core.json_text import json_text, none_if_nan
from dqn_core.training.checkpoint import (
    Checkpoint,
    CheckpointInfo,
    checkpoint_info,
    read_checkpoint,
    with_last_checkpoint,
    write_checkpoint,
)
from dqn_core.training.csv_log import CHANGE_COLUMNS, change_rows, csv_text, episode_rows
from dqn_core.training.disk_use import DEFAULT_BYTE_LIMIT, DiskUse, disk_use, prune
from dqn_core.training.snapshots import (
    SnapshotInfo,
    list_snapshots,
    read_state,
    read_weights,
    remove_later,
    snapshot_path,
    thinning_interval,
    write_snapshots,
)

__all__ = ["KeptEpisodes", "RunFolder", "RunLog", "WeightsKind", "end_summary"]

WeightsKind = Literal["best", "last"]
_FLUSH_S = 0.5
_INITIAL_WEIGHTS = "initial.safetensors"
_MOST_GATHERED_BYTES = 8 * 2**20
"""Of snapshots that wait to be written."""

Gathered = TypeVar("Gathered")


class RunFolder:
    """An existing run folder; make one with :meth:`create` or :meth:`open`.

    ``byte_limit`` is what its snapshots and checkpoints may take beside those that it cannot be without
    (:mod:`dqn_core.training.disk_use`); beyond it, large and old ones are removed.
    """

    def __init__(self, path: Path, config: TrainingConfig, byte_limit: int = DEFAULT_BYTE_LIMIT) -> None:
        self.path = path
        self.config = config
        self._byte_limit = byte_limit

    @classmethod
    def create(
        cls,
        path: Path,
        config: TrainingConfig,
        byte_limit: int = DEFAULT_BYTE_LIMIT,
        *,
        initial_weights: Mapping[str, np.ndarray] | None = None,
    ) -> Self:
        """Make the folder ``path`` for a new run; raises :class:`RunFolderError` where it cannot be.

        ``initial_weights`` are what it begins with, where it does not draw its own.
        """
        cls.check_new(path)
        folder = cls(path, config, byte_limit)
        try:
            with _writing(path):
                path.mkdir(parents=True, exist_ok=True)
                folder.write_config(config)
                if initial_weights is not None:
                    content = save({name: np.ascontiguousarray(array) for name, array in initial_weights.items()})
                    write_atomically(path / _INITIAL_WEIGHTS, content)
        except RunFolderError:
            with contextlib.suppress(OSError):  # nothing is left of a run that will not be
                (path / "config.json").unlink(missing_ok=True)
                path.rmdir()
            raise
        return folder

    @staticmethod
    def check_new(path: Path) -> None:
        """Raise :class:`RunFolderError` where ``path`` holds a run."""
        if (path / "config.json").exists():
            raise RunFolderError(mark("{path} holds a run already: choose another folder."), path=path)

    @classmethod
    def open(cls, path: Path, byte_limit: int = DEFAULT_BYTE_LIMIT) -> Self:
        """Open the run in ``path``; raises :class:`RunFolderError` where there is none."""
        try:
            text = (path / "config.json").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            template = mark(
                "{path} is not a run folder (no readable config.json in it). Give the --out folder of a run."
            )
            raise RunFolderError(template, path=path) from error
        return cls(path, config_from_json(text), byte_limit)

    def initial_weights(self) -> dict[str, np.ndarray] | None:
        """What the run began with, or is to begin with; None for one that draws its own.

        Raises :class:`RunFolderError` where they cannot be read.
        """
        path = self.path / _INITIAL_WEIGHTS
        try:
            weights: dict[str, np.ndarray] = load(path.read_bytes())
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError) as error:
            template = mark("{path} is not a readable weights file: {cause}")
            raise RunFolderError(template, path=path, cause=error) from error
        return weights

    def write_config(self, config: TrainingConfig) -> None:
        """Keep ``config`` as the run's present one."""
        write_atomically(self.path / "config.json", (config.to_json() + "\n").encode())
        self.config = config

    # ------------------------------------------------------------------------------------------------ snapshots

    def write_snapshot(self, snapshot: WeightsReady) -> None:
        """Keep ``snapshot`` to look back at."""
        write_snapshots(self.path, (snapshot,))
        prune(self.path, self._byte_limit)

    def write_recording(self, recording: EpisodeRecorded) -> None:
        """Keep an episode to see again."""
        write_recordings(self.path, (recording,))

    def write_kept(self, kept: KeptEpisodes) -> None:
        """Keep what was gathered on the way, to look back at and to see again."""
        kept.write(self.path)
        prune(self.path, self._byte_limit)

    def snapshots(self) -> tuple[SnapshotInfo, ...]:
        """The snapshots kept, oldest first."""
        return list_snapshots(self.path)

    def has_snapshot(self, name: str) -> bool:
        """Whether there is a snapshot of this name, readable or not."""
        return snapshot_path(self.path, name).exists()

    def snapshot(self, name: str) -> dict[str, np.ndarray]:
        """The learner's state in a snapshot: ``online.*``, ``target.*`` and ``adam.*``.

        Raises :class:`RunFolderError` where there is none of this name, or it holds the online network alone.
        """
        return read_state(self.path, name)

    def snapshot_weights(self, name: str) -> dict[str, np.ndarray]:
        """The online network in a snapshot, as :meth:`Learner.weights` names it; raises :class:`RunFolderError`."""
        return read_weights(self.path, name)

    def weights(self, kind: WeightsKind) -> dict[str, np.ndarray]:
        """The run's best or last weights; raises :class:`RunFolderError` where there are none."""
        return read_weights(self.path, kind)

    # ---------------------------------------------------------------------------------------------- checkpoints

    def write_checkpoint(self, checkpoint: CheckpointReady) -> None:
        """Keep ``checkpoint`` as the one of its kind to go on from."""
        write_checkpoint(self._checkpoint_path(checkpoint.kind), checkpoint)
        prune(self.path, self._byte_limit)

    @property
    def has_checkpoint(self) -> bool:
        """Whether the run left one to go on from."""
        return self._checkpoint_path("last").exists()

    def checkpoint(self, kind: CheckpointKind = "last") -> Checkpoint:
        """Where the run stood last, or at its best; raises :class:`RunFolderError` where that cannot be read."""
        return read_checkpoint(self._checkpoint_path(kind))

    def checkpoints(self) -> tuple[CheckpointInfo, ...]:
        """The checkpoints that the run can go on from, oldest first."""
        kinds: tuple[CheckpointKind, ...] = get_args(CheckpointKind)
        found = [info for kind in kinds for info in checkpoint_info(self._checkpoint_path(kind), kind)]
        return tuple(sorted(found, key=lambda info: info.env_step))

    def go_on(self, config: TrainingConfig, state: Checkpoint | None) -> None:
        """Make ready to go on with ``config`` from ``state``, or from the beginning where that is None.

        Raises :class:`RunFolderError` where the folder cannot be written.
        """
        with _writing(self.path):
            if state is not None:
                self.rewind(state)
            self.write_config(config)

    def rewind(self, state: Checkpoint) -> None:
        """Make ``state``, from which the run goes on, its last checkpoint, and remove what was kept after it."""
        env_step = state.values["counters"]["env_step"]
        remove_later(self.path, env_step)
        remove_later_recordings(self.path, env_step)
        for info in self.checkpoints():
            if info.env_step > env_step and info.kind == "last":
                write_atomically(info.path, self._checkpoint_path("best").read_bytes())
            elif info.env_step > env_step:
                info.path.unlink(missing_ok=True)

    def _checkpoint_path(self, kind: CheckpointKind) -> Path:
        return self.path / ("checkpoint.safetensors" if kind == "last" else f"checkpoint-{kind}.safetensors")

    def disk_use(self) -> DiskUse:
        """What the snapshots and checkpoints take, and may take."""
        return disk_use(self.path, self._byte_limit)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """A disk's errors as this project's, with what to do."""
    try:
        yield
    except OSError as error:
        template = mark(
            "The run's folder {path} cannot be written ({cause}): make room on the disk, or check that the folder "
            "above it can be written."
        )
        raise RunFolderError(template, path=path, cause=error) from error


class KeptEpisodes:
    """Snapshots of kind "kept" and recordings of training episodes, gathered so that the disk is written seldom.

    A run may end a thousand episodes a second, and each file costs it about a millisecond. Of those gathered between
    two writings, what thinning would take away again is never written.
    """

    def __init__(self) -> None:
        self._snapshots: dict[int, WeightsReady] = {}
        self._recordings: dict[int, EpisodeRecorded] = {}
        self._interval = 1

    def __bool__(self) -> bool:
        return bool(self._snapshots or self._recordings)

    @property
    def is_full(self) -> bool:
        """Whether they take more memory than they should."""
        newest = next(reversed(self._snapshots.values()), None)  # all of one network, so all of one size
        return newest is not None and len(self._snapshots) * newest.nbytes > _MOST_GATHERED_BYTES

    def add(self, event: WeightsReady | EpisodeRecorded) -> None:
        """Gather one more; earlier ones that thinning takes away by now are dropped."""
        if isinstance(event, WeightsReady):
            self._snapshots[event.episode] = event
        else:
            self._recordings[event.episode] = event
        interval = thinning_interval(event.episode)
        if interval != self._interval:
            self._interval = interval
            self._snapshots = _multiples(self._snapshots, interval)
            self._recordings = _multiples(self._recordings, interval)

    def write(self, folder: Path) -> None:
        """Write all of them into a run's folder; what the disk does not take (OSError) stays here."""
        write_snapshots(folder, tuple(self._snapshots.values()))
        self._snapshots = {}
        write_recordings(folder, tuple(self._recordings.values()))
        self._recordings = {}

    def keep_newest_only(self) -> None:
        """Drop the others: a disk may stay full for days."""
        self._snapshots = dict(list(self._snapshots.items())[-1:])
        self._recordings = dict(list(self._recordings.items())[-1:])


def _multiples(kept: dict[int, Gathered], interval: int) -> dict[int, Gathered]:
    return {episode: each for episode, each in kept.items() if episode % interval == 0}


class RunLog:
    """Writes a trainer's events into a run folder; at most half a second of them is in memory only.

    ``resumed_from`` is the checkpoint that the trainer goes on from: what was logged after it is taken back, for it
    comes again.
    """

    def __init__(
        self, folder: RunFolder, resumed_from: Checkpoint | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self._clock = clock
        episodes, env_step = _position(resumed_from)
        self._episodes = _log_file(folder.path / "episodes.csv", EPISODE_COLUMNS, "episode", episodes)
        self._changes = _log_file(folder.path / "changes.csv", CHANGE_COLUMNS, "env_step", env_step)
        self._kept = KeptEpisodes()
        self._flush()

    def write(self, event: Event) -> None:
        """Keep what ``event`` says."""
        match event:
            case EpisodeEnded():
                self._episodes.write(csv_text(episode_rows([event])))
            case HyperparametersChanged():
                self._changes.write(csv_text(change_rows([event])))
                changed = {change.field: change.new for change in event.changes}
                self.folder.write_config(self.folder.config.replace(**changed))
            case WeightsReady(kind="kept") | EpisodeRecorded(kind="training"):
                self._kept.add(event)
            case WeightsReady():
                self.folder.write_snapshot(event)
            case EpisodeRecorded():
                self.folder.write_recording(event)
            case CheckpointReady():
                self._flush()
                self.folder.write_checkpoint(event)
            case RunEnded():
                summary = (
                    json_text(
                        end_summary(with_last_checkpoint(event, self.folder.checkpoints()), self.folder.config),
                        indent=2,
                    )
                    + "\n"
                )
                write_atomically(self.folder.path / "summary.json", summary.encode())
        if self._kept.is_full or self._clock() - self._flushed_at >= _FLUSH_S:
            self._flush()

    def close(self) -> None:
        """Write out everything."""
        try:
            self._flush()
        finally:
            self._episodes.close()
            self._changes.close()

    def _flush(self) -> None:
        self._episodes.flush()
        self._changes.flush()
        if self._kept:
            self.folder.write_kept(self._kept)
        self._flushed_at = self._clock()


def _position(state: Checkpoint | None) -> tuple[float, float]:
    """(finished episodes, env steps) of a checkpoint; below every one where there is none."""
    if state is None:
        return -math.inf, -math.inf
    counters = state.values["counters"]
    return counters["finished_episodes"], counters["env_step"]


def _log_file(path: Path, columns: Sequence[str], column: str, limit: float) -> TextIO:
    """The log at ``path`` with the rows whose ``column`` is at most ``limit``, open for more."""
    kept = [list(columns)]
    if math.isfinite(limit) and path.exists():
        with path.open(encoding="utf-8", newline="") as log:
            kept += [
                [row.get(name, "") for name in columns]  # earlier versions wrote fewer
                for row in csv.DictReader(log)
                if _is_whole(row) and float(row[column]) <= limit
            ]
    write_atomically(path, csv_text(kept).encode())
    return path.open("a", encoding="utf-8")


def _is_whole(row: dict[str, str]) -> bool:
    """Whether the row was written to its end: a crash may leave half a line."""
    return None not in row.values()


def end_summary(event: RunEnded, config: TrainingConfig) -> dict[str, Any]:
    """How a run ended, as JSON values, and what is special of its environment, if anything is."""
    values = config.to_dict()
    special = {name: values[name] for name in ("env_kwargs", "evaluation_env_kwargs", "reward_formula") if values[name]}
    return special | {
        "episodes": event.episodes,
        "env_steps": event.env_steps,
        "updates": event.updates,
        "wall_s": round(event.wall_time_s, 3),
        "steps_per_s": round(event.env_steps / event.wall_time_s, 1) if event.wall_time_s else 0.0,
        "best_eval": none_if_nan(event.best_eval),
        "solved": event.solved,
        "reason": str(event.reason),
        "message": event.template.format(**event.parameters),
    }
