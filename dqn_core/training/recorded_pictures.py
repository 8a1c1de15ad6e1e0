"""A recorded episode, played and drawn again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.environments.make import (
    action_range,
    can_draw,
    close_environment,
    make_environment,
    render_pixels,
    set_decorated,
)
from dqn_core.errors import RolloutError, mark
from dqn_core.events import EpisodeRecorded
from dqn_core.training.budget import MOST_FILM_STEPS
from dqn_core.training.running_episode import RunningEpisode

__all__ = ["draw_recording", "recording_picture"]


def draw_recording(config: TrainingConfig, recording: EpisodeRecorded) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """(picture [height, width, 3], return so far) of each of a recording's T + 1 states, while it is played again.

    A recording of more than :data:`~dqn_core.training.budget.MOST_FILM_STEPS` steps is drawn up to there. Gives none
    where the environment draws no pictures.

    Raises
    ------
    RolloutError
        The environment did not repeat the episode: its return is another.
    UnsupportedEnvironmentError
        The environment is not installed here.
    """
    environment = make_environment(config.env_id, config.max_episode_steps)
    try:
        if can_draw(environment):
            set_decorated(environment, on=True)
            episode = _begun_again(environment, config, recording)
            yield render_pixels(environment), 0.0
            for action in recording.actions[:MOST_FILM_STEPS]:
                _step(environment, episode, action)
                yield render_pixels(environment), episode.episode_return
            is_whole = len(episode.actions) == len(recording.actions)
            if is_whole and episode.episode_return != recording.episode_return:
                raise _not_repeated(config, recording)
    finally:
        close_environment(environment)


def recording_picture(config: TrainingConfig, recording: EpisodeRecorded, share: float = 0.6) -> NDArray[np.uint8]:
    """The state [height, width, 3] after that ``share`` of the episode's steps; raises as :func:`draw_recording`.

    Raises
    ------
    RolloutError
        The environment draws no pictures.
    """
    environment = make_environment(config.env_id, config.max_episode_steps)
    try:
        if not can_draw(environment):
            raise RolloutError(mark("{env_id} draws no pictures."), env_id=config.env_id)
        episode = _begun_again(environment, config, recording)
        for action in recording.actions[: min(MOST_FILM_STEPS, round(share * len(recording.actions)))]:
            _step(environment, episode, action)
        return render_pixels(environment)
    finally:
        close_environment(environment)


def _begun_again(
    environment: gym.Env[np.ndarray, Any], config: TrainingConfig, recording: EpisodeRecorded
) -> RunningEpisode:
    try:
        return RunningEpisode(environment, recording.seed, recording.generator)
    except (TypeError, ValueError, KeyError) as error:  # a generator's state that is none
        raise _not_repeated(config, recording) from error


def _step(environment: gym.Env[np.ndarray, Any], episode: RunningEpisode, action: int) -> None:
    """Take one step, as the trainer and the evaluator do."""
    first_action, _ = action_range(environment)
    _, reward, *_ = environment.step(first_action + action)
    episode.actions.append(action)
    episode.episode_return += float(reward)


def _not_repeated(config: TrainingConfig, recording: EpisodeRecorded) -> RolloutError:
    template = mark("{env_id} did not repeat episode {episode}: it cannot be drawn afterwards.")
    return RolloutError(template, env_id=config.env_id, episode=recording.episode)
