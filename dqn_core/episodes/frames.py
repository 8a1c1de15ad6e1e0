"""Pictures of an episode's states, drawn while it is replayed: nothing of a picture is kept before somebody asks."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.environments.make import make_environment
from dqn_core.episodes.episode import RecordedEpisode, replay
from dqn_core.errors import RolloutError, mark

__all__ = ["MOST_VIDEO_STEPS", "EpisodeFrame", "draw_episode", "episode_picture"]

MOST_VIDEO_STEPS = 20_000
"""Pictures of a video, over ten minutes at 30 a second."""


class EpisodeFrame(NamedTuple):
    """One state of an episode."""

    step: int
    """Env steps before it."""
    episode_return: float
    """Sum of their rewards."""
    pixels: NDArray[np.uint8]
    """[height, width, 3]"""


def draw_episode(
    config: TrainingConfig, recorded: RecordedEpisode, most_steps: int | None = None
) -> Generator[EpisodeFrame, None, None]:
    """The T + 1 states of an episode of a run with ``config``, those after ``most_steps`` left out.

    Gives none where the environment draws no pictures.

    Raises
    ------
    RolloutError
        The environment did not repeat the episode.
    UnsupportedEnvironmentError
        The environment is not installed here.
    """
    environment = make_environment(config.env_id, config.max_episode_steps)
    try:
        if environment.can_draw:
            environment.set_decorated(on=True)  # engines show their flames; the motion is the same, and checked
            for episode in replay(environment, recorded, config.env_id, most_steps):
                yield EpisodeFrame(episode.length, episode.episode_return, environment.draw())
    finally:
        environment.close()


def episode_picture(config: TrainingConfig, recorded: RecordedEpisode, share: float = 0.6) -> NDArray[np.uint8]:
    """The state [height, width, 3] after that ``share`` of the episode's steps, :data:`MOST_VIDEO_STEPS` at most.

    Raises
    ------
    RolloutError
        The environment draws no pictures, or does not repeat the episode.
    UnsupportedEnvironmentError
        The environment is not installed here.
    """
    environment = make_environment(config.env_id, config.max_episode_steps)
    try:
        if not environment.can_draw:
            raise RolloutError(mark("{env_id} draws no pictures."), env_id=config.env_id)
        steps = min(MOST_VIDEO_STEPS, round(share * len(recorded.actions)))
        next(itertools.islice(replay(environment, recorded, config.env_id), steps, None))
        return environment.draw()
    finally:
        environment.close()
