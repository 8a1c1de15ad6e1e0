"""A disk that takes no more, under a whole server: its runs go on, nothing is damaged, and it recovers by itself."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_SERVER = """
import resource, sys
from pathlib import Path
from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError
from dqn_core.runs.manager import RunManager
from scripted_trainer import wait_until
from trainer_runs import short_config

def size_limit(size):  # of each file: what goes beyond fails as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def refusal(act, *arguments):
    try:
        act(*arguments)
    except DqnLabError as error:
        return str(error)
    return ""

def notices():
    return [each.template.format(**each.parameters) for each in manager.view(run_id).read(0, 0).notices]

config = short_config(compute="fused", buffer_size=20_000, max_episodes=1_000_000)
manager = RunManager(Path(sys.argv[1]), executor="thread")
run_id = manager.start(config)
feed = manager.feed(run_id)
wait_until(lambda: feed.rows_total > 100)
size_limit(100)
before = feed.rows_total
manager.change(run_id, "gamma", 0.5)  # a file to write
wait_until(lambda: any("log cannot be stored" in each for each in notices()))
wait_until(lambda: any("files cannot be written" in each for each in notices()))
wait_until(lambda: feed.rows_total > before + 500)
print("start:", refusal(manager.start, config))
print("rename:", refusal(manager.rename, run_id, "another name"))
folders = len(list(Path(sys.argv[1], "runs").iterdir()))
print("folders:", folders)
size_limit(resource.RLIM_INFINITY)
wait_until(lambda: not any("cannot" in each for each in notices()))
print("notices:", *sorted(notices()))
manager.rename(run_id, "another name")
manager.stop(run_id)
wait_until(lambda: feed.is_over)
manager.close()
print("rows:", feed.rows_total)
"""


@pytest.mark.sqlite_file
def test_runs_go_on_while_the_disk_is_full_and_everything_is_stored_after_it(tmp_path: Path) -> None:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    server = subprocess.run(
        [sys.executable, "-c", _SERVER, tmp_path],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert server.returncode == 0, server.stderr
    said = dict(line.split(": ", 1) for line in server.stdout.splitlines())
    assert "room" in said["start"]
    assert "room" in said["rename"]
    assert said["folders"] == "1"  # nothing is left of the run that could not be started
    assert "log is being stored in the database again" in said["notices"]
    assert "files can be written again" in said["notices"]

    with contextlib.closing(sqlite3.connect(tmp_path / "dqn_lab.sqlite")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        numbers = [number for (number,) in database.execute("SELECT episode FROM episodes ORDER BY position")]
    assert numbers == list(range(1, int(said["rows"]) + 1))
