"""Agents learn, and a seed's run is the same on every machine: whole runs whose outcome is known to the step."""

from __future__ import annotations

import pytest

from dqn_core.events import EpisodeEnded
from dqn_core.presets import preset_config
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind

GOAL = 400.0


@pytest.mark.parametrize(("seed", "episodes", "env_steps"), [(200, 110, 13_089), (201, 70, 6_244), (202, 90, 9_969)])
def test_cartpole_is_learned_in_as_many_steps_as_ever(seed: int, episodes: int, env_steps: int) -> None:
    """Another run means another algorithm, other sums or other randomness; ``make results`` says what that brings."""
    config = preset_config("CartPole-v1", "fast").replace(
        seed=seed, compute="fused", max_env_steps=40_000, goal_score=GOAL
    )
    trainer = Trainer(config)
    evaluations = [event.eval_return for event in of_kind(trainer.events(), EpisodeEnded)]
    assert evaluations[-1] > GOAL
    assert (trainer.state.finished_episodes, trainer.state.env_step) == (episodes, env_steps)
