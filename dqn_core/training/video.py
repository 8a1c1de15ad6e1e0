"""An episode as a film: MP4 or GIF, in real time, with or without what the agent thinks written on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.errors import VideoError, mark
from dqn_core.training.movie_writers import FORMATS, MovieInfo, MovieWriter, movie_writer
from dqn_core.training.overlay import with_overlay
from dqn_core.training.rollout import Rollout, render_rollout

__all__ = [
    "FilmOptions",
    "check_format",
    "film_comment",
    "film_name",
    "film_rollout",
    "not_written",
    "part_path",
    "short_number",
    "video_name",
    "write_video",
]

Picture = NDArray[np.uint8]
OnPicture = Callable[[int], object]
"""Told the number of pictures written so far, after each; what it raises breaks off, and nothing is left behind."""


@dataclass(frozen=True, kw_only=True)
class FilmOptions:
    """How an episode is filmed."""

    overlay: bool = False
    """Whether the step, the return so far and every action's Q-value are written on the pictures."""
    comment: str = ""
    """Kept in the file beside its title, which has the return."""


def film_rollout(
    config: TrainingConfig,
    rollout: Rollout,
    path: Path,
    options: FilmOptions | None = None,
    on_picture: OnPicture | None = None,
) -> None:
    """Film the T + 1 states of ``rollout`` into ``path``, whose name ends in .mp4 or .gif, at the environment's pace.

    Raises
    ------
    VideoError
        The environment draws no pictures, the format is unknown, nothing here can encode it, or the disk refuses.
    RolloutError, UnsupportedEnvironmentError
        As :func:`~dqn_core.training.rollout.render_rollout` does.
    """
    check_format(path)
    environment = inspect_environment(config.env_id, config.max_episode_steps)
    if not environment.has_pictures:
        raise VideoError(mark("{env_id} draws no pictures: there is nothing to film."), env_id=config.env_id)
    pictures: Iterable[Picture] = render_rollout(config, rollout)
    options = options or FilmOptions()
    if options.overlay:
        pictures = with_overlay(pictures, rollout, environment.action_names)
    title = f"{config.env_id}, seed {rollout.seed}, return {short_number(rollout.episode_return)}"
    info = MovieInfo(frames_per_s=environment.frames_per_s, title=title, comment=options.comment)
    write_video(path, pictures, info, on_picture)


def write_video(path: Path, pictures: Iterable[Picture], info: MovieInfo, on_picture: OnPicture | None = None) -> None:
    """Write pictures [height, width, 3], all of one size, as they come; ``path`` is there when all are, or not at all.

    An MP4's sides are even: the last row or column of an odd picture is doubled.
    """
    kind, part = check_format(path), part_path(path)
    with _writing(path, part):
        writer: MovieWriter | None = None
        try:
            for count, each in enumerate(pictures, start=1):
                picture = _even(each) if kind == ".mp4" else each
                if writer is None:
                    size = picture.shape[1], picture.shape[0]
                    writer = movie_writer(part, kind, size, info)
                writer.write(picture)
                if on_picture is not None:
                    on_picture(count)
            if writer is None:
                raise VideoError(mark("There are no pictures to film."))
            writer.finish()
        finally:
            if writer is not None:
                writer.stop()
        part.replace(path)


def part_path(path: Path) -> Path:
    """Where a film lies until it is whole: beside its place, hidden."""
    return path.with_name(f".{path.name}.part")


def check_format(path: Path) -> str:
    """The format by the name's ending; raises :class:`VideoError` for one that is not known."""
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise VideoError(mark("A film's name ends in .mp4 or .gif; {name} does not."), name=path.name)
    return kind


def film_comment(rollout: Rollout, *, run: str, weights: str) -> str:
    """Where the episode comes from, for the file itself."""
    policy = f"epsilon {rollout.epsilon:g}" if rollout.epsilon else "greedy"
    return f"run {run}, {weights} weights, {policy}, {rollout.length} steps"


def video_name(config: TrainingConfig, rollout: Rollout, kind: str) -> str:
    """A file's name with the return in it: ``CartPole-v1-seed1-return500.mp4``."""
    return film_name(config, f"seed{rollout.seed}", rollout.episode_return, kind)


def film_name(config: TrainingConfig, which: str, episode_return: float, kind: str) -> str:
    """A file's name that says which episode it shows."""
    environment = re.sub(r"[^\w.-]+", "-", config.env_id)
    return f"{environment}-{which}-return{short_number(episode_return)}{kind}"


def short_number(value: float) -> str:
    """``value`` for a file's name: at most two decimals, and none that is 0."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def not_written(path: Path, error: OSError) -> VideoError:
    """What the disk refused, as an error to show."""
    template = mark("The film could not be written to {path} ({cause}): make room, or choose another place.")
    return VideoError(template, path=path, cause=error)


@contextmanager
def _writing(path: Path, part: Path) -> Iterator[None]:
    """Whatever happens, no part is left."""
    try:
        yield
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _even(picture: Picture) -> Picture:
    """``picture`` with even sides."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
