"""How the share of random actions, epsilon, fades: pure functions of how far the run is."""

from __future__ import annotations

import math

from dqn_core.config import TrainingConfig

__all__ = ["episode_exponential", "epsilon_at", "linear_steps"]


def episode_exponential(episode: int, max_episodes: int, start: float, end: float, rate: float) -> float:
    """``end + (start - end) exp(-rate k / max_episodes)`` with k = ``episode`` episodes of decay, from 0."""
    return end + (start - end) * math.exp(-rate * episode / max_episodes)


def linear_steps(env_step: int, start: float, end: float, decay_steps: int) -> float:
    """On a line from ``start`` at env step 0 to ``end`` at ``decay_steps``, then ``end``."""
    share = min(1.0, env_step / decay_steps)
    return start + (end - start) * share


def epsilon_at(config: TrainingConfig, episode: int, env_step: int) -> float:
    """Epsilon after ``episode`` finished episodes and ``env_step`` env steps since the warm-up; 0 for NoisyNets."""
    if config.noisy_nets:
        return 0.0
    if config.epsilon_schedule == "linear_steps":
        return linear_steps(env_step, config.epsilon_start, config.epsilon_end, config.epsilon_decay_steps)
    decayed = max(0, episode - config.epsilon_decay_start)
    return episode_exponential(
        decayed, config.max_episodes, config.epsilon_start, config.epsilon_end, config.epsilon_decay_rate
    )
