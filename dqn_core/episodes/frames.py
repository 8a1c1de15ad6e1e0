"""Pictures of an episode's states, drawn while it is replayed: nothing of a picture is kept before somebody asks."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.environments.door import CheckedEnvironment
from dqn_core.environments.make import make_environment
from dqn_core.episodes.episode import RecordedEpisode, Rollout, environment_of, replay
from dqn_core.errors import EnvironmentFailedError, RolloutError

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

    Where the environment does not repeat a rollout, or fails, what is left is drawn as the rollout's own numbers.

    Raises
    ------
    RolloutError
        The environment did not repeat a recorded episode, of which its actions alone are known.
    UnsupportedEnvironmentError
        The environment is not installed here, or fails.
    """
    environment = make_environment(*environment_of(recorded, config))
    try:
        environment.set_decorated(on=True)  # engines show their flames; the motion is the same, and checked
        step = -1
        try:
            for episode in replay(environment, recorded, config.env_id, most_steps):
                step = episode.length
                yield EpisodeFrame(step, episode.episode_return, environment.draw())
        except (RolloutError, EnvironmentFailedError) as error:
            if not isinstance(recorded, Rollout):
                raise
            last = recorded.length if most_steps is None else min(most_steps, recorded.length)
            yield from _numbers_of(recorded, environment, range(step + 1, last + 1), str(error))
    finally:
        environment.close()


def _numbers_of(
    rollout: Rollout, environment: CheckedEnvironment, steps: Iterable[int], reason: str
) -> Iterator[EpisodeFrame]:
    returns = list(itertools.accumulate(rollout.rewards.tolist(), initial=0.0))
    for step in steps:
        yield EpisodeFrame(step, returns[step], environment.draw_numbers(rollout.observations[step], reason))


def episode_picture(config: TrainingConfig, recorded: RecordedEpisode, share: float = 0.6) -> NDArray[np.uint8]:
    """The state [height, width, 3] after that ``share`` of the episode's steps, :data:`MOST_VIDEO_STEPS` at most.

    Raises
    ------
    RolloutError
        The environment does not repeat the episode.
    UnsupportedEnvironmentError
        The environment is not installed here, or fails.
    """
    environment = make_environment(*environment_of(recorded, config))
    try:
        steps = min(MOST_VIDEO_STEPS, round(share * len(recorded.actions)))
        next(itertools.islice(replay(environment, recorded, config.env_id), steps, None))
        return environment.draw()
    finally:
        environment.close()
