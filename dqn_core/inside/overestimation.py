"""Overestimation: the return that an agent predicts at an episode's start, beside the one that it gets.

``max_a Q(s_0, a)`` estimates the discounted return from s_0 on. Since the target takes the maximum of estimates, errors
upwards win, and DQN tends to overestimate (Thrun & Schwartz 1993; van Hasselt et al. 2016, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.episodes.episode import roll_out
from dqn_core.inside.agent import Agent

__all__ = ["ValueEstimate", "td_errors", "value_estimates"]


@dataclass(frozen=True, kw_only=True)
class ValueEstimate:
    """One greedy episode: what was predicted at its start, and what came of it."""

    episode: int
    """Of training, when the agent was as it is here."""
    env_step: int
    seed: int
    predicted: float
    """max_a Q(s_0, a)"""
    got: float
    """Discounted return from s_0 on."""
    episode_return: float
    """Undiscounted."""
    length: int
    truncated: bool
    """Cut off at the step limit: what would have come after it is not in ``got``."""


def value_estimates(agents: Sequence[Agent], seeds: Sequence[int]) -> Iterator[ValueEstimate]:
    """Play a greedy episode of every agent on every seed, one after the other."""
    for agent in agents:
        for seed in seeds:
            rollout = roll_out(agent.config, agent.group("online"), seed)
            yield ValueEstimate(
                episode=agent.episode,
                env_step=agent.env_step,
                seed=seed,
                predicted=float(rollout.q_values[0].max()),
                got=float(rollout.discounted_returns(agent.config.gamma)[0]),
                episode_return=rollout.episode_return,
                length=rollout.length,
                truncated=rollout.truncated,
            )


def td_errors(agents: Sequence[Agent], replay: ReplayBuffer, indices: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """TD errors [B] of each agent on the same rows ``indices`` [B] of one memory."""
    return [agent.learner().terms(replay, indices).td_errors for agent in agents]
