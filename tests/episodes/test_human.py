from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import fake_environments as fake
from dqn_core.config import EnvironmentChoice
from dqn_core.environments.make import inspect_environment
from dqn_core.episodes.episode import policy_with, roll_out
from dqn_core.episodes.human import HumanEpisode
from dqn_core.errors import RolloutError, UnsupportedEnvironmentError
from dqn_core.presets import PRESETS
from trainer_runs import short_config


@pytest.mark.parametrize("env_id", ["CartPole-v1", "LunarLander-v3"])
def test_the_same_actions_bring_a_person_what_they_bring_the_agent(env_id: str) -> None:
    config = short_config(env_id=env_id, max_episode_steps=40)
    report = inspect_environment(env_id)
    size = (report.observation_size, 8, report.n_actions)
    generator = np.random.default_rng(1)
    weights = {
        name: generator.standard_normal(shape).astype(np.float32)
        for i in (0, 1)
        for name, shape in ((f"layers.{i}.weight", (size[i + 1], size[i])), (f"layers.{i}.bias", (size[i + 1],)))
    }
    policy_with(config, weights)
    rollout = roll_out(config, weights, seed=3)
    episode = HumanEpisode(EnvironmentChoice(env_id, 40), seed=3)
    for action in rollout.actions.tolist():
        assert not episode.is_over
        episode.step(action)
        episode.picture()
    assert episode.is_over
    assert (episode.episode_return, episode.length) == (rollout.episode_return, rollout.length)
    assert (episode.terminated, episode.truncated) == (rollout.terminated, rollout.truncated)
    assert Image.open(io.BytesIO(episode.picture())).size == (600, 400)
    episode.close()


def test_without_a_key_the_idle_actions_take_turns() -> None:
    episode = HumanEpisode(EnvironmentChoice(fake.CORRIDOR), seed=0, idle_actions=(1, 0, 1))
    for action in (None, None, 0, None, None):
        episode.step(action)
    assert episode.episode_return == 3.0  # 1, 0, then the given 0, then 1 and 1
    episode.close()


def test_without_idle_actions_the_last_one_stays() -> None:
    episode = HumanEpisode(EnvironmentChoice(fake.SHIFTED_ACTIONS), seed=0)
    for action in (None, 1, None, None):
        episode.step(action)
    assert episode.episode_return == 3.0
    episode.close()


def test_keys_name_actions_that_there_are() -> None:
    for preset in PRESETS.values():
        n_actions = inspect_environment(preset.env_id).n_actions
        assert set(preset.play_keys.values()) | set(preset.idle_actions) <= set(range(n_actions))


def test_the_right_key_takes_the_lander_to_the_right() -> None:
    velocities = {}
    for key in ("ArrowLeft", "ArrowRight"):
        episode = HumanEpisode(EnvironmentChoice("LunarLander-v3"), seed=0)
        for _ in range(12):
            episode.step(PRESETS["LunarLander-v3"].play_keys[key])
        velocities[key] = episode.environment.unwrapped.lander.linearVelocity.x
        episode.close()
    assert velocities["ArrowRight"] > velocities["ArrowLeft"]


def test_what_cannot_be_played_is_refused() -> None:
    with pytest.raises(RolloutError, match="seed"):
        HumanEpisode(EnvironmentChoice("CartPole-v1"), seed=2**31)
    with pytest.raises(UnsupportedEnvironmentError, match="Gone-v0"):
        HumanEpisode(EnvironmentChoice("Gone-v0"), seed=0)
