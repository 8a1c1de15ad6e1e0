from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from dqn_core.cli.main import main
from dqn_core.events import EPISODE_COLUMNS
from dqn_core.runs.experiments.store import ExperimentStore
from dqn_core.runs.storage.store import RunStore
from dqn_core.training.run_folder import RunFolder
from scripted_trainer import wait_until

pytestmark = pytest.mark.sqlite_file

QUICK = ["--compute", "fused", "--max-episodes", "3", "--warmup-steps", "40", "--quiet"]


def test_every_value_is_trained_with_every_seed_and_written_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    varied = ["--field", "gamma", "--values", "0.9", "0.99", "--seeds", "3", "4"]
    assert main(["experiment", "--preset", "lab8", "--out", str(tmp_path), *varied, *QUICK]) == 0
    report = json.loads(capsys.readouterr().out)
    settings = [(run["gamma"], run["seed"]) for run in report["runs"]]
    assert settings == [(0.9, 3), (0.99, 3), (0.9, 4), (0.99, 4)]
    assert {run["reason"] for run in report["runs"]} == {"max_episodes"}
    table = pd.read_csv(tmp_path / "episodes.csv")
    assert tuple(table.columns) == ("config_gamma", "config_seed", *EPISODE_COLUMNS)
    assert table.groupby(["config_gamma", "config_seed"]).size().to_dict() == dict.fromkeys(settings, 3)
    assert table["gamma"].equals(table["config_gamma"])

    # The folder is one that the dashboard opens.
    store = RunStore(tmp_path / "dqn_lab.sqlite")
    (record,) = ExperimentStore(store.database).latest()
    assert record.experiment_id == report["experiment_id"]
    assert {run.experiment_id for run in store.runs()} == {record.experiment_id}
    store.close()


def test_the_values_whose_runs_end_before_epsilon_has_decayed_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    varied = ["--field", "epsilon_decay_steps", "--values", "90", "20000", "--seeds", "0"]
    fields = ["--epsilon-schedule", "linear_steps"]
    assert main(["experiment", "--preset", "lab8", "--out", str(tmp_path), *varied, *fields, *QUICK]) == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)["runs"]) == 2
    (told,) = (line for line in said.err.splitlines() if "before epsilon has decayed" in line)
    assert told.startswith("epsilon_decay_steps 20000: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--field", "gama", "--values", "1"], "gama"),
        (["--field", "gamma", "--values", "much"], "must be a finite number"),
        (["--field", "gamma"], "needs at least one value"),
        (["--seeds", "1", "1"], "twice"),
        (["--env", "Nowhere-v0"], "Nowhere-v0"),
        (["--values", "0.9"], "name it with --field"),
        (["--seed", "5"], "leave out --seed"),
        (["--field", "gamma", "--values", "0.9", "--gamma", "0.8"], "Leave out --gamma"),
    ],
)
def test_what_cannot_be_is_refused_before_a_folder_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    out = tmp_path / "data"
    assert main(["experiment", "--out", str(out), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_signal_ends_an_experiment_with_everything_saved(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "dqn_core", "experiment", "--out", str(tmp_path), "--compute", "fused"]
    endless = ["--seeds", "0", "--max-episodes", "1000000", "--goal-score", "None"]
    process = subprocess.Popen([*command, *endless], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: bool(list(tmp_path.glob("runs/*/checkpoint.safetensors"))))
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Traceback" not in errors
    (run,) = json.loads(output)["runs"]
    assert run["reason"] == "interrupted"
    assert len(pd.read_csv(tmp_path / "episodes.csv")) == run["episodes"]
    store = RunStore(tmp_path / "dqn_lab.sqlite")
    assert store.run(run["run_id"]).env_steps == run["env_steps"]
    store.close()
    folder = RunFolder.open(tmp_path / "runs" / run["run_id"])
    assert folder.checkpoint().values["counters"]["env_step"] == run["env_steps"]
