"""Agents learn, and a seed's run is the same on every machine: whole runs whose outcome is known to the step."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from dqn_core.events import EndReason, EpisodeEnded, RunEnded
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


def test_the_shortest_way_along_the_cliff_is_learned() -> None:
    trainer = Trainer(preset_config("CliffWalking-v1", "fast").replace(seed=200))
    (ended,) = of_kind(trainer.events(), RunEnded)
    assert (ended.reason, ended.best_eval) == (EndReason.SOLVED, -13.0)
    assert ended.env_steps < 20_000


def test_a_policy_for_the_slippery_lake_is_learned_that_hardly_another_beats() -> None:
    """Value iteration says how often the learned policy reaches the goal; the best does in 74 % of the episodes."""
    trainer = Trainer(preset_config("FrozenLake-v1", "fast").replace(seed=200))
    (ended,) = of_kind(trainer.events(), RunEnded)
    assert ended.reason is EndReason.SOLVED
    policy = trainer.state.learner.q_values(np.eye(16, dtype=np.float32)).argmax(axis=1)
    table, success = gym.make("FrozenLake-v1").unwrapped.P, np.zeros(16)  # type: ignore[attr-defined]
    for _ in range(100):
        success = np.array(
            [
                sum(p * (reward + (0.0 if over else success[after])) for p, after, reward, over in table[s][policy[s]])
                for s in range(16)
            ]
        )
    assert success[0] > 0.70
