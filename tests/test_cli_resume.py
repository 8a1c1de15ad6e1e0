"""A run of the command line that goes on: as if it had never stopped, and with nothing ignored."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest

import fake_environments as fake
from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.cli.main import main
from dqn_core.events import CheckpointReady
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.folder_lock import run_folder_lock
from dqn_core.training.run_folder import RunFolder
from scripted_trainer import wait_for_end
from trainer_runs import short_config

QUICK = ["--compute", "torch-cpu", "--max-episodes", "4", "--warmup-steps", "40", "--quiet"]


def test_a_run_broken_off_is_taken_up_again_as_if_it_had_never_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = [*QUICK, "--epsilon-schedule", "linear_steps", "--evaluate-every", "2"]
    main(["train", "--out", str(tmp_path / "whole"), *quick, "--max-episodes", "9"])
    main(["train", "--out", str(tmp_path / "parts"), *quick, "--max-episodes", "4"])
    log = tmp_path / "parts" / "episodes.csv"
    log.write_text(log.read_text() + "5,999,1.0,9.0\n")  # as a crash may leave it
    assert main(["train", "--resume", str(tmp_path / "parts"), "--max-episodes", "9", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["episodes"] == 9
    whole, parts = (pd.read_csv(tmp_path / name / "episodes.csv") for name in ("whole", "parts"))
    pd.testing.assert_frame_equal(whole.drop(columns="wall_time_s"), parts.drop(columns="wall_time_s"))
    weights = [RunFolder.open(tmp_path / name).weights("last") for name in ("whole", "parts")]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the command line, only to be read."""
    out = tmp_path_factory.mktemp("runs") / "run"
    main(["train", "--out", str(out), *QUICK])
    return out


def test_a_resumed_run_keeps_what_cannot_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--out", str(tmp_path / "run"), *QUICK])
    assert main(["train", "--resume", str(tmp_path / "run"), "--seed", "5"]) != 0
    assert "another seed" in capsys.readouterr().err
    (tmp_path / "run" / "checkpoint.safetensors").write_bytes(b"no checkpoint")
    assert main(["train", "--resume", str(tmp_path / "run")]) != 0
    assert "not a readable checkpoint" in capsys.readouterr().err


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run, by name, but the lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("option", "value"), [("--env", "LunarLander-v3"), ("--preset", "fast"), ("--out", "elsewhere")]
)
def test_an_option_that_resume_could_only_ignore_is_refused(
    option: str, value: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(trained)
    assert main(["train", "--resume", str(trained), option, value, "--max-episodes", "9", "--quiet"]) == 2
    assert f"leave out {option}" in capsys.readouterr().err
    assert contents(trained) == before


def test_resume_takes_an_option_that_says_what_is_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    main(["train", "--out", out, *QUICK])
    more = ["--env", "CartPole-v1", "--out", f"{tmp_path}/../{tmp_path.name}/run", "--max-episodes", "5", "--quiet"]
    assert main(["train", "--resume", out, *more]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["episodes"] == 5


@pytest.mark.parametrize("told", [[], ["--epsilon-decay-rate", "10"]], ids=["goes on", "told otherwise"])
def test_exploration_goes_on_from_where_it_stood_and_every_change_is_said_and_logged(
    told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    main(["train", "--preset", "lab8", "--out", str(out), *QUICK])
    before = RunFolder.open(out).config
    capsys.readouterr()
    assert main(["train", "--resume", str(out), "--max-episodes", "8", "--quiet", *told]) == 0
    said = capsys.readouterr().err
    table, changes = pd.read_csv(out / "episodes.csv"), pd.read_csv(out / "changes.csv")
    assert "max_episodes 4 → 8" in said
    if told:
        expected = [epsilon_at(before.replace(max_episodes=8), episode, 0) for episode in range(4, 8)]
        assert "instead of" in said
        assert list(changes["field"]) == ["max_episodes"]
    else:
        expected = [epsilon_at(before, episode, 0) for episode in range(4, 8)]
        assert "from where it was" in said
        assert list(changes["field"]) == ["epsilon_decay_rate", "max_episodes"]
        assert list(changes["new"]) == [20, 8]
    assert list(table["epsilon"][4:]) == pytest.approx(expected, rel=1e-9)
    assert list(changes["env_step"].unique()) == [table["env_step"][3]]


def test_a_run_whose_environment_is_missing_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake.register()
    fake.gym.register("DqnLabTest/Passing-v0", fake.Corridor, max_episode_steps=20)
    out = tmp_path / "run"
    try:
        main(["train", "--env", "DqnLabTest/Passing-v0", "--out", str(out), *QUICK])
    finally:
        fake.gym.registry.pop("DqnLabTest/Passing-v0")
    before = contents(out)
    assert main(["train", "--resume", str(out), "--max-episodes", "9", "--quiet"]) != 0
    assert "There is no environment 'DqnLabTest/Passing-v0'" in capsys.readouterr().err
    assert contents(out) == before


def test_a_checkpoint_that_does_not_fit_leaves_the_run_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    main(["train", "--out", str(out), *QUICK])
    main(["train", "--out", str(tmp_path / "other"), "--hidden-sizes", "5", *QUICK])
    state = RunFolder.open(tmp_path / "other").checkpoint()
    values = state.values | {"config": RunFolder.open(out).config.to_dict()}
    odd = CheckpointReady(episode=4, env_step=100, arrays=state.arrays, values=values)
    RunFolder.open(out).write_checkpoint(odd)
    before = contents(out)
    assert main(["train", "--resume", str(out), "--max-episodes", "9", "--quiet"]) != 0
    assert "layers." in capsys.readouterr().err
    assert contents(out) == before


def test_a_folder_that_another_trainer_writes_to_is_refused_with_its_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    main(["train", "--out", str(out), *QUICK])
    before = contents(out)
    with run_folder_lock(out):
        assert main(["train", "--resume", str(out), "--max-episodes", "9", "--quiet"]) == 2
        assert f"process ({os.getpid()}) trains in" in capsys.readouterr().err
    with run_folder_lock(tmp_path / "new"):
        assert main(["train", "--out", str(tmp_path / "new"), *QUICK]) == 2
        assert f"process ({os.getpid()}) trains in" in capsys.readouterr().err
    assert contents(out) == before
    assert not (tmp_path / "new" / "config.json").exists()
    assert main(["train", "--resume", str(out), "--max-episodes", "5", "--quiet"]) == 0


def test_a_run_of_a_server_at_work_is_refused_with_its_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manager = RunManager(tmp_path, executor="thread")
    run_id = manager.start(short_config(max_episodes=2))
    wait_for_end(manager, run_id)
    path = manager.run_folder(run_id)
    before = contents(path)
    resume = ["train", "--resume", str(path), "--max-episodes", "3", "--quiet"]
    assert main(resume) == 2
    assert f"server (process {os.getpid()})" in capsys.readouterr().err
    assert contents(path) == before
    manager.close()
    assert main(resume) == 0
