from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import fake_environments as fake
from dqn_core.environments.make import inspect_environment
from dqn_core.episodes.episode import Rollout, policy_with, roll_out
from dqn_core.episodes.frames import draw_episode
from dqn_core.errors import RolloutError, RunFolderError, UnsupportedEnvironmentError
from dqn_core.training.evaluation import evaluate
from policies import always, some_weights
from trainer_runs import short_config

LABS = ("CartPole-v1", "LunarLander-v3")


@pytest.mark.parametrize("env_id", LABS)
def test_the_return_is_what_evaluation_gives_for_the_seed(env_id: str) -> None:
    config = short_config(env_id=env_id, max_episode_steps=200)
    weights = some_weights(config)
    evaluated = evaluate(policy_with(config, weights), env_id, episodes=4, seed=10, max_episode_steps=200)
    played = [roll_out(config, weights, seed) for seed in range(10, 14)]
    assert [each.episode_return for each in played] == list(evaluated.returns)
    assert [each.length for each in played] == list(evaluated.lengths)
    assert len({each.episode_return for each in played}) > 1


def test_rewards_are_added_in_their_order_whatever_python_adds_them() -> None:
    """``sum`` of floats carries its rounding along from Python 3.12 on, which nothing that counts step by step does."""
    rollout = roll_out(short_config(), some_weights(short_config()), seed=1)
    rewards = np.array([1e16, 1.0, -1e16])
    assert replace(rollout, rewards=rewards).episode_return == 0.0


@pytest.mark.parametrize("env_id", [fake.CORRIDOR, fake.IN_PLACE])
def test_a_corridor_is_walked_as_worked_out_by_hand(env_id: str) -> None:
    config = short_config(env_id=env_id, gamma=0.5)
    rollout = roll_out(config, always(1, config), seed=0)
    assert rollout.observations.tolist() == [[i, 5 - i] for i in range(6)]
    assert rollout.actions.tolist() == [1] * 5
    assert rollout.rewards.tolist() == [1.0] * 5
    assert rollout.q_values.tolist() == [[0.0, 1.0]] * 5
    assert rollout.is_greedy.all()
    assert (rollout.length, rollout.episode_return) == (5, 5.0)
    assert (rollout.terminated, rollout.truncated) == (True, False)
    assert rollout.discounted_returns(0.5).tolist() == [1.9375, 1.875, 1.75, 1.5, 1.0]
    assert rollout.discounted_returns(1.0).tolist() == [5.0, 4.0, 3.0, 2.0, 1.0]


def test_an_episode_that_is_cut_off_says_so() -> None:
    config = short_config(env_id=fake.CORRIDOR, max_episode_steps=7)
    rollout = roll_out(config, always(0, config), seed=0)
    assert (rollout.length, rollout.episode_return) == (7, 0.0)
    assert (rollout.terminated, rollout.truncated) == (False, True)


def test_the_q_values_are_the_learners_for_each_state() -> None:
    config = short_config()
    weights = some_weights(config)
    rollout = roll_out(config, weights, seed=5)
    learner = policy_with(config, weights)
    assert np.abs(rollout.q_values - learner.q_values(rollout.observations[:-1])).max() < 1e-5
    assert rollout.actions.tolist() == rollout.q_values.argmax(axis=1).tolist()


def test_actions_with_numbers_of_their_own_are_counted_from_zero() -> None:
    config = short_config(env_id=fake.SHIFTED_ACTIONS)
    assert roll_out(config, always(1, config), seed=0).actions.tolist() == [1] * 5


def test_epsilon_is_the_share_of_actions_left_to_chance() -> None:
    config = short_config(env_id=fake.CORRIDOR, max_episode_steps=1_500)
    weights = always(0, config)
    rollouts = [roll_out(config, weights, seed, epsilon=0.01) for seed in range(4)]
    drawn = np.concatenate([~each.is_greedy for each in rollouts])
    assert 0.003 < drawn.mean() < 0.03
    for each in rollouts:  # what the network did not choose, chance did
        assert not each.is_greedy[each.actions == 1].any()
    again = roll_out(config, weights, 0, epsilon=0.01)
    assert again.actions.tolist() == rollouts[0].actions.tolist()


