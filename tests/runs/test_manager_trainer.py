"""The manager with the real trainer, on a real environment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason, EpisodeEnded, RunState
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.trainer import Trainer
from scripted_trainer import same, wait_for_end, wait_until

_CONFIG = TrainingConfig(
    compute="torch-cpu", batch_size=16, buffer_size=500, warmup_steps=50, max_episodes=12, evaluate_every=4, seed=5
)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    manager = RunManager(tmp_path)
    yield manager
    manager.close()


def _at_no_time(row: EpisodeEnded) -> EpisodeEnded:
    return replace(row, wall_time_s=0.0)


def test_a_managed_run_learns_what_a_bare_trainer_learns(manager: RunManager) -> None:
    run_id = manager.start(_CONFIG)
    wait_for_end(manager, run_id)
    trainer = Trainer(_CONFIG)
    bare = [event for event in trainer.events() if isinstance(event, EpisodeEnded)]

    record = manager.store.run(run_id)
    assert (record.state, record.reason) == (RunState.FINISHED, EndReason.MAX_EPISODES)
    assert (record.compute, record.episodes, record.env_steps) == ("torch-cpu", 12, bare[-1].env_step)
    assert same(list(map(_at_no_time, manager.store.episodes(run_id))), list(map(_at_no_time, bare)))
    assert record.best_eval == max(row.eval_return for row in bare if row.eval_return == row.eval_return)
    weights = RunFolder.open(manager.run_folder(run_id)).weights("last")
    assert all(np.array_equal(weights[name], array) for name, array in trainer.state.learner.weights().items())


def test_a_run_is_paused_changed_stepped_watched_and_stopped(manager: RunManager) -> None:
    run_id = manager.start(_CONFIG.replace(max_episodes=10_000))
    manager.set_pace(run_id, 100.0)
    wait_until(lambda: manager.snapshot(run_id).record.env_steps > 0)
    manager.pause(run_id)
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.PAUSED)
    steps = manager.snapshot(run_id).record.env_steps

    manager.change(run_id, "learning_rate", 0.01)
    wait_until(lambda: manager.store.run(run_id).config.learning_rate == 0.01)
    (event,) = manager.store.changes(run_id)
    assert [(each.field, each.old, each.new) for each in event.changes] == [("learning_rate", 2e-4, 0.01)]

    manager.step(run_id)
    wait_until(lambda: manager.snapshot(run_id).record.env_steps == steps + 1)
    assert manager.snapshot(run_id).record.state is RunState.PAUSED

    manager.resume(run_id)
    manager.watch(run_id, seconds=30.0)
    feed = manager.feed(run_id)
    assert feed is not None
    wait_until(lambda: feed.read(0, 0).frame is not None)
    frame = feed.read(0, 0).frame
    assert frame is not None
    assert frame.jpeg.startswith(b"\xff\xd8")
    assert len(frame.q_values) == 2

    manager.stop(run_id)
    wait_until(lambda: feed.is_over)
    assert manager.store.run(run_id).state is RunState.STOPPED
    assert RunFolder.open(manager.run_folder(run_id)).config.learning_rate == 0.01


def test_an_environment_that_does_not_exist_fails_its_run_and_says_why(manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig(env_id="NoSuchThing-v9"))
    wait_for_end(manager, run_id)
    record = manager.store.run(run_id)
    assert record.state is RunState.FAILED
    assert "NoSuchThing-v9" in record.message_template.format(**record.message_parameters)


def test_two_real_runs_at_once_are_those_of_one_at_a_time(manager: RunManager) -> None:
    configs = [_CONFIG.replace(seed=seed, max_episodes=6) for seed in (1, 2)]
    runs = [manager.start(config) for config in configs]
    for run_id in runs:
        wait_for_end(manager, run_id)
    for run_id, config in zip(runs, configs, strict=True):
        alone = [_at_no_time(event) for event in Trainer(config).events() if isinstance(event, EpisodeEnded)]
        assert same(list(map(_at_no_time, manager.store.episodes(run_id))), alone)
