"""What holds wherever a run trains: in the server's own process, in a worker's, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fake_environments as fake
from dqn_core.config import TrainingConfig
from dqn_core.errors import RunStateError
from dqn_core.events import EndReason, EpisodeEnded, Frame, RunState
from dqn_core.runs.manager import Executor, RunManager
from dqn_core.runs.storage.records import RunRecord
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.trainer import Trainer
from scripted_trainer import ManagerOn, same, wait_for_end, wait_until
from trainer_runs import short_config

ON_CLUSTER = (pytest.mark.cluster, pytest.mark.timeout(600))  # each worker is started from cold there
EXECUTORS = ("thread", "process", pytest.param("ray", marks=ON_CLUSTER))
PRELOAD = ("registered_environments",)

pytestmark = pytest.mark.cold_start


@pytest.fixture(scope="module", params=EXECUTORS)
def manager(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, manager_on: ManagerOn
) -> Iterator[RunManager]:
    """One manager for all cases, so that a worker warms up while the case before it runs."""
    manager = manager_on(request.param, tmp_path_factory.mktemp("data"), preload=PRELOAD, max_active_runs=8)
    yield manager
    manager.close()


def _config(**changes: object) -> TrainingConfig:
    return short_config(**{"compute": "fused", "max_episodes": 1_000_000} | changes)


def _to_the_end(manager: RunManager, config: TrainingConfig) -> RunRecord:
    run_id = manager.start(config)
    wait_for_end(manager, run_id)
    return manager.store.run(run_id)


def _message(record: RunRecord) -> str:
    return record.message_template.format(**record.message_parameters)


def _wait_for_state(manager: RunManager, run_id: str, state: RunState) -> None:
    wait_until(lambda: manager.snapshot(run_id).record.state is state)


def _at_no_time(rows: list[EpisodeEnded]) -> list[EpisodeEnded]:
    return [replace(row, wall_time_s=0.0) for row in rows]


@pytest.mark.parametrize("compute", ["fused", "torch-cpu"])
def test_a_run_is_the_one_of_a_bare_trainer(manager: RunManager, compute: str) -> None:
    config = _config(compute=compute, max_episodes=12, evaluate_every=4, seed=5)
    trainer = Trainer(config)
    bare = [event for event in trainer.events() if isinstance(event, EpisodeEnded)]
    record = _to_the_end(manager, config)
    assert (record.state, record.reason) == (RunState.FINISHED, EndReason.MAX_EPISODES)
    assert (record.compute, record.episodes, record.env_steps) == (compute, 12, trainer.state.env_step)
    assert (record.updates, record.best_eval) == (trainer.state.updates, max(row.eval_return for row in bare[3::4]))
    assert same(_at_no_time(manager.store.episodes(record.run_id)), _at_no_time(bare))
    weights = RunFolder.open(manager.run_folder(record.run_id)).weights("last")
    assert all(np.array_equal(weights[name], array) for name, array in trainer.state.learner.weights().items())


def test_a_run_is_paused_stepped_changed_resumed_and_stopped(manager: RunManager) -> None:
    run_id = manager.start(_config())
    wait_until(lambda: manager.snapshot(run_id).record.env_steps > 0)
    manager.pause(run_id)
    _wait_for_state(manager, run_id, RunState.PAUSED)
    steps = manager.snapshot(run_id).record.env_steps

    manager.step(run_id)
    wait_until(lambda: manager.snapshot(run_id).record.env_steps > steps)
    assert manager.snapshot(run_id).record.env_steps == steps + 1
    assert manager.snapshot(run_id).record.state is RunState.PAUSED

    manager.change(run_id, "learning_rate", 0.01)
    wait_until(lambda: manager.store.run(run_id).config.learning_rate == 0.01)
    (event,) = manager.store.changes(run_id)
    assert [(each.field, each.old, each.new) for each in event.changes] == [("learning_rate", 2e-4, 0.01)]
    assert event.env_step == steps + 1

    manager.resume(run_id)
    wait_until(lambda: manager.snapshot(run_id).record.env_steps > steps + 100)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).reason is EndReason.STOPPED
    assert RunFolder.open(manager.run_folder(run_id)).config.learning_rate == 0.01


def test_a_run_that_is_watched_shows_frames(manager: RunManager) -> None:
    run_id = manager.start(_config())
    feed = manager.feed(run_id)
    assert feed is not None
    assert feed.read(0, 0).frame is None
    manager.watch(run_id, seconds=60.0)
    wait_until(lambda: feed.read(0, 0).frame_number >= 2)
    manager.stop(run_id)
    frame = feed.read(0, 0).frame
    assert isinstance(frame, Frame)
    assert frame.jpeg.startswith(b"\xff\xd8")
    assert len(frame.q_values) == 2
    wait_for_end(manager, run_id)


def test_an_environment_that_raises_fails_its_run_with_the_cause(manager: RunManager) -> None:
    record = _to_the_end(manager, _config(env_id=fake.RAISING, warmup_steps=10))
    assert (record.state, record.reason) == (RunState.FAILED, EndReason.FAILED)
    assert "RuntimeError: the motor is on fire" in _message(record)
    assert "checkpoint is of episode 0, env step 10: press Resume to continue from it" in _message(record)
    assert RunFolder.open(manager.run_folder(record.run_id)).weights("last")


def test_an_environment_that_asks_to_end_the_program_ends_its_run(manager: RunManager) -> None:
    record = _to_the_end(manager, _config(env_id=fake.LEAVING))
    assert (record.state, record.reason) == (RunState.FAILED, EndReason.FAILED)
    assert "SystemExit: 3" in _message(record)


def test_an_environment_that_cannot_be_made_fails_its_run_and_says_why(manager: RunManager) -> None:
    record = _to_the_end(manager, _config(env_id=fake.MISSING_PACKAGE))
    assert record.state is RunState.FAILED
    assert "pip install imaginary" in _message(record)
    assert ("must be installed on every machine" in _message(record)) is (manager._executors.cluster is not None)


def test_a_loss_that_explodes_ends_its_run_as_diverged(manager: RunManager) -> None:
    record = _to_the_end(manager, _config(env_id=fake.EXPLODING, warmup_steps=0, target_update="soft"))
    assert (record.state, record.reason) == (RunState.FAILED, EndReason.DIVERGED)
    assert "training diverged" in _message(record)
    assert "press Resume to continue from it" in _message(record)
    assert manager.store.episode_count(record.run_id) == record.episodes > 0
    state = RunFolder.open(manager.run_folder(record.run_id)).checkpoint()
    learner = {name: array for name, array in state.arrays.items() if name.startswith("learner.")}
    assert all(np.isfinite(array).all() for array in learner.values())
    manager.go_on(record.run_id, learning_rate=1e-5)
    wait_for_end(manager, record.run_id)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_closing_interrupts_a_run_in_the_middle_and_keeps_its_rows(
    tmp_path: Path, executor: Executor, manager_on: ManagerOn
) -> None:
    manager = manager_on(executor, tmp_path)
    run_id = manager.start(_config())
    wait_until(lambda: manager.snapshot(run_id).record.episodes >= 3)
    manager.close()
    record = manager.store.run(run_id)
    assert (record.state, record.reason) == (RunState.INTERRUPTED, EndReason.INTERRUPTED)
    assert "server shut down" in _message(record)
    assert manager.store.episode_count(run_id) == record.episodes >= 3
    assert RunFolder.open(manager.run_folder(run_id)).checkpoint().values["counters"]["env_step"] == record.env_steps
    manager.store.close()


def test_a_checkpoint_is_written_when_asked_for_also_while_paused(manager: RunManager) -> None:
    run_id = manager.start(_config())
    folder = RunFolder.open(manager.run_folder(run_id))

    def env_step() -> int:
        return max((info.env_step for info in folder.checkpoints() if info.kind == "last"), default=0)

    wait_until(lambda: env_step() == 50)  # at the warm-up's end
    manager.set_pace(run_id, 200.0)
    manager.take_checkpoint(run_id)
    wait_until(lambda: env_step() > 50)
    rows = folder.checkpoint().arrays["replay.rows"]
    assert len(rows) == min(env_step(), 500)

    manager.pause(run_id)
    _wait_for_state(manager, run_id, RunState.PAUSED)
    path = folder.path / "checkpoint.safetensors"
    paused_at = path.stat().st_mtime_ns
    manager.take_checkpoint(run_id)
    wait_until(lambda: path.stat().st_mtime_ns > paused_at)
    assert manager.snapshot(run_id).record.state is RunState.PAUSED
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    with pytest.raises(RunStateError):
        manager.take_checkpoint(run_id)


def test_a_run_keeps_snapshots_of_its_way(manager: RunManager) -> None:
    record = _to_the_end(manager, _config(max_episodes=64, evaluate_every=5, max_episode_steps=10))
    folder = RunFolder.open(manager.run_folder(record.run_id))
    kept = [info.episode for info in folder.snapshots() if info.kind == "kept"]
    assert kept == list(range(0, 65, 2))
    assert {"best", "last"} <= {info.name for info in folder.snapshots()}
    assert {info.kind for info in folder.checkpoints()} == {"best", "last"}
