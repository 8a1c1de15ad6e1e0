"""A film of a recorded episode, with its number, step and return written on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.errors import VideoError, mark
from dqn_core.events import EpisodeRecorded
from dqn_core.training.movie_writers import MovieInfo
from dqn_core.training.overlay import step_facts, with_facts
from dqn_core.training.recorded_pictures import draw_recording
from dqn_core.training.recordings import recording_name
from dqn_core.training.video import OnPicture, film_name, short_number, write_video

__all__ = ["film_recording", "recording_film_name"]


def film_recording(
    config: TrainingConfig, recording: EpisodeRecorded, path: Path, on_picture: OnPicture | None = None
) -> None:
    """Film a recording's T + 1 states into ``path``, as :func:`~dqn_core.training.video.film_rollout` does an agent's.

    Raises
    ------
    VideoError
        The environment draws no pictures, the format is unknown, nothing here can encode it, or the disk refuses.
    RolloutError, UnsupportedEnvironmentError
        As :func:`~dqn_core.training.recorded_pictures.draw_recording` does.
    """
    environment = inspect_environment(config.env_id, config.max_episode_steps)
    if not environment.has_pictures:
        raise VideoError(mark("{env_id} draws no pictures: there is nothing to film."), env_id=config.env_id)
    title = f"{config.env_id}, episode {recording.episode}, return {short_number(recording.episode_return)}"
    policy = "greedy, of a new best evaluation" if recording.kind == "best" else "as it was trained on"
    info = MovieInfo(frames_per_s=environment.frames_per_s, title=title, comment=policy)
    write_video(path, _pictures(config, recording), info, on_picture)


def recording_film_name(config: TrainingConfig, recording: EpisodeRecorded, kind: str) -> str:
    """A file's name with the return in it: ``CartPole-v1-episode-00000012-return37.mp4``."""
    return film_name(config, recording_name(recording), recording.episode_return, kind)


def _pictures(config: TrainingConfig, recording: EpisodeRecorded) -> Iterator[NDArray[np.uint8]]:
    heading = f"Episode {recording.episode:,}"
    if recording.kind == "best":
        heading = f"Evaluation after episode {recording.episode:,}"
    for step, (picture, episode_return) in enumerate(draw_recording(config, recording)):
        yield with_facts(picture, [heading, *step_facts(step, episode_return)])
