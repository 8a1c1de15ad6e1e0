"""An environment's arguments and a reward formula at the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dqn_core.cli.main import main
from dqn_core.training.run_folder import RunFolder

_SHORT = ("--max-episodes", "4", "--warmup-steps", "60", "--buffer-size", "500", "--batch-size", "16", "--quiet")
_LANDER = ("train", "--env", "LunarLander-v3", "--preset", "fast", *_SHORT, "--goal-score", "None")


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a moon, evaluated on Earth, with a formula that begins with a minus."""
    path = tmp_path_factory.mktemp("moon") / "run"
    arguments = [*_LANDER, "--out", str(path), "--env-kwargs", "gravity=-1.6", "enable_wind=true"]
    arguments += ["--evaluation-env-kwargs", "gravity=-9.8", "--reward-formula", "-abs(x_position)"]
    assert main(arguments) == 0
    return path


def test_arguments_and_formula_are_the_runs(folder: Path) -> None:
    config = RunFolder.open(folder).config
    assert config.env_kwargs.to_dict() == {"gravity": -1.6, "enable_wind": True}
    assert config.evaluation_env_kwargs.to_dict() == {"gravity": -9.8}
    assert config.reward_formula == "-abs(x_position)"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["env_kwargs"] == {"enable_wind": True, "gravity": -1.6}
    assert (summary["evaluation_env_kwargs"], summary["reward_formula"]) == ({"gravity": -9.8}, "-abs(x_position)")
    rows = pd.read_csv(folder / "episodes.csv")
    assert (rows["shaped_return"] <= 0).all()
    assert (rows["shaped_return"] != rows["return"]).all()


def test_an_evaluation_is_as_the_runs_own_or_with_other_arguments(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate = ["evaluate", str(folder), "--episodes", "2", "--seed", "3"]
    assert main(evaluate) == 0
    own = said(capsys)
    assert own["env_kwargs"] == {"enable_wind": True, "gravity": -9.8}
    assert own["reward_formula"] == "-abs(x_position)"
    assert all(value <= 0 for value in own["shaped_returns"])
    assert main([*evaluate, "--env-kwargs", "gravity=-11"]) == 0
    other = said(capsys)
    assert other["env_kwargs"] == {"enable_wind": True, "gravity": -11}
    assert other["returns"] != own["returns"]
    assert main([*evaluate, "--env-kwargs", "gravity=11"]) == 2
    assert "must be from -11.9 to -0.1 m/s²" in capsys.readouterr().err


def test_a_video_is_of_the_episode_that_is_evaluated(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = ["record", str(folder), "--seed", "3", "--quiet", "--out", str(tmp_path / "a.gif")]
    for options in ([], ["--env-kwargs", "gravity=-11"]):
        assert main([*record, *options]) == 0
        video = said(capsys)
        assert main(["evaluate", str(folder), "--episodes", "1", "--seed", "3", *options]) == 0
        evaluated = said(capsys)
        assert video["return"] == evaluated["returns"][0]
        assert video["env_kwargs"] == evaluated["env_kwargs"]


def test_a_run_goes_on_with_other_physics(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run"
    first = [*_LANDER, "--out", str(path)]
    assert main(first) == 0
    assert main(["train", "--resume", str(path), "--max-episodes", "6", "--env-kwargs", "gravity=-3"]) == 0
    assert "env_kwargs.gravity -10.0 → -3" in capsys.readouterr().err
    changes = (path / "changes.csv").read_text().splitlines()
    assert any(line.endswith(",env_kwargs.gravity,-10.0,-3") for line in changes)
    assert main(["train", "--resume", str(path), "--max-episodes", "8", "--env-kwargs", "gravity=3"]) == 2
    assert "must be from -11.9 to -0.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--env-kwargs", "gravity=3"], "env_kwargs.gravity = 3: must be from -11.9 to -0.1 m/s²"),
        (["--env-kwargs", "gravty=-3"], "Did you mean gravity?"),
        (["--env-kwargs", "gravity"], "such as gravity=-5"),
        (["--evaluation-env-kwargs", "gravity=3"], "evaluation_env_kwargs.gravity = 3"),
        (["--reward-formula", "reward - abs(angel)"], "Unknown name angel at position 14. Did you mean angle?"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    options: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*_LANDER, "--out", str(tmp_path / "run"), *options]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_an_experiment_varies_an_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["experiment", "--env", "LunarLander-v3", "--preset", "fast", *_SHORT, "--goal-score", "None"]
    arguments += ["--field", "env_kwargs.gravity", "--seeds", "0", "--out", str(tmp_path / "data")]
    assert main([*arguments, "--values", "-1.6", "5"]) == 2
    assert "must be from -11.9 to -0.1" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
    assert main([*arguments, "--values", "-1.6", "-9.8"]) == 0
    assert [each["env_kwargs.gravity"] for each in said(capsys)["runs"]] == [-1.6, -9.8]
    table = pd.read_csv(tmp_path / "data" / "episodes.csv")
    assert sorted(table["config_env_kwargs.gravity"].unique()) == [-9.8, -1.6]
