from __future__ import annotations

import math

import pytest

from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.errors import ConfigError
from dqn_core.events import EndReason, EpisodeEnded, RunEnded
from dqn_core.presets import (
    ATARI_PRESETS,
    PRESETS,
    preset_config,
    preset_name,
    preset_names,
    preset_record,
    settings_digest,
)
from dqn_core.training import budget
from dqn_core.training.trainer import Trainer


@pytest.mark.parametrize(
    ("env_id", "memory", "steps", "goal"),
    [("CartPole-v1", 1_000, 500, 450.0), ("LunarLander-v3", 10_000, 1_000, 200.0)],
)
def test_lab8_has_the_labs_settings(env_id: str, memory: int, steps: int, goal: float) -> None:
    config = preset_config(env_id, "lab8")
    assert (config.buffer_size, config.warmup_steps, config.max_episode_steps, config.goal_score) == (
        memory,
        memory,
        steps,
        goal,
    )
    assert (config.max_episodes, config.batch_size, config.hidden_sizes) == (400, 128, (32, 32))
    assert (config.learning_rate, config.gradient_clip_value, config.gamma) == (2e-4, 2.0, 0.99)
    assert (config.epsilon_start, config.epsilon_end, config.epsilon_decay_rate) == (1.0, 0.01, 10.0)
    assert (config.epsilon_schedule, config.target_update, config.loss) == ("episode_exponential", "episode", "mse")
    assert (config.evaluate_every, config.evaluation_episodes, config.confirmation_episodes) == (1, 1, 2)
    assert (config.minibatch_size, config.distinct_rows, config.loss_over_all_outputs) == (32, True, True)
    assert (config.adam_epsilon, config.adam_epsilon_hat) == (1e-7, True)
    assert config.mistake_cut_at_truncation  # as the notebook has it
    epsilons = [epsilon_at(config, finished, 0) for finished in range(400)]
    assert epsilons[:2] == [1.0, 1.0]
    assert epsilons[2:] == [pytest.approx(0.01 + 0.99 * math.exp(-10 * k / 400)) for k in range(1, 399)]


TABLES = ("FrozenLake-v1", "Taxi-v4", "CliffWalking-v1", "Blackjack-v1")
"""Environments with so few states that nothing beyond ``fast`` is to be had."""


@pytest.mark.parametrize("env_id", PRESETS)
def test_names_and_meanings_fit_the_spaces(env_id: str) -> None:
    preset, report = PRESETS[env_id], inspect_environment(env_id)
    assert len(preset.observation_names) in {0, report.observation_size}
    assert len(preset.action_names) in {0, report.n_actions}
    assert not any(name.startswith(("s[", "s =", "a[")) for name in (*report.observation_names, *report.action_names))
    assert set(preset.play_keys.values()) <= set(range(report.n_actions))
    assert preset.env_id == env_id
    assert all(config.env_id == env_id for config in preset.configs.values())
    assert "fast" in preset.configs
    assert ("strong" in preset.configs) == (env_id not in TABLES and not env_id.startswith("MinAtar/"))
    assert ("lab8" in preset.configs) == (env_id in {"CartPole-v1", "LunarLander-v3"})


@pytest.mark.parametrize("env_id", ATARI_PRESETS)
def test_atari_presets_train_and_are_evaluated(env_id: str) -> None:
    """The first steps of a run of ten million, with the network and the environment that they name."""
    preset, report = ATARI_PRESETS[env_id], inspect_environment(env_id)
    assert set(preset.play_keys.values()) <= set(range(report.n_actions))
    assert report.picture is not None
    config = preset_config(env_id, "nature")
    budget.check_memory(config, 4 * 2**30)
    short = config.replace(warmup_steps=40, buffer_size=1_000, max_env_steps=140, compute="torch-cpu")
    short = short.replace(evaluate_every=1, evaluation_episodes=1, max_episode_steps=60)
    events = list(Trainer(short).events())
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.reason, ended.env_steps, ended.updates) == (EndReason.MAX_ENV_STEPS, 140, 25), ended
    assert any(isinstance(each, EpisodeEnded) and math.isfinite(each.eval_return) for each in events)


def test_a_brick_counts_as_one_for_what_is_learned_and_as_it_is_for_what_is_shown() -> None:
    config = preset_config("ALE/Breakout-v5", "nature")
    assert config.reward_formula == "sign(reward)"
    assert config.env_kwargs["terminal_on_life_loss"] is True
    assert config.as_evaluated.env_kwargs["terminal_on_life_loss"] is False


@pytest.mark.parametrize(
    ("env_id", "env_steps"),
    [("CartPole-v1", 50_000), ("LunarLander-v3", 100_000), ("Acrobot-v1", 100_000), ("MountainCar-v0", 120_000)],
)
def test_strong_keeps_to_the_references_budget_and_makes_no_mistakes(env_id: str, env_steps: int) -> None:
    config = preset_config(env_id, "strong")
    assert config.max_env_steps == env_steps
    assert config.max_episode_steps is None
    assert not any(value for name, value in config.to_dict().items() if name.startswith("mistake_"))


def test_a_preset_is_known_by_its_values_whatever_the_seed() -> None:
    config = preset_config("CartPole-v1", "fast")
    assert preset_name(config.replace(seed=7, compute="torch-cpu")) == "fast"
    assert preset_name(config.replace(gamma=0.5)) == "custom"


def test_an_environment_without_presets_has_a_default_one() -> None:
    assert preset_names("Taxi-v3") == ("default",)
    assert preset_config("Taxi-v3", "default").env_id == "Taxi-v3"
    assert preset_name(preset_config("Taxi-v3", "default")) == "default"


def test_an_unknown_preset_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="lab8, fast, strong"):
        preset_config("CartPole-v1", "lab9")


def test_what_stands_beside_a_preset_was_measured_with_its_present_settings() -> None:
    """Whoever changes a preset trains it again, ``make results``; until then nothing is said of it."""
    measured = [preset_record(env_id, name) for env_id, each in PRESETS.items() for name in each.configs]
    records = [record for record in measured if record is not None]
    assert {"lab8"} <= {record.preset for record in records}
    for record in records:
        assert record.seeds > 0
        assert 0.0 <= record.low <= record.reached / record.seeds <= record.high <= 1.0


def test_the_digest_of_settings_changes_with_any_but_seed_and_compute() -> None:
    config = preset_config("CartPole-v1", "fast")
    assert settings_digest(config) == settings_digest(config.replace(seed=7, compute="torch-cpu"))
    assert settings_digest(config) != settings_digest(config.replace(gamma=0.5))
    assert settings_digest(TrainingConfig()) != settings_digest(TrainingConfig(double_dqn=True))
