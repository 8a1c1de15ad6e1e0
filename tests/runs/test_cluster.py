"""What only a run on a cluster can meet: its machine goes away, its server does, there is no place, or no cluster."""

from __future__ import annotations

import builtins
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clustered_server
import dashboard
from dqn_core.environments.make import inspect_environment
from dqn_core.environments.own import use_folder
from dqn_core.errors import ClusterError
from dqn_core.events import EndReason, EpisodeEnded, RunState, Stop
from dqn_core.runs.executors import ray_cluster
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.trainer import Trainer
from lab_databases import LabDatabases
from local_cluster import LocalCluster
from postgresql import missing_postgresql
from scripted_trainer import ManagerOn, same, wait_for_end, wait_until
from trainer_runs import short_config

ROOT = Path(__file__).resolve().parents[2]
CRASHES = int(os.environ.get("DQN_LAB_TEST_CRASHES", "4"))
"""Of machines, and of servers; the moments are seeded."""

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """Two machines with a core each, for a test that takes machines away."""
    cluster = LocalCluster(1, 1)
    yield cluster
    cluster.close()


@pytest.fixture
def manager(tmp_path: Path, cluster: LocalCluster) -> Iterator[RunManager]:
    manager = RunManager(tmp_path / "data", executor="ray", ray_address=cluster.address)
    yield manager
    manager.close()


def _message(manager: RunManager, run_id: str) -> str:
    record = manager.store.run(run_id)
    return record.message_template.format(**record.message_parameters)


def _rows(manager: RunManager, run_id: str) -> list[EpisodeEnded]:
    return [replace(row, wall_time_s=0.0) for row in manager.store.episodes(run_id)]


def _check_as_if_nothing_had_been(manager: RunManager, run_id: str) -> None:
    stored = _rows(manager, run_id)
    assert [row.episode for row in stored] == list(range(1, len(stored) + 1))
    events = Trainer(manager.store.run(run_id).initial_config.replace(max_episodes=len(stored))).events()
    bare = [replace(event, wall_time_s=0.0) for event in events if isinstance(event, EpisodeEnded)]
    different = [pair for pair in zip(stored, bare, strict=True) if not same(*pair)]
    assert not different, (len(different), different[0])


def _wait_for_episodes(manager: RunManager, run_id: str, count: int) -> None:
    wait_until(lambda: manager.snapshot(run_id).record.episodes >= count)


def _machine_of(manager: RunManager, cluster: LocalCluster, run_id: str) -> Any:
    """Where a run trains, in the test's terms."""
    held = manager._executors.cluster
    assert held is not None
    wait_until(lambda: any(name.startswith(run_id) for name in held._actors))
    (actor,) = (actor for name, actor in held._actors.items() if name.startswith(run_id))
    node = ray_cluster._node_of(actor)
    (machine,) = (each for each in cluster.machines if each.node_id == node)
    return machine


# ---------------------------------------------------------------------------------------------------- no cluster


def test_without_the_package_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_: Callable[..., Any] = builtins.__import__

    def missing(name: str, *rest: Any, **named: Any) -> Any:
        if name == "ray":
            raise ModuleNotFoundError(name)
        return import_(name, *rest, **named)

    ray_cluster._ray.cache_clear()
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ClusterError, match=r"pip install -r requirements-cluster\.txt"):
        RunManager(tmp_path, executor="ray")


def test_an_address_that_nobody_answers_at_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"No Ray cluster answers at 127\.0\.0\.1:1 .*ray start --head"):
        RunManager(tmp_path, executor="ray", ray_address="127.0.0.1:1")
    RunManager(tmp_path, executor="thread").close()  # the folder is free


# ------------------------------------------------------------------------------------------------ what goes along


