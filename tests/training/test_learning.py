"""Agents learn: bounded runs whose outcome would show a silent mistake in the algorithm."""

from __future__ import annotations

import pytest

from dqn_core.events import EpisodeEnded
from dqn_core.presets import preset_config
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind

BUDGET = 40_000
"""Env steps; the slowest of the seeds that this preset was chosen on took 31,649 to 500."""


@pytest.mark.parametrize("seed", [200, 201, 202])
def test_cartpole_is_learned_within_a_bounded_number_of_steps(seed: int) -> None:
    config = preset_config("CartPole-v1", "fast").replace(
        seed=seed, compute="fused", max_env_steps=BUDGET, goal_score=400.0
    )
    trainer = Trainer(config)
    evaluations = [event.eval_return for event in of_kind(trainer.events(), EpisodeEnded)]
    assert evaluations[-1] > 400, (
        f"the best of {config.evaluation_episodes} episodes' means: {trainer.keeper.best_eval}"
    )
    assert trainer.env_step < BUDGET
