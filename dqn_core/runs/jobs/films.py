"""Films of a run's episodes, kept in its folder up to a bound.

DIR/films/
└── 3f9a.../CartPole-v1-seed1-return500.mp4      one folder for each way of filming each episode
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.events import EpisodeRecorded
from dqn_core.training.recorded_film import film_recording, recording_film_name
from dqn_core.training.rollout import Rollout
from dqn_core.training.video import FilmOptions, film_rollout, not_written, video_name

__all__ = [
    "MOST_FILM_BYTES",
    "RecordingFilm",
    "RolloutFilm",
    "film_bytes",
    "film_folder",
    "film_path",
    "finished_film",
    "keep_film",
]

MOST_FILM_BYTES = 64_000_000
"""Of one run's films; beyond it those that were made first go."""

_FOLDER = "films"
_KEY = re.compile(r"[0-9a-f]{16}", re.ASCII)
_NAME = re.compile(r"[\w.-]+\.(mp4|gif)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class RolloutFilm:
    """The task of filming an agent's episode."""

    config: TrainingConfig
    rollout: Rollout
    options: FilmOptions
    kind: str
    """``.mp4`` or ``.gif``."""
    folder: Path

    def run(self, report: Callable[[float], object]) -> Path:
        """The film."""
        path = _made(self.folder) / video_name(self.config, self.rollout, self.kind)
        pictures = self.rollout.length + 1
        film_rollout(self.config, self.rollout, path, self.options, lambda count: report(count / pictures))
        return path

    def clear(self) -> None:
        """Remove what there is of the film."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class RecordingFilm:
    """The task of filming a recorded episode."""

    config: TrainingConfig
    recording: EpisodeRecorded
    kind: str
    """``.mp4`` or ``.gif``."""
    folder: Path

    def run(self, report: Callable[[float], object]) -> Path:
        """The film."""
        path = _made(self.folder) / recording_film_name(self.config, self.recording, self.kind)
        pictures = len(self.recording.actions) + 1
        film_recording(self.config, self.recording, path, lambda count: report(count / pictures))
        return path

    def clear(self) -> None:
        """Remove what there is of the film."""
        shutil.rmtree(self.folder, ignore_errors=True)


def film_folder(run_folder: Path, *how: Any) -> Path:
    """Where the film lies that is described by ``how``, plain values: the same for the same."""
    return run_folder / _FOLDER / hashlib.sha256(repr(how).encode()).hexdigest()[:16]


def finished_film(folder: Path) -> Path | None:
    """The film in its :func:`film_folder`; None where it is not made yet."""
    return next((path for path in _paths(folder) if _NAME.fullmatch(path.name)), None)


def film_path(run_folder: Path, key: str, name: str) -> Path | None:
    """The film ``name`` in the film folder called ``key``; None where there is none, or these are no names of such."""
    if not (_KEY.fullmatch(key) and _NAME.fullmatch(name)):
        return None
    path = run_folder / _FOLDER / key / name
    return path if path.is_file() else None


def keep_film(path: Path, limit: int = MOST_FILM_BYTES) -> Path:
    """Keep a film that was just made, and remove the run's oldest ones beyond ``limit`` bytes; returns its path."""
    own = path.parent
    others = [each for each in _paths(own.parent) if each != own]
    for folder in [each for each in others if finished_film(each) is None]:  # which a crash has left
        shutil.rmtree(folder, ignore_errors=True)
    excess = film_bytes(own.parent.parent) - limit
    for folder in sorted(others, key=_made_at):
        if excess > 0:
            excess -= _size(folder)
            shutil.rmtree(folder, ignore_errors=True)
    return path


def film_bytes(run_folder: Path) -> int:
    """Bytes that a run's films take."""
    return sum(_size(folder) for folder in _paths(run_folder / _FOLDER))


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error
    return folder


def _paths(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # it is not there, or no folder
        return []


def _size(folder: Path) -> int:
    return sum(_stat(path)[0] for path in _paths(folder))


def _made_at(folder: Path) -> float:
    return _stat(folder)[1]


def _stat(path: Path) -> tuple[int, float]:
    """(bytes, time of the last change); zeros for what has just been removed."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0.0
    return found.st_size, found.st_mtime