@pytest.mark.parametrize("env_id", LABS)
def test_drawing_repeats_the_episode_and_shows_every_state(env_id: str) -> None:
    config = short_config(env_id=env_id, max_episode_steps=60)
    rollout = roll_out(config, always(inspect_environment(env_id).n_actions // 2, config), seed=1)
    pictures = [each.pixels for each in draw_episode(config, rollout)]  # compares every observation with the rollout's
    assert len(pictures) == rollout.length + 1
    assert {(each.shape, each.dtype) for each in pictures} == {((400, 600, 3), np.dtype(np.uint8))}
    assert len({each.tobytes() for each in pictures}) > rollout.length / 2


def test_a_picture_that_is_changed_in_place_is_kept_as_it_was() -> None:
    pictures = []
    for env_id in (fake.CORRIDOR, fake.IN_PLACE):
        config = short_config(env_id=env_id)
        rollout = roll_out(config, always(1, config), seed=0)
        pictures.append([each.pixels for each in draw_episode(config, rollout)])
    np.testing.assert_array_equal(pictures[0], pictures[1])


def test_a_landers_flames_are_drawn() -> None:
    config = short_config(env_id="LunarLander-v3", max_episode_steps=30)

    def red_points(action: int) -> int:
        rollout = roll_out(config, always(action, config), seed=1)
        picture = list(draw_episode(config, rollout))[10].pixels.astype(int)
        return int((picture[..., 0] - picture[..., 1] > 60).sum())

    assert red_points(0) == 0
    assert red_points(2) > 20


def test_an_environment_that_does_not_repeat_itself_is_not_drawn_wrongly() -> None:
    class Drifting(fake.Corridor):
        starts = 0

        def reset(self, **options: Any) -> tuple[np.ndarray, dict]:
            super().reset(**options)
            Drifting.starts += 1
            self.position = Drifting.starts % 3
            return self._observe(), {}

    gym.register("DqnLabTest/Drifting-v0", Drifting, max_episode_steps=20)
    try:
        config = short_config(env_id="DqnLabTest/Drifting-v0")
        rollout = roll_out(config, always(1, config), seed=0)
        first, *others = draw_episode(config, rollout, most_steps=3)
        assert (first.step, first.pixels.shape, len(others)) == (0, (400, 600, 3), 3)  # the numbers that were seen
        assert [each.episode_return for each in others] == [1, 2, 3]
    finally:
        del gym.registry["DqnLabTest/Drifting-v0"]


@pytest.mark.parametrize(("seed", "epsilon"), [(-1, 0.0), (2**31, 0.0), (0, -0.1), (0, 1.5), (0, float("nan"))])
def test_what_is_out_of_range_is_refused(seed: int, epsilon: float) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    with pytest.raises(RolloutError, match="from 0"):
        roll_out(config, {}, seed, epsilon)


def test_foreign_weights_are_refused_by_name() -> None:
    config = short_config()
    for foreign in (some_weights(short_config(hidden_sizes=(9,))), some_weights(short_config(env_id="LunarLander-v3"))):
        with pytest.raises(RunFolderError, match=r"layers\.0\.weight"):
            roll_out(config, foreign, seed=0)
    with pytest.raises(RunFolderError, match="lack"):
        roll_out(config, {}, seed=0)


def test_an_environment_that_is_gone_is_named() -> None:
    config = short_config()
    weights = some_weights(config)
    with pytest.raises(UnsupportedEnvironmentError, match="Gone-v0"):
        roll_out(config.replace(env_id="Gone-v0"), weights, seed=0)
    with pytest.raises(UnsupportedEnvironmentError, match="Gone-v0"):
        next(iter(draw_episode(config.replace(env_id="Gone-v0"), roll_out(config, weights, 0))))


@pytest.mark.parametrize("env_id", [fake.BLIND, fake.ONE_NUMBER])
def test_where_nothing_is_drawn_the_numbers_are_shown(env_id: str) -> None:
    config = short_config(env_id=env_id)
    rollout: Rollout = roll_out(config, always(1, config), seed=0)
    frames = list(draw_episode(config, rollout))
    assert [each.step for each in frames] == list(range(6))
    assert [each.episode_return for each in frames] == list(range(6))
    assert {each.pixels.shape for each in frames} == {(400, 600, 3)}
    assert len({each.pixels.tobytes() for each in frames}) == 6
