"""Trainers whose runs go as their config and seed say, without learning anything: known curves, quickly."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason, EpisodeEnded, Event
from scripted_trainer import Mailbox, ended, episode, started


def expected_return(config: TrainingConfig, number: int) -> float:
    """Return of episode ``number``: higher with gamma, another for each seed."""
    return 100.0 * config.gamma + 10.0 * config.seed + number


def episodes_of(config: TrainingConfig) -> list[EpisodeEnded]:
    """The episodes of a run: their lengths are random, their returns rise."""
    lengths = np.random.default_rng(config.seed).integers(5, 15, config.max_episodes)
    steps = np.cumsum(lengths)
    return [
        episode(
            number,
            env_step=int(steps[number - 1]),
            wall_time_s=float(steps[number - 1]) / 1_000,
            length=int(lengths[number - 1]),
            episode_return=expected_return(config, number),
            eval_return=expected_return(config, number) if number % 5 == 0 else math.nan,
        )
        for number in range(1, config.max_episodes + 1)
    ]


def as_told(config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
    """Trains to the limit of episodes; solved where a goal was set."""
    yield started()
    episodes = episodes_of(config)
    yield from episodes
    reason = EndReason.MAX_EPISODES if config.goal_score is None else EndReason.SOLVED
    end = episodes[-1]
    evaluations = [each.eval_return for each in episodes if not math.isnan(each.eval_return)]
    yield ended(
        reason,
        len(episodes),
        env_steps=end.env_step,
        wall_time_s=end.wall_time_s,
        best_eval=max(evaluations, default=math.nan),
    )
