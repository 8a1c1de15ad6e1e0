"""Videos of a run's episodes, kept in its folder up to a bound.

DIR/films/
└── 3f9a.../CartPole-v1-seed1-return500.mp4      one folder for each video, by the name that earlier versions
                                                gave it
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import RecordedEpisode
from dqn_core.episodes.video import VideoOptions, not_written, video_name, write_episode_video
from dqn_core.files import write_atomically

__all__ = [
    "MOST_VIDEO_BYTES",
    "VideoTask",
    "finished_video",
    "keep_video",
    "video_bytes",
    "video_folder",
    "video_path",
]

MOST_VIDEO_BYTES = 64_000_000
"""Of one run's videos; beyond it those that were made first go."""

_FOLDER = "films"
_KEY = re.compile(r"[0-9a-f]{16}", re.ASCII)
_NAME = re.compile(r"[\w.-]+\.(mp4|gif)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class VideoTask:
    """The task of writing an episode as a video."""

    config: TrainingConfig
    episode: RecordedEpisode
    options: VideoOptions
    kind: str
    """``.mp4`` or ``.gif``."""
    folder: Path

    def run(self, report: Callable[[float], object]) -> Path:
        """The video."""
        beside = self.options.beside.episode if self.options.beside else None
        path = _made(self.folder) / video_name(self.config, self.episode, self.kind, beside)
        pictures = max(len(each.actions) for each in (self.episode, beside) if each is not None) + 1
        write_episode_video(self.config, self.episode, path, self.options, lambda count: report(count / pictures))
        return path

    def clear(self) -> None:
        """Remove what there is of the video."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def elsewhere(self) -> SentVideoTask:
        """The video as a name and bytes."""
        return SentVideoTask(self)

    def received(self, result: tuple[str, bytes]) -> Path:
        """Write the video that another machine has made. Raises VideoError where the disk refuses."""
        name, content = result
        path = _made(self.folder) / name
        try:
            write_atomically(path, content)
        except OSError as error:
            raise not_written(path, error) from error
        return path


@dataclass(frozen=True)
class SentVideoTask:
    """The task of writing a video on a machine that does not have the run's folder."""

    task: VideoTask

    def run(self, report: Callable[[float], object]) -> tuple[str, bytes]:
        """(The video's name, its content)."""
        with tempfile.TemporaryDirectory(prefix="dqn-lab-video-") as folder:
            path = replace(self.task, folder=Path(folder)).run(report)
            return path.name, path.read_bytes()

    def clear(self) -> None:
        """Nothing is left here."""


def video_folder(run_folder: Path, *how: Any) -> Path:
    """Where the video lies that is described by ``how``, plain values: the same for the same."""
    return run_folder / _FOLDER / hashlib.sha256(repr(how).encode()).hexdigest()[:16]


def finished_video(folder: Path) -> Path | None:
    """The video in its :func:`video_folder`; None where it is not made yet."""
    return next((path for path in _paths(folder) if _NAME.fullmatch(path.name)), None)


def video_path(run_folder: Path, key: str, name: str) -> Path | None:
    """The video ``name`` in the folder ``key``; None where there is none, or these are no names of such."""
    if not (_KEY.fullmatch(key) and _NAME.fullmatch(name)):
        return None
    path = run_folder / _FOLDER / key / name
    return path if path.is_file() else None


def keep_video(path: Path, limit: int = MOST_VIDEO_BYTES) -> Path:
    """Keep a video that was just made, and remove the run's oldest ones beyond ``limit`` bytes; returns its path."""
    own = path.parent
    others = [each for each in _paths(own.parent) if each != own]
    for folder in [each for each in others if finished_video(each) is None]:  # which a crash has left
        shutil.rmtree(folder, ignore_errors=True)
    excess = video_bytes(own.parent.parent) - limit
    for folder in sorted(others, key=_made_at):
        if excess > 0:
            excess -= _size(folder)
            shutil.rmtree(folder, ignore_errors=True)
    return path


def video_bytes(run_folder: Path) -> int:
    """Bytes that a run's videos take."""
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
