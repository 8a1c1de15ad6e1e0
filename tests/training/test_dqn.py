"""The loop by itself: what the driver around it adds changes nothing of what is learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

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
        for environment in state.environments:
            environment.close()


def begun(config: TrainingConfig, made: list[TrainingState]) -> TrainingState:
    state = TrainingState(config)
    state.initialize([make_environment(*config.environment) for _ in range(config.parallel_environments)])
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


@pytest.mark.parametrize("environments", [1, 3])
@pytest.mark.parametrize("point", list(Point))
def test_a_state_saved_at_any_point_goes_on_to_the_same_end(
    point: Point, environments: int, made: list[TrainingState]
) -> None:
    config = short_config(
        gradient_steps=3,
        update_every=4,
        target_update="steps",
        target_update_every=4,
        n_step=environments,
        parallel_environments=environments,
    )
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


def test_parallel_environments_take_turns_and_a_round_is_chosen_at_once(made: list[TrainingState]) -> None:
    config = short_config(
        env_id=fake.CORRIDOR,
        parallel_environments=3,
        warmup_steps=7,
        batch_size=4,
        max_episodes=9,
        max_episode_steps=4,
        update_every=2,
    )
    state = begun(config, made)
    turns, chosen_before_round = [], []
    for point in train(state):
        if point is Point.BEFORE_STEP and not state.is_warming_up:
            turns.append(state.turn)
            if state.turn == 0:
                chosen_before_round.append([each is not None and each.pending is not None for each in state.episodes])
    assert turns == [step % 3 for step in range(len(turns))]
    assert all(all(each) for each in chosen_before_round)
    assert state.finished_episodes == 9
    assert state.env_step == 7 + len(turns)
    assert state.updates == sum(step % 2 == 0 for step in range(8, state.env_step + 1))


def test_parallel_environments_start_differently_and_the_first_as_if_it_were_alone(made: list[TrainingState]) -> None:
    alone = begun(short_config(warmup_steps=0), made)
    together = begun(short_config(warmup_steps=0, parallel_environments=4), made)
    for state in (alone, together):
        next(point for point in train(state) if point is Point.BEFORE_STEP)
    starts = [each.observation.tolist() for each in together.episodes if each is not None]
    assert alone.running is not None
    assert starts[0] == alone.running.observation.tolist()
    assert len({tuple(each) for each in starts}) == 4


@pytest.mark.parametrize("variant", [{}, {"noisy_nets": True}, {"normalize_observations": True}, {"compute": "fused"}])
def test_a_round_of_random_actions_asks_no_network_and_its_run_is_the_same(
    variant: dict[str, Any], made: list[TrainingState], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = short_config(
        parallel_environments=3, max_episodes=9, epsilon_schedule="linear_steps", epsilon_decay_steps=100, **variant
    )
    sparing, lavish, asked, rounds = begun(config, made), begun(config, made), [], []
    explore_each = sparing.learner.explore_each

    def seen(observations: NDArray[np.float32]) -> NDArray[np.int64]:
        asked.append(sparing.env_step)
        return explore_each(observations)

    monkeypatch.setattr(sparing.learner, "explore_each", seen)
    for point in train(sparing):
        if point is Point.BEFORE_STEP and sparing.turn == 0:
            chosen = [each.pending for each in sparing.episodes if each is not None and each.pending is not None]
            rounds.append((sparing.env_step, any(is_greedy for _action, is_greedy in chosen)))
    assert asked == [step for step, has_greedy in rounds if has_greedy]
    assert len(asked) < len(rounds) or config.noisy_nets
    for point in train(lavish):
        if point is Point.BEFORE_STEP and not config.noisy_nets:
            lavish.learner.explore_each(np.zeros((3, 4), np.float32))
    assert sparing.values() == lavish.values()
    for name, array in sparing.arrays().items():
        np.testing.assert_array_equal(array, lavish.arrays()[name])


@pytest.mark.parametrize("variant", [{}, {"noisy_nets": True}, {"normalize_observations": True}, {"compute": "fused"}])
def test_one_seed_is_one_run_in_parallel_environments_too(variant: dict[str, Any], made: list[TrainingState]) -> None:
    config = short_config(parallel_environments=5, max_episodes=12, epsilon_schedule="linear_steps", **variant)
    first, second = begun(config, made), begun(config, made)
    for state in (first, second):
        for _ in train(state):
            pass
    assert first.values() == second.values()
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name])
