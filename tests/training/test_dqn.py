"""The loop by itself: what the driver around it adds changes nothing of what is learned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import fake_environments as fake
from dqn_core.algorithm.dqn import Point, train
from dqn_core.algorithm.training_state import TrainingState
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import make_environment
from dqn_core.events import EpisodeEnded
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind, short_config


@pytest.fixture
def made() -> Iterator[list[TrainingState]]:
    """States whose environments are closed at the end."""
    states: list[TrainingState] = []
    yield states
    for state in states:
        state.environment.close()


def begun(config: TrainingConfig, made: list[TrainingState]) -> TrainingState:
    state = TrainingState(config)
    state.initialize(make_environment(*config.environment))
    made.append(state)
    return state


def test_the_bare_loop_learns_what_a_run_learns(made: list[TrainingState]) -> None:
    """Evaluations, recordings, snapshots and checkpoints change nothing of it."""
    config = short_config(evaluate_every=2, epsilon_schedule="linear_steps", n_step=2)
    trainer = Trainer(config)
    episodes = of_kind(trainer.events(), EpisodeEnded)
    state, ended = begun(config, made), []
    for point in train(state):
        if point is Point.EPISODE_ENDED:
            assert state.running is not None
            ended.append((state.episode, state.env_step, state.running.episode_return, state.epsilon))
    assert ended == [(each.episode, each.env_step, each.episode_return, each.epsilon) for each in episodes]
    for name, array in trainer.state.learner.state_dict().items():
        if name != "statistics":  # the driver has taken them
            np.testing.assert_array_equal(array, state.learner.state_dict()[name])


def test_the_points_of_an_episode_come_in_their_order(made: list[TrainingState]) -> None:
    config = short_config(
        env_id=fake.CORRIDOR, warmup_steps=0, batch_size=2, gradient_steps=2, max_episodes=1, max_episode_steps=3
    )
    points = [point.name for point in train(begun(config, made))]
    step, updates = ["BEFORE_STEP"], ["UPDATED", "UPDATED"]
    assert points == ["WARMED_UP", *step, *step, *updates, *step, *updates, "EPISODE_ENDED", "BETWEEN_EPISODES"]


@pytest.mark.parametrize("point", list(Point))
def test_a_state_saved_at_any_point_goes_on_to_the_same_end(point: Point, made: list[TrainingState]) -> None:
    config = short_config(gradient_steps=3, update_every=4, target_update="steps", target_update_every=4)
    whole, second = begun(config, made), begun(config, made)
    for each in train(whole):
        if each is point and whole.episode < 4 and (point is not Point.UPDATED or whole.updates_left):
            arrays, values, is_warming_up = whole.arrays(), whole.values(), whole.is_warming_up
    assert second.restore(arrays, values, is_warming_up=is_warming_up)
    for _ in train(second):
        pass
    assert second.values() == whole.values()
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name])
