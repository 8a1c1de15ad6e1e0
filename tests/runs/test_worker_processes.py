"""What only a run in a process of its own can meet: its worker dies, or its server does."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fake_environments as fake
from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError
from dqn_core.events import EndReason, RunState
from dqn_core.runs.executors.process import WorkerPool
from dqn_core.runs.manager import Executor, RunManager
from scripted_trainer import wait_for_end, wait_until
from trainer_runs import short_config

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.cold_start

Make = Callable[[Executor], RunManager]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes managers that are closed after the test."""
    managers: list[RunManager] = []

    def made(executor: Executor) -> RunManager:
        settings = {"preload": ("registered_environments",), "max_active_runs": 8}
        managers.append(RunManager(tmp_path, executor=executor, **settings))
        return managers[-1]

    yield made
    for manager in managers:
        manager.close()


def _config(**changes: object) -> TrainingConfig:
    return short_config(**{"compute": "fused", "max_episodes": 1_000_000} | changes)


def _pool(manager: RunManager) -> WorkerPool:
    assert manager._pool is not None
    return manager._pool


def _wait_for_episodes(manager: RunManager, run_id: str, more: int) -> None:
    before = manager.snapshot(run_id).record.episodes
    wait_until(lambda: manager.snapshot(run_id).record.episodes >= before + more)


def _message(manager: RunManager, run_id: str) -> str:
    record = manager.store.run(run_id)
    return record.message_template.format(**record.message_parameters)


def test_a_killed_worker_interrupts_its_run_and_no_other(make: Make) -> None:
    manager = make("auto")
    first, second = manager.start(_config(seed=1)), manager.start(_config(seed=2))
    for run_id in (first, second):
        _wait_for_episodes(manager, run_id, 3)
    (worker,) = _pool(manager).at_work  # the first run trains in this process
    wait_until(lambda: bool(_pool(manager).spares))

    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: manager.store.run(second).state is RunState.INTERRUPTED)
    assert "killed (SIGKILL)" in _message(manager, second)
    wait_for_end(manager, second)
    record = manager.store.run(second)
    assert record.reason is EndReason.INTERRUPTED
    assert manager.store.episode_count(second) == record.episodes >= 3
    assert manager.view(second).read(0, 0).is_over

    _wait_for_episodes(manager, first, 3)
    third = manager.start(_config(seed=3, max_episodes=2))
    wait_for_end(manager, third)
    assert manager.store.run(third).reason is EndReason.MAX_EPISODES
    assert manager.snapshot(first).record.state is RunState.RUNNING


def test_a_process_that_ends_in_the_middle_of_a_step_is_told_by_its_status(make: Make) -> None:
    manager = make("process")
    run_id = manager.start(_config(env_id=fake.VANISHING))
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).reason is EndReason.INTERRUPTED
    assert "exit status 7" in _message(manager, run_id)
    assert _pool(manager).at_work == ()


def test_an_environment_that_talks_disturbs_no_pipe(make: Make) -> None:
    manager = make("process")
    run_id = manager.start(_config(env_id=fake.TALKING, max_episodes=3))
    manager.set_pace(run_id, 1_000.0)
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).reason is EndReason.MAX_EPISODES
    assert manager.store.episode_count(run_id) == 3


def test_what_a_worker_measures_is_not_measured_again(make: Make) -> None:
    manager = make("process")
    reasons = []
    for _ in range(2):
        run_id = manager.start(_config(compute="auto", hidden_sizes=(7, 5), max_episodes=1))
        wait_for_end(manager, run_id)
        reasons.append(manager.store.run(run_id).compute_parameters)
    assert "fused" in reasons[0]["rates"]
    assert reasons[1] == reasons[0]  # to the digit: two timings never agree


def test_where_no_process_can_be_started_a_run_says_so(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    manager = make("process")
    run_id = manager.start(_config())
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).reason is EndReason.FAILED
    assert "Resource temporarily unavailable" in _message(manager, run_id)
    assert "No worker could be started ahead" in caplog.text


def test_a_dead_spare_is_passed_over_and_ctrl_c_ends_no_worker(make: Make) -> None:
    manager = make("process")
    first = manager.start(_config())
    _wait_for_episodes(manager, first, 1)
    (dead,) = _pool(manager).spares
    os.kill(dead.pid, signal.SIGKILL)
    wait_until(lambda: not dead.is_alive)
    second = manager.start(_config(max_episodes=5))
    wait_for_end(manager, second)
    assert manager.store.run(second).reason is EndReason.MAX_EPISODES

    (worker,) = _pool(manager).at_work
    os.kill(worker.pid, signal.SIGINT)
    _wait_for_episodes(manager, first, 50)


def test_a_worker_that_hangs_does_not_keep_the_server(make: Make) -> None:
    manager = make("process")
    run_id = manager.start(_config())
    _wait_for_episodes(manager, run_id, 3)
    (worker,) = _pool(manager).at_work
    os.kill(worker.pid, signal.SIGSTOP)
    manager.close(timeout_s=1.0)
    assert not worker.is_alive
    assert manager.store.run(run_id).state is RunState.INTERRUPTED
    assert "server shut down" in _message(manager, run_id)


def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    with pytest.raises(DqnLabError, match="no_such_package"):
        RunManager(tmp_path, preload=("no_such_package",))


def test_no_worker_is_kept_before_the_first_run_or_where_none_is_wanted(make: Make) -> None:
    alone = make("auto")
    assert _pool(alone).spares == ()
    alone.close()
    manager = make("thread")
    for _ in range(2):
        manager.start(_config())
    assert manager._pool is None


_SERVER = """
import signal, sys, time
from pathlib import Path
from dqn_core.runs.manager import RunManager
from trainer_runs import short_config

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
manager = RunManager(Path(sys.argv[1]), executor="process")
try:
    run_id = manager.start(short_config(compute="fused", max_episodes=1_000_000))
    while manager.snapshot(run_id).record.episodes < 3:
        time.sleep(0.01)
    print("training", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    manager.close()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_its_server(tmp_path: Path, number: signal.Signals) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == "training\n"
        os.killpg(server.pid, number)  # as a terminal sends Ctrl-C
        _, errors = server.communicate(timeout=60)  # until nobody is left who could write there: no worker either
        assert errors == ""
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def _logged_to(path: Path) -> Iterator[None]:
    """Have all that this process says written to ``path``; what pytest captures may be lost while it is looked at."""
    before = os.dup(2)
    try:
        with path.open("wb") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def test_an_environment_that_prints_does_not_fill_the_log(make: Make, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with _logged_to(log):
        manager = make("process")
        run_id = manager.start(_config(env_id=fake.SHOUTING))
        wait_for_end(manager, run_id)
        assert "SIGABRT" in _message(manager, run_id)
        wait_until(lambda: "the last words" in log.read_text("utf-8"))
    said = log.read_text("utf-8")
    assert "a page of text" in said
    assert re.search(r"\d{6,} bytes of process \d+ left out", said)
    assert said.count("left out") == 1
    assert len(said) < 200_000  # of three million