def test_own_environments_travel_to_the_machines(tmp_path: Path, manager_on: ManagerOn) -> None:
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "_length.py").write_text("LENGTH = 7\n", "utf-8")
    (folder / "walk.py").write_text(_WALK, "utf-8")
    use_folder(folder)
    config = short_config(env_id="Own/Walk-v0", compute="fused", max_episodes=3, warmup_steps=20, batch_size=8)
    inspect_environment("Own/Walk-v0")
    manager = manager_on("ray", tmp_path / "data")
    try:
        run_id = manager.start(config)
        wait_for_end(manager, run_id)
        record = manager.store.run(run_id)
        assert (record.reason, record.env_steps) == (EndReason.MAX_EPISODES, 20 + 3 * 7), _message(manager, run_id)
    finally:
        manager.close()
        use_folder(None)


_WALK = """
import gymnasium as gym
import numpy as np
from _length import LENGTH

class Walk(gym.Env):
    observation_space = gym.spaces.Box(0.0, 1.0, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.at += 1
        return np.full(2, self.at / LENGTH, np.float32), 1.0, self.at >= LENGTH, False, {}
"""


def test_initial_weights_travel_too(tmp_path: Path, manager_on: ManagerOn) -> None:
    config = short_config(compute="fused", max_episodes=3)
    logs = []
    for executor in ("thread", "ray"):
        manager = manager_on(executor, tmp_path / executor)
        first = manager.start(config)
        wait_for_end(manager, first)
        weights = RunFolder.open(manager.run_folder(first)).weights("last")
        second = manager.start(config, initial_weights=weights)
        wait_for_end(manager, second)
        logs.append(_rows(manager, second))
        manager.close()
    assert len(logs[0]) == 3
    assert same(*logs)


# ---------------------------------------------------------------------------------------------- places and machines


def test_runs_wait_for_cores_and_begin_as_machines_join(manager: RunManager, cluster: LocalCluster) -> None:
    runs = [manager.start(short_config(compute="fused", max_episodes=1_000_000, seed=seed)) for seed in range(3)]
    for run_id in runs[:2]:
        _wait_for_episodes(manager, run_id, 1)
    assert manager.snapshot(runs[2]).queue_position == 1
    manager.pause(runs[0])
    wait_until(lambda: manager.snapshot(runs[0]).record.state is RunState.PAUSED)
    assert manager.snapshot(runs[2]).queue_position == 1  # a paused run keeps its core
    cluster.machines.append(cluster.add(1))
    _wait_for_episodes(manager, runs[2], 1)
    manager.resume(runs[0])
    machines = [_machine_of(manager, cluster, run_id) for run_id in runs]
    assert len(set(machines)) == 3


def test_a_run_that_wants_a_gpu_where_there_is_none_says_so(manager: RunManager, monkeypatch: Any) -> None:
    run_id = manager.start(short_config(compute="torch-cuda"))
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).state is RunState.FAILED
    assert "No machine of the cluster has a GPU" in _message(manager, run_id)


def test_a_lost_machine_interrupts_its_run_with_the_cause(tmp_path: Path, cluster: LocalCluster) -> None:
    with closing(RunManager(tmp_path, executor="ray", ray_address=cluster.address, resumes_lost_runs=False)) as manager:
        runs = [manager.start(clustered_server.config(seed)) for seed in range(2)]
        for run_id in runs:
            manager.set_pace(run_id, 500.0)
            _wait_for_episodes(manager, run_id, 3)
        cluster.remove(_machine_of(manager, cluster, runs[0]))
        wait_for_end(manager, runs[0])
        record = manager.store.run(runs[0])
        assert (record.state, record.reason) == (RunState.INTERRUPTED, EndReason.INTERRUPTED)
        assert re.search(r"The machine \S+, which trained this run, left the cluster", _message(manager, runs[0]))
        assert manager.store.episode_count(runs[0]) == record.episodes >= 3
        _wait_for_episodes(manager, runs[1], manager.snapshot(runs[1]).record.episodes + 3)
        manager.stop(runs[1])
        wait_for_end(manager, runs[1])
        manager.go_on(runs[0], max_episodes=record.episodes + 5)
        wait_for_end(manager, runs[0])
        assert manager.store.run(runs[0]).reason is EndReason.MAX_EPISODES
        _check_as_if_nothing_had_been(manager, runs[0])


