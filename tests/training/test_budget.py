from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

import picture_environments
from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.networks import PictureShape, network_sizes, parameter_count
from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError, FieldProblem, RolloutError
from dqn_core.training import budget, machine
from picture_environments import CATCH

_GIGABYTE = 2**30
_WIDE = "Budget/Wide-v0"


class _Wide(gym.Env[np.ndarray, int]):
    observation_space = Box(-1.0, 1.0, (4_000,), np.float32)
    action_space = Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        return np.zeros(4_000, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        return np.zeros(4_000, np.float32), 0.0, False, False, {}


gym.register(_WIDE, _Wide, max_episode_steps=100)


def _problems(config: TrainingConfig, memory: int) -> tuple[FieldProblem, ...]:
    with pytest.raises(ConfigError) as refused:
        budget.check_memory(config, memory)
    return refused.value.problems


def _variants() -> list[dict[str, Any]]:
    return [
        {"buffer_size": 10_000_000},
        {"buffer_size": 10_000_000, "prioritized_replay": True},
        {"hidden_sizes": (8_192, 8_192, 8_192)},
        {"hidden_sizes": (8_192, 1_024, 8_192), "noisy_nets": True, "dueling": True},
        {"distribution": "quantile", "quantiles": 500, "batch_size": 2_048},
        {"batch_size": 65_536, "buffer_size": 100_000, "hidden_sizes": (1_024,)},
    ]


@pytest.mark.parametrize("changes", _variants())
def test_what_cannot_fit_is_refused_with_the_setting_and_the_largest_value_that_does(changes: dict[str, Any]) -> None:
    config = TrainingConfig(**changes)
    (problem,) = _problems(config, _GIGABYTE)
    assert problem.field in changes
    largest = problem.parameters["largest"]
    value: Any = tuple(map(int, largest.split(", "))) if isinstance(largest, str) else largest
    fitting = config.replace(**{problem.field: value})
    budget.check_memory(fitting, _GIGABYTE)
    larger: Any = tuple(each + (each == max(value)) for each in value) if isinstance(value, tuple) else value + 1
    _problems(config.replace(**{problem.field: larger}), _GIGABYTE)


def test_a_memory_of_300_gigabytes_is_refused_in_words() -> None:
    config = TrainingConfig(env_id=_WIDE, buffer_size=10_000_000)
    (problem,) = _problems(config, 16 * _GIGABYTE)
    assert problem.field == "buffer_size"
    assert "16 GB" in str(problem)
    assert str(problem.parameters["largest"]) in str(problem)


def test_where_no_single_setting_is_enough_all_that_matter_are_named() -> None:
    config = TrainingConfig(buffer_size=10_000_000, hidden_sizes=(8_192, 8_192))
    assert {each.field for each in _problems(config, _GIGABYTE // 2)} == {"buffer_size", "hidden_sizes"}


@pytest.mark.parametrize("preset_memory", [2 * _GIGABYTE])
def test_every_preset_fits_into_a_small_machine(preset_memory: int) -> None:
    from dqn_core.presets import PRESETS, preset_config, preset_names

    for env_id in PRESETS:
        for name in preset_names(env_id):
            budget.check_memory(preset_config(env_id, name), preset_memory)


def test_the_estimate_is_of_the_network_that_is_trained_and_not_below_it() -> None:
    for changes in _variants():
        config = TrainingConfig(**changes)
        sizes = network_sizes(config, 4, 2)
        arrays = 4 * 4 * parameter_count(sizes, noisy=config.noisy_nets) + 48 * config.buffer_size
        assert arrays < budget.run_memory(config)


def test_an_unknown_environment_is_left_to_the_trainer_to_refuse() -> None:
    config = TrainingConfig(env_id="Unknown-v0", buffer_size=10_000_000)
    budget.check_memory(config, 1)
    assert budget.run_memory(config) == 0


# ------------------------------------------------------------------------------------------------ the machine


def _cgroup(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "ascii")


def test_limits_of_control_groups_count(tmp_path: Path) -> None:
    whole = machine.machine_memory(tmp_path)
    assert whole > 0
    _cgroup(tmp_path, "memory.max", "max\n")
    assert machine.machine_memory(tmp_path) == whole
    _cgroup(tmp_path, "memory.max", "123456789\n")
    assert machine.machine_memory(tmp_path) == min(whole, 123_456_789)
    _cgroup(tmp_path / "memory", "memory.limit_in_bytes", "99999999\n")
    assert machine.machine_memory(tmp_path) == min(whole, 99_999_999)


def test_what_runs_may_take_is_less_than_the_machine_has() -> None:
    assert 0 < machine.memory_for_runs() < machine.machine_memory()


# --------------------------------------------------------------------------------------------- disk and steps


def test_checkpoints_larger_than_the_disk_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 100_000_000
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": free}))
    folder = tmp_path / "not" / "there" / "yet"
    budget.check_run(TrainingConfig(), folder)
    with pytest.raises(ConfigError) as refused:
        budget.check_run(TrainingConfig(buffer_size=5_000_000), folder, 64 * _GIGABYTE)
    (problem,) = refused.value.problems
    assert problem.field == "buffer_size"
    assert "disk" in str(problem)
    budget.check_run(TrainingConfig(buffer_size=int(str(problem.parameters["largest"]))), folder)


def test_an_evaluation_of_endless_episodes_is_refused_with_the_largest_that_is_not() -> None:
    config = TrainingConfig(max_episode_steps=1_000_000)
    with pytest.raises(RolloutError, match="at most 5 episodes"):
        budget.check_evaluation_steps(config, 1_000)
    budget.check_evaluation_steps(config, 5)
    budget.check_evaluation_steps(TrainingConfig(), 1_000)


def test_a_run_whose_evaluations_would_take_minutes_each_is_refused(tmp_path: Path) -> None:
    config = TrainingConfig(max_episode_steps=1_000_000, evaluation_episodes=100)
    with pytest.raises(ConfigError) as refused:
        budget.check_run(config, tmp_path)
    (problem,) = refused.value.problems
    assert (problem.field, problem.parameters["largest"]) == ("evaluation_episodes", 5)
    budget.check_run(config.replace(evaluation_episodes=5), tmp_path)
    budget.check_run(config.replace(evaluate_every=0), tmp_path)


def test_an_experiment_of_days_is_refused_before_its_first_run(tmp_path: Path) -> None:
    base = TrainingConfig(max_episodes=10_000_000)
    configs = [base.replace(seed=seed) for seed in range(10)]
    with pytest.raises(ConfigError) as refused:
        budget.check_experiment(configs, tmp_path)
    (problem,) = refused.value.problems
    assert problem.field == "max_env_steps"
    largest = int(str(problem.parameters["largest"]))
    budget.check_experiment([each.replace(max_env_steps=largest) for each in configs], tmp_path)


def test_an_experiment_is_refused_as_its_largest_run_is(tmp_path: Path) -> None:
    configs = [TrainingConfig(), TrainingConfig(hidden_sizes=(8_192, 8_192, 8_192))]
    with pytest.raises(ConfigError, match="hidden_sizes"):
        budget.check_experiment(configs, tmp_path, _GIGABYTE)


def test_an_episode_to_look_at_is_shortened_and_no_other() -> None:
    assert budget.shortened(TrainingConfig(), 50_000) == TrainingConfig()
    endless = TrainingConfig(max_episode_steps=1_000_000)
    assert budget.shortened(endless, 50_000) == endless.replace(max_episode_steps=50_000)


def test_a_memory_of_pictures_is_counted_by_its_frames_and_refused_with_the_largest_that_fits() -> None:
    picture_environments.register()
    config = TrainingConfig(env_id=CATCH, buffer_size=1_000_000)
    assert budget.replay_memory(config) == FrameReplay(1_000_000, PictureShape(10, 10, 2, high=1.0)).nbytes
    assert budget.replay_memory(config) < budget.replay_memory(config.replace(network="dense")) / 6
    (problem,) = _problems(config.replace(buffer_size=10_000_000), _GIGABYTE)
    assert problem.field == "buffer_size"
    largest = int(str(problem.parameters["largest"]))
    budget.check_memory(config.replace(buffer_size=largest), _GIGABYTE)
    _problems(config.replace(buffer_size=largest + 1), _GIGABYTE)


def test_a_network_that_does_not_go_with_the_observations_is_refused_before_a_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CartPole-v1 is none"):
        budget.check_run(TrainingConfig(network="nature"), tmp_path)
