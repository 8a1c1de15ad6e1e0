"""Environments of other packages, as a class takes them: found by their ids alone, trained, evaluated, recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dqn_core.cli.main import main
from dqn_core.environments.make import inspect_environment
from dqn_core.training.run_folder import RunFolder

_SHORT = ["--max-episodes", "2", "--max-env-steps", "90", "--warmup-steps", "30", "--batch-size", "16"]
_SHORT += ["--hidden-sizes", "8", "--compute", "torch-cpu", "--evaluate-every", "1", "--evaluation-episodes", "1"]
_SHORT += ["--max-episode-steps", "15", "--quiet"]


@pytest.mark.parametrize(
    ("env_id", "numbers", "actions"),
    [
        ("highway-fast-v0", 25, "keep on"),
        ("intersection-v0", 105, "drive faster"),
        ("MiniGrid-Empty-5x5-v0", 151, "turn left"),
        ("FrozenLake-v1", 16, "go down"),
        ("Blackjack-v1", 45, "stick"),
    ],
)
def test_they_train_and_are_evaluated_and_recorded(
    env_id: str, numbers: int, actions: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = inspect_environment(env_id)
    assert (report.observation_size, actions in report.action_names, report.repeats) == (numbers, True, True)
    out = tmp_path / "run"
    assert main(["train", "--env", env_id, "--out", str(out), *_SHORT]) == 0
    assert main(["evaluate", str(out), "--episodes", "1"]) == 0
    assert main(["record", str(out), "--out", str(tmp_path / "video.gif"), "--quiet"]) == 0
    trained, evaluated, recorded = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (trained["env"], trained["reason"]) == (env_id, "max_episodes")
    assert len(evaluated["returns"]) == 1
    assert recorded["frames"] == recorded["steps"] + 1
    assert (tmp_path / "video.gif").stat().st_size > 100
    assert RunFolder.open(out).snapshot_weights("last")["layers.0.weight"].shape == (8, numbers)