def test_runs_of_lost_machines_go_on_by_themselves_bit_for_bit(manager: RunManager, cluster: LocalCluster) -> None:
    moment = np.random.default_rng(3)
    runs = [manager.start(clustered_server.config(seed)) for seed in range(2)]
    for crash in range(CRASHES):
        run_id, launches = runs[crash % 2], manager.snapshot(runs[crash % 2]).launches
        manager.set_pace(run_id, 1_000.0)
        _wait_for_episodes(manager, run_id, manager.snapshot(run_id).record.episodes + 1)
        if moment.random() < 0.7:
            manager.take_checkpoint(run_id)
        time.sleep(moment.uniform(0.0, 1.0))  # the moment is what is tried
        machine = _machine_of(manager, cluster, run_id)
        cluster.machines.append(cluster.add(1))
        cluster.remove(machine)
        cluster.machines.remove(machine)
        wait_until(lambda run_id=run_id, n=launches: manager.snapshot(run_id).launches == n + 1)
        _wait_for_episodes(manager, run_id, manager.snapshot(run_id).record.episodes + 1)
        assert manager.snapshot(run_id).pace == 1_000.0
    for run_id in runs:
        manager.stop(run_id)
        wait_for_end(manager, run_id)
        assert manager.store.run(run_id).reason is EndReason.STOPPED
        _check_as_if_nothing_had_been(manager, run_id)


def test_what_was_changed_and_a_pause_outlive_the_machine(manager: RunManager, cluster: LocalCluster) -> None:
    run_id = manager.start(short_config(compute="fused", max_episodes=1_000_000))
    manager.set_pace(run_id, 500.0)
    _wait_for_episodes(manager, run_id, 3)
    manager.change(run_id, "learning_rate", 0.01)
    manager.pause(run_id)
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.PAUSED)
    cluster.remove(_machine_of(manager, cluster, run_id))
    wait_until(lambda: manager.snapshot(run_id).launches == 2)
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.PAUSED)
    assert manager.snapshot(run_id).record.config.learning_rate == 0.01
    notices = [each.template for each in manager.view(run_id).read(0, 0).notices]
    assert any("continues on another machine" in each for each in notices)
    manager.stop(run_id)
    wait_for_end(manager, run_id)


# ---------------------------------------------------------------------------------------------------- the server


