from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.errors import ChangeRefusedError, RunFolderError, RunStateError, UnsupportedEnvironmentError
from dqn_core.events import EndReason, EpisodeEnded, RunState
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.trainer import Trainer
from scripted_trainer import same, wait_for_end, wait_until

_CONFIG = TrainingConfig(
    compute="torch-cpu",
    batch_size=16,
    buffer_size=500,
    warmup_steps=50,
    max_episodes=12,
    evaluate_every=4,
    epsilon_schedule="linear_steps",
    seed=5,
)


@pytest.fixture(params=["thread", "process"])
def manager(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RunManager]:
    manager = RunManager(tmp_path, executor=request.param)
    yield manager
    manager.close()


def rows(manager: RunManager, run_id: str) -> list[EpisodeEnded]:
    return [replace(row, wall_time_s=0.0) for row in manager.store.episodes(run_id)]


def bare_rows(config: TrainingConfig) -> list[EpisodeEnded]:
    return [replace(row, wall_time_s=0.0) for row in Trainer(config).events() if isinstance(row, EpisodeEnded)]


def test_a_stopped_run_goes_on_as_if_it_had_never_stopped(manager: RunManager) -> None:
    config = _CONFIG.replace(max_episodes=40)
    run_id = manager.start(config)
    manager.set_pace(run_id, 2_000.0)
    wait_until(lambda: manager.snapshot(run_id).record.episodes >= 3)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).state is RunState.STOPPED
    manager.go_on(run_id)
    wait_for_end(manager, run_id)
    record = manager.store.run(run_id)
    assert (record.state, record.reason, record.episodes) == (RunState.FINISHED, EndReason.MAX_EPISODES, 40)
    assert same(rows(manager, run_id), bare_rows(config))


def test_a_finished_run_gets_more_episodes_and_keeps_its_history(manager: RunManager) -> None:
    run_id = manager.start(_CONFIG)
    wait_for_end(manager, run_id)
    with pytest.raises(RunStateError, match="12 episodes"):
        manager.go_on(run_id)
    manager.go_on(run_id, max_episodes=20)
    wait_for_end(manager, run_id)
    assert same(rows(manager, run_id), bare_rows(_CONFIG.replace(max_episodes=20)))
    assert manager.store.run(run_id).config.max_episodes == 20


def test_a_run_of_an_earlier_server_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    first = RunManager(tmp_path)
    run_id = first.start(_CONFIG.replace(max_episodes=30))
    first.set_pace(run_id, 2_000.0)
    wait_until(lambda: first.snapshot(run_id).record.episodes >= 2)
    first.pause(run_id)
    wait_until(lambda: first.snapshot(run_id).record.state is RunState.PAUSED)
    first.close()
    # As a crash leaves it: rows that the checkpoint does not know, and a state that is not true any more.
    store = first.store
    first.store.update_run(run_id, state=RunState.RUNNING, reason=None)
    store.close()
    second = RunManager(tmp_path)
    assert second.snapshot(run_id).record.state is RunState.INTERRUPTED
    second.go_on(run_id)
    wait_for_end(second, run_id)
    assert same(rows(second, run_id), bare_rows(_CONFIG.replace(max_episodes=30)))
    second.close()


def test_rows_after_the_checkpoint_are_logged_once(manager: RunManager) -> None:
    run_id = manager.start(_CONFIG)
    wait_for_end(manager, run_id)
    extra = replace(manager.store.episodes(run_id)[-1], episode=13)
    manager.store.append(run_id, [extra], [])
    manager.go_on(run_id, max_episodes=15)
    wait_for_end(manager, run_id)
    assert [row.episode for row in manager.store.episodes(run_id)] == list(range(1, 16))


def test_what_cannot_go_on_says_why(manager: RunManager) -> None:
    run_id = manager.start(_CONFIG.replace(max_episodes=10_000))
    with pytest.raises(RunStateError, match="nothing to resume"):
        manager.go_on(run_id)
    wait_until(lambda: manager.snapshot(run_id).record.episodes >= 1)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    with pytest.raises(ChangeRefusedError, match="new run"):
        manager.go_on(run_id, hidden_sizes=(64,))
    (manager.run_folder(run_id) / "checkpoint.safetensors").unlink()
    with pytest.raises(RunFolderError, match="no checkpoint"):
        manager.go_on(run_id)
    assert manager.store.run(run_id).state is RunState.STOPPED


