"""Twenty servers and twenty workers die without a warning; the runs survive all of them, to the last digit."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import doomed_server
from dqn_core.events import EndReason, EpisodeEnded, RunState
from dqn_core.runs.manager import RunManager
from dqn_core.training.trainer import Trainer
from scripted_trainer import same, wait_for_end, wait_until

ROOT = Path(__file__).resolve().parents[2]
CRASHES = 20
"""Of servers, and of workers; the moments are seeded."""
LOST_AT_MOST_S = 1.0
_MORE_EPISODES = 5


@dataclass
class Life:
    """What a viewer saw of a server's runs until the server was killed."""

    seen: list[dict[str, Any]] = field(default_factory=list)
    killed_at: float = 0.0

    def lost_s(self, run_id: str, stored_rows: int) -> float:
        """Age, at the server's death, of the oldest row that was seen and is not stored."""
        missing = (look["seen_at"] for look in self.seen if look["runs"][run_id]["rows"] > stored_rows)
        return self.killed_at - next(missing, self.killed_at)


class Servers:
    """One server of a data folder after the other."""

    def __init__(self, data_dir: Path) -> None:
        paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
        self._process = subprocess.Popen(
            [sys.executable, doomed_server.__file__, data_dir],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def live_and_die(self, moment: np.random.Generator) -> Life:
        """Let a server live until all its runs train, and then for a random while."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        pid, life = self._next()["pid"], Life()
        looks_left = int(moment.integers(1, 26))
        while looks_left:
            life.seen.append(self._next())
            states = {run["state"] for run in life.seen[-1]["runs"].values()}
            assert states <= {RunState.QUEUED, RunState.STARTING, RunState.RUNNING, RunState.PAUSED}
            looks_left -= RunState.STARTING not in states
        time.sleep(moment.uniform(0.0, 0.02))  # also between two looks
        os.kill(pid, signal.SIGKILL)
        life.killed_at = time.monotonic()
        while "dead" not in (message := self._next()):
            life.seen.append(message)
        return life

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # with a server that a test left alive
        self._process.communicate()

    def _next(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        message: dict[str, Any] = json.loads(self._process.stdout.readline())
        return message


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    servers = Servers(tmp_path)
    yield servers
    servers.close()


def _is_intact(data_dir: Path) -> bool:
    with contextlib.closing(sqlite3.connect(data_dir / "dqn_lab.sqlite")) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _message(manager: RunManager, run_id: str) -> str:
    record = manager.store.run(run_id)
    return record.message_template.format(**record.message_parameters)


def _finish(manager: RunManager, run_id: str) -> None:
    """Have a run go on for a few episodes, to its end."""
    manager.go_on(run_id, max_episodes=manager.store.run(run_id).episodes + _MORE_EPISODES)
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).reason is EndReason.MAX_EPISODES


def _is_as_if_never_stopped(manager: RunManager, run_id: str) -> bool:
    config = manager.store.run(run_id).initial_config
    stored = [replace(row, wall_time_s=0.0) for row in manager.store.episodes(run_id)]
    events = Trainer(config.replace(max_episodes=len(stored))).events()
    return same(stored, [replace(event, wall_time_s=0.0) for event in events if isinstance(event, EpisodeEnded)])


@pytest.mark.sqlite_file
def test_killed_servers_lose_no_run_and_at_most_a_second_of_its_log(tmp_path: Path, servers: Servers) -> None:
    moment, lost = np.random.default_rng(1), []
    for _ in range(CRASHES):
        life = servers.live_and_die(moment)
        assert _is_intact(tmp_path)
        manager = RunManager(tmp_path, executor="thread")
        for run_id in life.seen[-1]["runs"]:
            record = manager.store.run(run_id)
            assert (record.state, record.reason) == (RunState.INTERRUPTED, EndReason.INTERRUPTED)
            assert "server went down" in _message(manager, run_id)
            rows = manager.store.episodes(run_id)
            assert [row.episode for row in rows] == list(range(1, len(rows) + 1))
            lost.append(life.lost_s(run_id, len(rows)))
        manager.close()
    print(f"\nThe largest loss of {len(lost)}: {max(lost):.3f} s of log")  # noqa: T201  seen with -s
    assert max(lost) <= LOST_AT_MOST_S

    manager = RunManager(tmp_path, executor="thread")
    for run_id in life.seen[-1]["runs"]:
        _finish(manager, run_id)
        assert _is_as_if_never_stopped(manager, run_id)
    manager.close()


class Workers:
    """Tells by which process a run that has just been started is trained."""

    def __init__(self, manager: RunManager) -> None:
        assert manager._pool is not None
        self._pool = manager._pool
        self.seen: list[int] = []

    def newest(self) -> int:
        """Process id of the worker that was not there before; waits for it."""
        wait_until(lambda: bool(self._new()))
        (new,) = self._new()
        self.seen.append(new)
        return new

    def _new(self) -> set[int]:
        return {worker.pid for worker in self._pool.at_work}.difference(self.seen)


def _train_and_kill_worker(manager: RunManager, run_id: str, pid: int, moment: np.random.Generator) -> float:
    """Kill a run's worker at a random moment; seconds of training that the log lacks."""
    feed = manager.feed(run_id)
    assert feed is not None
    rows = feed.rows_total
    wait_until(lambda: feed.rows_total > rows)
    if moment.random() < 0.5:
        manager.pause(run_id)
        wait_until(lambda: feed.state is RunState.PAUSED)  # with a checkpoint
        manager.resume(run_id)
    rows = feed.rows_total + int(moment.integers(1, 101))
    began_at = math.inf

    def has_trained() -> bool:
        nonlocal began_at
        update = feed.read(0, 0, limit=0)
        began_at = min(began_at, time.monotonic() - update.progress.wall_time_s)
        return update.rows_total >= rows

    wait_until(has_trained)
    time.sleep(moment.uniform(0.0, 0.05))
    os.kill(pid, signal.SIGKILL)
    killed_at, seen = time.monotonic(), feed.rows_total
    wait_for_end(manager, run_id)
    record = manager.store.run(run_id)
    assert manager.store.episode_count(run_id) == record.episodes >= seen
    return killed_at - began_at - record.wall_time_s


def test_killed_workers_lose_no_run_and_at_most_a_second_of_its_log(tmp_path: Path) -> None:
    moment, lost = np.random.default_rng(2), []
    manager = RunManager(tmp_path, executor="process")
    workers = Workers(manager)
    at_work = {manager.start(doomed_server.config(seed)): workers.newest() for seed in range(2)}
    runs = list(at_work)
    for crash in range(CRASHES):
        run_id = runs[crash % 2]  # the other's new worker warms up meanwhile
        lost.append(_train_and_kill_worker(manager, run_id, at_work[run_id], moment))
        assert manager.store.run(run_id).state is RunState.INTERRUPTED
        assert "killed (SIGKILL)" in _message(manager, run_id)
        assert _is_intact(tmp_path)
        manager.go_on(run_id)
        at_work[run_id] = workers.newest()
    print(f"\nThe largest loss of {len(lost)}: {max(lost):.3f} s of log")  # noqa: T201  seen with -s
    assert max(lost) <= LOST_AT_MOST_S

    for run_id in runs:
        manager.stop(run_id)
        wait_for_end(manager, run_id)
        _finish(manager, run_id)
        assert _is_as_if_never_stopped(manager, run_id)
    manager.close()