def _served(data_dir: Path, address: str) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    return subprocess.Popen(
        [sys.executable, clustered_server.__file__, data_dir, address],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


def _seen(server: subprocess.Popen[str]) -> dict[str, Any]:
    assert server.stdout is not None
    seen: dict[str, Any] = json.loads(server.stdout.readline())
    return seen


def test_killed_servers_end_no_run_and_lose_and_double_no_row(tmp_path: Path, local_cluster: LocalCluster) -> None:
    moment = np.random.default_rng(4)
    before: dict[str, int] = {}
    for _crash in range(CRASHES):
        server = _served(tmp_path, local_cluster.address)
        try:
            seen = _seen(server)
            runs = set(seen)
            assert before.keys() <= runs
            while not all(seen[run_id]["rows"] > before.get(run_id, 0) for run_id in runs):
                seen = _seen(server)
            for _look in range(int(moment.integers(1, 12))):
                seen = _seen(server)
            time.sleep(moment.uniform(0.0, 0.05))  # also between two looks
        finally:
            server.kill()
            server.wait()
            assert server.stdout is not None
            server.stdout.close()
        assert {each["state"] for each in seen.values()} == {RunState.RUNNING}
        before = {run_id: each["rows"] for run_id, each in seen.items()}

    with closing(RunManager(tmp_path, executor="ray", ray_address=local_cluster.address)) as manager:
        for run_id, rows in before.items():
            assert manager.snapshot(run_id).is_active
            assert manager.snapshot(run_id).pace in clustered_server.PACES
            _wait_for_episodes(manager, run_id, rows + 3)
            manager.stop(run_id)
            wait_for_end(manager, run_id)
            assert manager.store.run(run_id).reason is EndReason.STOPPED
            _check_as_if_nothing_had_been(manager, run_id)


def test_a_run_that_ended_while_there_was_no_server_is_stored_whole(
    tmp_path: Path, local_cluster: LocalCluster
) -> None:
    server = _served(tmp_path, local_cluster.address)
    seen = _seen(server)
    while not all(each["rows"] for each in seen.values()):
        seen = _seen(server)
    server.kill()
    server.wait()
    assert server.stdout is not None
    server.stdout.close()

    with closing(ray_cluster.RayCluster(local_cluster.address, tmp_path)) as cluster:
        for survivor in cluster.survivors().values():
            _tell_to_stop(survivor.actor)
    with closing(RunManager(tmp_path, executor="ray", ray_address=local_cluster.address)) as manager:
        for run_id in seen:
            wait_until(lambda run_id=run_id: manager.store.run(run_id).state is RunState.STOPPED)
            _check_as_if_nothing_had_been(manager, run_id)


@pytest.mark.skipif(missing_postgresql() != "", reason=missing_postgresql())
def test_a_killed_server_is_followed_by_another_of_the_same_database_bit_for_bit(
    tmp_path: Path, local_cluster: LocalCluster, lab_databases: LabDatabases
) -> None:
    database = lab_databases.server.new_database()
    address = local_cluster.address
    first = _dashboard(tmp_path, database, address, "start")
    other = None
    try:
        run_id = _run_seen(first, lambda each: each["rows"] > 3)
        other = RunManager(tmp_path, database=database, executor="ray", ray_address=address)
        view = other.view(run_id)
        _wait_for_episodes(other, run_id, 10)
        assert other.feed(run_id) is None
        other.pause(run_id)
        _run_seen(first, lambda each: each["state"] == RunState.PAUSED)
        other.resume(run_id)
        _run_seen(first, lambda each: each["state"] == RunState.RUNNING)
        _close_killed(first)
        rows = other.store.episode_count(run_id)
        wait_until(lambda: other.look(run_id) or view.feed.is_left)
        assert other.feed(run_id) is not None
        assert (other.snapshot(run_id).pace, other.snapshot(run_id).launches) == (clustered_server.PACES[1], 1)
        _wait_for_episodes(other, run_id, rows + 20)
        second = _dashboard(tmp_path, database, address)
        try:
            _run_seen(second, lambda each: each["rows"] > rows + 20 and not each["own"])
        finally:
            _close_killed(second)
        other.stop(run_id)
        wait_for_end(other, run_id)
        assert other.store.run(run_id).reason is EndReason.STOPPED
        _check_as_if_nothing_had_been(other, run_id)
    finally:
        _close_killed(first)
        if other is not None:
            other.close()


def _dashboard(*arguments: Any) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    command = [sys.executable, dashboard.__file__, *arguments]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True)


def _run_seen(server: subprocess.Popen[str], holds: Callable[[dict[str, Any]], bool]) -> str:
    """The id of the one run, once a server sees it so."""
    while True:
        for run_id, each in _seen(server).items():
            if holds(each):
                return run_id


def _close_killed(server: subprocess.Popen[str]) -> None:
    server.kill()
    server.wait()
    assert server.stdout is not None
    server.stdout.close()


def _tell_to_stop(actor: Any) -> None:
    """And wait until its worker has ended."""
    ray = ray_cluster._ray()
    ray.get(actor.tell.options(concurrency_group="commands").remote(Stop()))
    read = actor.read.options(concurrency_group="events").remote
    wait_until(lambda: ray.get(read(1_000_000, 0, 5.0)).status is not None)
