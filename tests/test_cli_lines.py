from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from hypothesis import given

from dqn_core.cli.lines import command_line, python_lines
from dqn_core.cli.main import main
from dqn_core.cli.process import parsed_config
from dqn_core.config import Arguments, TrainingConfig, config_from_json
from dqn_core.environments.own import use_folder
from dqn_core.presets import PRESETS, nearest_preset, preset_config, preset_names
from strategies import configs

SHORT = preset_config("CartPole-v1", "fast").replace(
    gamma=0.9,
    hidden_sizes=(),
    double_dqn=False,
    goal_score=None,
    max_episodes=2,
    warmup_steps=200,
    evaluate_every=0,
    seed=3,
    reward_formula="-abs(cart_position) - 0.5",
    env_kwargs=Arguments({"gravity": 5.5}),
)


def read_back(line: str) -> TrainingConfig:
    """The config that the command trains."""
    program, module, name, command, env, env_id, preset, preset_name, *fields = shlex.split(line)
    assert (program, module, name, command, env, preset) == ("python", "-m", "dqn_core", "train", "--env", "--preset")
    return parsed_config(preset_config(env_id, preset_name), fields, "train")


@given(configs())
def test_the_command_trains_the_same_config(config: TrainingConfig) -> None:
    assert read_back(command_line(config)) == config


@given(configs())
def test_the_python_lines_make_the_same_config(config: TrainingConfig) -> None:
    names: dict[str, object] = {}
    exec(python_lines(config).partition("for event")[0], names)  # noqa: S102  lines of our own
    assert names["config"] == config


@pytest.mark.parametrize("env_id", PRESETS)
def test_a_preset_is_named_and_nothing_besides(env_id: str) -> None:
    for name in preset_names(env_id):
        line = command_line(preset_config(env_id, name))
        assert line == f"python -m dqn_core train --env {env_id} --preset {name}"
        assert ".replace(" not in python_lines(preset_config(env_id, name))


def test_the_preset_that_differs_least_is_named() -> None:
    config = preset_config("CartPole-v1", "fast").replace(gamma=0.5, seed=7)
    assert nearest_preset(config) == "fast"
    assert command_line(config).endswith("--preset fast --seed 7 --gamma 0.5")
    assert nearest_preset(TrainingConfig(env_id="Some/Other-v0")) == "default"


def test_what_a_shell_would_take_for_its_own_is_quoted() -> None:
    formula = "reward - 0.1*abs(cart_position) if $HOME else `x`"
    config = preset_config("CartPole-v1", "lab8").replace(reward_formula=formula)
    assert shlex.split(command_line(config))[-2:] == ["--reward-formula", formula]
    assert read_back(command_line(config)) == config


def test_the_command_and_the_python_lines_train_the_same_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert main([*shlex.split(command_line(SHORT))[3:], "--out", str(folder), "--quiet"]) == 0
    assert config_from_json((folder / "config.json").read_text("utf-8")) == SHORT
    rows = (folder / "episodes.csv").read_text("utf-8").splitlines()
    column = rows[0].split(",").index("return")
    capsys.readouterr()
    exec(python_lines(SHORT), {})  # noqa: S102  lines of our own
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [float(score) for _episode, score in said] == [float(row.split(",")[column]) for row in rows[1:]]
    assert len(said) == 2
    assert json.loads((folder / "summary.json").read_text("utf-8"))["episodes"] == 2


def test_an_environment_of_the_folder_is_found_by_the_python_lines(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import gymnasium as gym\ngym.register('Lines-v0', 'gymnasium.envs.classic_control:CartPoleEnv')\n", "utf-8"
    )
    use_folder(tmp_path)
    try:
        lines = python_lines(TrainingConfig(env_id="Lines-v0"))
        compile(lines, "lines", "exec")
        assert 'use_folder(Path("data/environments"))' in lines
        assert "use_folder" not in python_lines(TrainingConfig(env_id="CartPole-v1"))
    finally:
        use_folder(None)
