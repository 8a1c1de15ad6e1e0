"""Commands as processes: their signals, what they print, and who reads it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import fake_environments as fake
from dqn_core.training.run_folder import RunFolder
from policies import always
from trainer_runs import short_config, snapshot_of
from warm_python import Starts

QUICK = ["--compute", "torch-cpu", "--max-episodes", "4", "--warmup-steps", "40", "--quiet"]


# Whoever runs the tests may ignore some signals (nohup), which a child inherits; a terminal's has them all.
AS_FROM_A_TERMINAL = """
import os, signal, sys
for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(each, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGINT], [signal.SIGTERM], [signal.SIGTERM, signal.SIGTERM], [signal.SIGHUP]],
    ids=["ctrl-c", "sigterm", "sigterm-twice-as-timeout-sends-it", "sighup"],
)
def test_a_signal_ends_a_run_with_everything_saved(tmp_path: Path, signals: list[signal.Signals]) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "dqn_core", "train", "--out", str(out), "--compute", "torch-cpu"]
    process = subprocess.Popen(
        [sys.executable, "-c", AS_FROM_A_TERMINAL, *command, "--max-episodes", "100000", "--goal-score", "None"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:  # the bar counts episodes once training has begun
            if "parameters" in line:
                break
        for each in signals:
            process.send_signal(each)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()  # one that did not end would train for hours
    assert process.returncode == 0
    result, folder = json.loads(output), RunFolder.open(out)
    assert result["reason"] == "stopped"
    assert folder.weights("last")
    assert folder.checkpoint().values["counters"]["env_step"] == result["env_steps"]
    assert json.loads((out / "summary.json").read_text())["reason"] == "stopped"


def test_a_run_outlives_the_terminal_that_showed_its_progress(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "dqn_core", "train", "--out", str(out), "--compute", "torch-cpu"]
    process = Starts.popen(
        [*command, "--max-episodes", "30", "--goal-score", "None"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()  # what is written there from now on is an error
    assert json.loads(process.stdout.read())["episodes"] == 30
    process.stdout.close()
    process.wait(60)
    assert json.loads((out / "summary.json").read_text())["reason"] == "max_episodes"


@pytest.mark.parametrize("command", [["info"], ["--help"], ["train", "--help"]])
def test_a_terminal_that_knows_ascii_alone_gets_its_text(command: list[str]) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    told = subprocess.run(
        [sys.executable, "-m", "dqn_core", *command], capture_output=True, env=environment, check=False
    )
    assert (told.returncode, b"Traceback" in told.stderr) == (0, False)
    assert told.stdout.decode("ascii")


@pytest.mark.parametrize("command", ["train", "evaluate", "record", "bench", "info"])
def test_what_an_environment_prints_is_not_in_the_result(command: str, tmp_path: Path) -> None:
    talking = "import fake_environments, sys; fake_environments.register(); from dqn_core.cli.main import main; "
    run = tmp_path / "run"
    fake.register()
    if command in {"evaluate", "record"}:
        folder = RunFolder.create(run, short_config(env_id=fake.TALKING))
        folder.write_snapshot(snapshot_of(always(1, folder.config)))
    options = {
        "train": ["--env", fake.TALKING, "--out", str(run), *QUICK],
        "evaluate": [str(run), "--episodes", "2"],
        "record": [str(run), "--quiet"],
        "bench": ["--env", fake.TALKING, "--steps", "300", "--compute", "torch-cpu"],
        "info": ["--env", fake.TALKING],
    }
    told = Starts.run(
        [sys.executable, "-c", f"{talking}sys.exit(main(sys.argv[1:]))", command, *options[command]],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.DEVNULL,
    )
    assert told.returncode == 0, told.stderr
    for spoken in (b"a new episode", b"from C"):
        assert spoken not in told.stdout
        assert spoken in told.stderr
    if command != "info":
        assert isinstance(json.loads(told.stdout), dict)
