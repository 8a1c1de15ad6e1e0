from __future__ import annotations

import numpy as np
import pytest

import fake_environments as fake
from dqn_core.inside.agent import Agent
from dqn_core.inside.overestimation import td_errors, value_estimates
from inside_checkpoints import trained_checkpoint

fake.register()


def constant_agent(q: tuple[float, float], gamma: float = 0.5) -> Agent:
    """Answers ``q`` to every observation of the corridor."""
    checkpoint = trained_checkpoint(env_id=fake.CORRIDOR, hidden_sizes=())
    state = {name: np.zeros_like(array) for name, array in checkpoint.agent.state.items()}
    state["online.layers.0.bias"] = np.float32(q)
    return Agent.of(checkpoint.agent.config.replace(gamma=gamma), state, episode=4, env_step=77)


def test_the_predicted_return_stands_beside_the_actual_one() -> None:
    goes, stays = constant_agent((1.0, 3.0)), constant_agent((2.0, 1.0))
    found = list(value_estimates([goes, stays], seeds=(10, 11)))
    assert [(each.seed, each.predicted, each.length) for each in found] == [
        (10, 3.0, 5),
        (11, 3.0, 5),
        (10, 2.0, 20),
        (11, 2.0, 20),
    ]
    assert [each.got for each in found] == pytest.approx([1.9375, 1.9375, 0, 0])  # 1 + 1/2 + 1/4 + 1/8 + 1/16
    assert [each.episode_return for each in found] == [5, 5, 0, 0]
    assert [each.truncated for each in found] == [False, False, True, True]
    assert {(each.episode, each.env_step) for each in found} == {(4, 77)}


def test_td_errors_are_the_learners_own() -> None:
    checkpoint = trained_checkpoint(compute="fused")
    drawn = checkpoint.draw(seed=1, batch_size=20)
    (errors,) = td_errors([checkpoint.agent], checkpoint.replay, drawn.indices)
    assert np.array_equal(errors, checkpoint.explain(drawn).terms.td_errors)
