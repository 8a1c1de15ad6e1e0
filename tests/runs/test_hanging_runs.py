"""Runs that do not answer: Stop ends them all the same, their place is free, and their last checkpoint stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import fake_environments as fake
from dqn_core.config import TrainingConfig
from dqn_core.events import CheckpointReady, EndReason, Event, RunState
from dqn_core.runs.manager import Executor, RunManager
from scripted_trainer import Mailbox, Managed, ManagerOn, a_run_of, ended, episode, started, wait_for_end, wait_until
from trainer_runs import short_config

ON_CLUSTER = (pytest.mark.cluster, pytest.mark.timeout(600))  # each worker is started from cold there
EXECUTORS = ("thread", "process", pytest.param("ray", marks=ON_CLUSTER))
PLACES = ("make", "reset", "step", "render", "close")


@pytest.fixture
def release() -> Iterator[None]:
    """Threads that hang go on, and end, with the test."""
    fake.RELEASE.clear()
    yield
    fake.RELEASE.set()


@pytest.fixture(params=EXECUTORS)
def manager(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    release: None,
    monkeypatch: pytest.MonkeyPatch,
    manager_on: ManagerOn,
) -> Iterator[RunManager]:
    fake.register()
    monkeypatch.setattr("dqn_core.environments.make._LONGEST_LOOK_S", 2.0)
    manager = manager_on(request.param, tmp_path, preload=("registered_environments",), max_active_runs=len(PLACES))
    yield manager
    fake.RELEASE.set()
    manager.close()


def _config(env_id: str, **changes: object) -> TrainingConfig:
    return short_config(**{"env_id": env_id, "compute": "fused", "max_episodes": 1_000_000} | changes)


def _message(manager: RunManager, run_id: str) -> str:
    record = manager.store.run(run_id)
    return record.message_template.format(**record.message_parameters)


def test_stop_ends_a_run_wherever_its_environment_hangs_and_the_next_begins(manager: RunManager) -> None:
    runs = {place: manager.start(_config(fake.HANGING[place])) for place in PLACES}
    manager.watch(runs["render"], seconds=600.0)
    waiting = manager.start(short_config(compute="fused"))
    stuck = ("reset", "step", "render")
    wait_until(lambda: all(manager.open_folder(runs[place]).has_checkpoint for place in (*stuck, "close")))
    wait_until(lambda: manager.snapshot(runs["close"]).record.env_steps > 100)
    for place in stuck:
        wait_until(lambda place=place: _stands_still(manager, runs[place]))
    assert manager.snapshot(waiting).record.state is RunState.QUEUED

    for run_id in runs.values():
        manager.stop(run_id)
    for run_id in runs.values():
        wait_until(lambda run_id=run_id: not manager.snapshot(run_id).is_active)
    wait_for_end(manager, waiting)
    assert manager.store.run(waiting).reason is EndReason.MAX_EPISODES
    for place, run_id in runs.items():
        wait_until(lambda run_id=run_id: not manager._runs[run_id].is_at_work)
        record = manager.store.run(run_id)
        assert (place, record.reason) == (place, EndReason.STOPPED)
        assert manager.store.episode_count(run_id) == record.episodes
        if place in stuck:
            assert "did not stop within" in _message(manager, run_id)
            assert "press Resume to continue from it" in _message(manager, run_id)
            assert manager.open_folder(run_id).checkpoint()
    assert not _message(manager, runs["close"])  # it stopped in good order, all but its environment


def _stands_still(manager: RunManager, run_id: str) -> bool:
    """Whether a run that was at work reached the place where it hangs: nothing of it is heard for a second."""
    feed = manager.feed(run_id)
    assert feed is not None
    version = feed.version
    threading.Event().wait(1.0)
    return feed.version == version


def test_a_run_that_hangs_in_its_clean_up_is_over_without_being_stopped(manager: RunManager) -> None:
    run_id = manager.start(_config(fake.HANGING["close"], max_episodes=40))
    wait_until(lambda: not manager.snapshot(run_id).is_active)
    wait_until(lambda: not manager._runs[run_id].is_at_work)
    assert manager.store.run(run_id).reason is EndReason.MAX_EPISODES
    manager.delete(run_id)


def test_a_trainer_that_wakes_up_after_it_was_given_up_is_not_heard(managed: Managed) -> None:
    awake, has_said = threading.Event(), threading.Event()

    def script(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        yield episode(1)
        awake.wait()
        try:
            yield episode(2)
            yield CheckpointReady(episode=2, env_step=40, arrays={}, values={})
            yield ended(EndReason.SOLVED, 2)
        finally:
            has_said.set()

    manager = managed(script)
    run_id = manager.start(TrainingConfig())
    wait_until(lambda: manager.snapshot(run_id).record.episodes == 1)
    manager.stop(run_id)
    wait_until(lambda: not manager._runs[run_id].is_at_work)
    before = manager.store.run(run_id)
    assert (before.reason, before.episodes) == (EndReason.STOPPED, 1)
    awake.set()
    assert has_said.wait(10)
    assert manager.snapshot(run_id).record == before
    assert manager.store.run(run_id) == before
    assert not manager.open_folder(run_id).has_checkpoint


def test_a_run_that_was_given_up_can_go_on(managed: Managed) -> None:
    goes = threading.Event()

    def script(config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
        if goes.is_set():
            yield from a_run_of(2)(config, mailbox)
        else:
            yield started()
            goes.wait()

    manager = managed(script)
    run_id = manager.start(TrainingConfig())
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    manager.stop(run_id)
    wait_until(lambda: not manager._runs[run_id].is_at_work)
    goes.set()
    manager.go_on(run_id)
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).reason is EndReason.MAX_EPISODES


@pytest.mark.usefixtures("release")
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_server_closes_while_runs_hang_and_keeps_what_they_did(
    tmp_path: Path, executor: Executor, manager_on: ManagerOn
) -> None:
    fake.register()
    manager = manager_on(executor, tmp_path, max_active_runs=8)
    runs = [manager.start(_config(fake.HANGING[place])) for place in ("reset", "step")]
    for run_id in runs:
        wait_until(lambda run_id=run_id: manager.open_folder(run_id).has_checkpoint)
        wait_until(lambda run_id=run_id: _stands_still(manager, run_id))
    manager.close(timeout_s=20.0)
    again = manager_on(executor, tmp_path)
    for run_id in runs:
        record = again.store.run(run_id)
        assert (record.state, record.reason) == (RunState.INTERRUPTED, EndReason.INTERRUPTED)
        assert "did not stop within" in _message(again, run_id)
        assert again.open_folder(run_id).checkpoint()
    again.close()


def test_an_environment_of_other_people_trains_in_a_process_of_its_own(tmp_path: Path) -> None:
    """Also when it is alone, and was registered in this process by hand: what it does to its process ends no server."""
    fake.register()
    manager = RunManager(tmp_path)
    run_id = manager.start(_config(fake.VANISHING))  # would end this very process
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).reason is EndReason.INTERRUPTED
    assert "exit status 7" in _message(manager, run_id)
    own = manager.start(short_config(compute="fused"))
    wait_for_end(manager, own)
    assert manager.store.run(own).reason is EndReason.MAX_EPISODES
    manager.close()
