from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import fake_environments as fake
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import make_environment
from dqn_core.episodes.human import play_by_hand
from dqn_core.errors import EnvironmentFailedError

fake.register()
CORRIDOR = TrainingConfig(env_id=fake.CORRIDOR)


def brightness(jpeg: bytes | None) -> int:
    assert jpeg is not None
    return int(np.asarray(Image.open(io.BytesIO(jpeg))).mean().round())


def test_before_the_first_action_there_is_the_reset() -> None:
    episode = play_by_hand(CORRIDOR, seed=0, actions=())
    assert episode.observations.tolist() == [[0, 5]]
    assert (episode.rewards, episode.is_over, episode.picture_before) == ((), False, None)
    assert brightness(episode.picture) == 0


def test_each_action_shows_what_it_led_to() -> None:
    episode = play_by_hand(CORRIDOR, seed=0, actions=(1, 0, 1))
    assert episode.observations.tolist() == [[0, 5], [1, 4], [1, 4], [2, 3]]
    assert episode.rewards == (1.0, 0.0, 1.0)
    assert not episode.is_over
    assert brightness(episode.picture_before) == pytest.approx(10, abs=2)
    assert brightness(episode.picture) == pytest.approx(20, abs=2)


def test_an_episode_ends_where_the_environment_ends_it() -> None:
    episode = play_by_hand(CORRIDOR, seed=0, actions=(1,) * 9)
    assert (episode.terminated, episode.truncated) == (True, False)
    assert episode.actions == (1,) * 5
    assert episode.observations[-1].tolist() == [5, 0]
    assert episode.picture is not None
    cut = play_by_hand(CORRIDOR.replace(max_episode_steps=3), seed=0, actions=(0, 0, 0))
    assert (cut.terminated, cut.truncated) == (False, True)


def test_actions_are_numbered_from_zero_whatever_the_environment_calls_them() -> None:
    episode = play_by_hand(TrainingConfig(env_id=fake.SHIFTED_ACTIONS), seed=0, actions=(0, 1))
    assert episode.observations[-1].tolist() == [1, 4]


def test_an_environment_that_breaks_is_told_in_words() -> None:
    with pytest.raises(EnvironmentFailedError, match="the motor is on fire"):
        play_by_hand(TrainingConfig(env_id=fake.RAISING, max_episode_steps=50), seed=0, actions=(0,) * 40)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "LunarLander-v3"])
def test_it_is_the_environment_that_agents_train_in(env_id: str) -> None:
    episode = play_by_hand(TrainingConfig(env_id=env_id), seed=11, actions=(1, 0, 1))
    environment = make_environment(env_id)
    first, _ = environment.reset(seed=11)
    states, rewards = [first], []
    for action in (1, 0, 1):
        state, reward, *_ = environment.step(action)
        states.append(state)
        rewards.append(float(reward))
    environment.close()
    np.testing.assert_allclose(episode.observations, np.float32(states), rtol=1e-5, atol=1e-6)
    assert episode.rewards == pytest.approx(rewards)