def test_exploration_goes_on_and_the_change_is_said_marked_and_stored(manager: RunManager) -> None:
    config = _CONFIG.replace(epsilon_schedule="episode_exponential", max_episodes=6)
    run_id = manager.start(config)
    wait_for_end(manager, run_id)
    manager.go_on(run_id, max_episodes=12)
    wait_for_end(manager, run_id)
    epsilons = [row.epsilon for row in manager.store.episodes(run_id)]
    assert epsilons == pytest.approx([epsilon_at(config, episode, 0) for episode in range(12)], rel=1e-9)
    (event,) = manager.store.changes(run_id)
    assert {change.field: change.new for change in event.changes} == {"epsilon_decay_rate": 20.0, "max_episodes": 12}
    feed = manager.feed(run_id)
    assert feed is not None
    said = [notice.template.format(**notice.parameters) for notice in feed.read(0, 0).notices]
    assert any("max_episodes 6 → 12" in each for each in said)
    assert any("from where it was" in each for each in said)


def test_a_run_whose_environment_is_missing_stays_as_it_is(
    manager: RunManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = manager.start(_CONFIG.replace(max_episodes=3))
    wait_for_end(manager, run_id)
    before = manager.store.run(run_id)
    monkeypatch.delitem(gym.registry, _CONFIG.env_id)
    inspect_environment.cache_clear()
    with pytest.raises(UnsupportedEnvironmentError, match="CartPole-v1"):
        manager.go_on(run_id, max_episodes=9)
    assert manager.store.run(run_id) == before
    assert manager.open_folder(run_id).config.max_episodes == 3


def test_the_weights_of_a_run_that_went_on_are_its_newest(manager: RunManager) -> None:
    run_id = manager.start(_CONFIG)
    wait_for_end(manager, run_id)
    folder = RunFolder.open(manager.run_folder(run_id))
    before = folder.weights("last")
    manager.go_on(run_id, max_episodes=20)
    wait_for_end(manager, run_id)
    after = folder.weights("last")
    assert not np.array_equal(before["layers.0.weight"], after["layers.0.weight"])


def test_a_run_begins_with_the_weights_that_it_is_given(manager: RunManager) -> None:
    first = manager.start(_CONFIG)
    wait_for_end(manager, first)
    weights = RunFolder.open(manager.run_folder(first)).weights("last")
    still = _CONFIG.replace(seed=6, update_every=1_000, max_env_steps=100)  # ends before its first update
    second = manager.start(still, initial_weights=weights, started_from=first)
    wait_for_end(manager, second)
    given = RunFolder.open(manager.run_folder(second)).weights("last")
    assert all(np.array_equal(given[name], array) for name, array in weights.items())
    assert manager.store.run(second).started_from == first


def test_weights_of_another_network_fail_the_run_that_was_to_begin_with_them(manager: RunManager) -> None:
    first = manager.start(_CONFIG.replace(max_episodes=1))
    wait_for_end(manager, first)
    weights = RunFolder.open(manager.run_folder(first)).weights("last")
    second = manager.start(_CONFIG.replace(hidden_sizes=(8,)), initial_weights=weights)
    wait_for_end(manager, second)
    record = manager.store.run(second)
    assert record.state is RunState.FAILED
    assert "layers.0.weight" in record.message_template.format(**record.message_parameters)


def test_a_run_goes_on_from_its_best_and_gives_up_what_came_later(manager: RunManager) -> None:
    run_id = manager.start(_CONFIG)
    wait_for_end(manager, run_id)
    whole = rows(manager, run_id)
    manager.go_on(run_id, from_="best", max_episodes=14)
    wait_for_end(manager, run_id)
    again = rows(manager, run_id)
    assert same(again[:12], whole)
    assert [row.episode for row in again] == list(range(1, 15))


def test_a_run_interrupted_before_its_first_step_begins_again(manager: RunManager, tmp_path: Path) -> None:
    run_id = manager.start(_CONFIG)
    wait_for_end(manager, run_id)
    whole = rows(manager, run_id)
    (manager.run_folder(run_id) / "checkpoint.safetensors").unlink()
    # As a crash leaves a run whose trainer was not made yet.
    manager.store.rewind(run_id, 0, -1, env_steps=0, episodes=0, state=RunState.STARTING, reason=None)
    manager.close()
    later = RunManager(tmp_path)
    assert later.store.run(run_id).state is RunState.INTERRUPTED
    later.go_on(run_id)
    wait_for_end(later, run_id)
    assert same(rows(later, run_id), whole)
    later.close()
