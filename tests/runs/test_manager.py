from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator

import pytest

from dqn_core.config import TrainingConfig
from dqn_core.errors import (
    ChangeRefusedError,
    ConfigError,
    RunStateError,
    UnknownRunError,
)
from dqn_core.events import EndReason, EpisodeEnded, Event, RunState
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from scripted_trainer import (
    Mailbox,
    Managed,
    a_run_of,
    ended,
    episode,
    lose_locks,
    obedient,
    same,
    started,
    wait_for_end,
    wait_until,
)

pytestmark = pytest.mark.each_database


def _wait_for_state(manager: RunManager, run_id: str, state: RunState) -> None:
    wait_until(lambda: manager.snapshot(run_id).record.state is state)


def test_a_run_goes_to_its_end_and_is_logged(managed: Managed) -> None:
    manager = managed(a_run_of(5))
    config = TrainingConfig(seed=3)
    run_id = manager.start(config)
    wait_for_end(manager, run_id)
    snapshot = manager.snapshot(run_id)
    assert (snapshot.record.state, snapshot.record.reason) == (RunState.FINISHED, EndReason.MAX_EPISODES)
    assert (snapshot.record.episodes, snapshot.record.compute, snapshot.is_active) == (5, "fused", False)
    assert same(manager.store.episodes(run_id), [episode(number) for number in range(1, 6)])
    assert same(manager.store.run(run_id), snapshot.record)
    assert RunFolder.open(manager.run_folder(run_id)).config == config


def test_steering(managed: Managed) -> None:
    manager = managed(obedient())
    run_id = manager.start(TrainingConfig())
    _wait_for_state(manager, run_id, RunState.RUNNING)
    manager.pause(run_id)
    manager.pause(run_id)  # a double click
    _wait_for_state(manager, run_id, RunState.PAUSED)
    assert manager.store.episode_count(run_id) == 3  # everything is stored before a run stands still
    manager.step(run_id)
    wait_until(lambda: manager.snapshot(run_id).record.env_steps == 61)
    manager.resume(run_id)
    _wait_for_state(manager, run_id, RunState.RUNNING)
    manager.stop(run_id)
    _wait_for_state(manager, run_id, RunState.STOPPED)
    manager.stop(run_id)


def test_what_makes_no_sense_while_running_is_refused(managed: Managed) -> None:
    manager = managed(obedient())
    run_id = manager.start(TrainingConfig())
    _wait_for_state(manager, run_id, RunState.RUNNING)
    with pytest.raises(RunStateError, match="running"):
        manager.resume(run_id)
    with pytest.raises(RunStateError, match="running: pause it"):
        manager.step(run_id)


def test_resume_right_after_pause_counts(managed: Managed) -> None:
    """Before the trainer took notice of either."""
    manager = managed(obedient())
    run_id = manager.start(TrainingConfig())
    manager.pause(run_id)
    manager.resume(run_id)
    with pytest.raises(RunStateError):
        manager.step(run_id)


_COMMANDS: dict[str, Callable[[RunManager, str], object]] = {
    "pause": RunManager.pause,
    "resume": RunManager.resume,
    "step": RunManager.step,
    "stop": RunManager.stop,
    "set_pace": lambda manager, run_id: manager.set_pace(run_id, 10.0),
    "change": lambda manager, run_id: manager.change(run_id, "gamma", 0.5),
}


@pytest.mark.parametrize("command", _COMMANDS.values(), ids=_COMMANDS)
def test_a_run_that_is_over_takes_no_commands(managed: Managed, command: Callable[[RunManager, str], object]) -> None:
    manager = managed(a_run_of(1))
    run_id = manager.start(TrainingConfig())
    wait_for_end(manager, run_id)
    with pytest.raises(RunStateError, match=r"finished\): start a new run"):
        command(manager, run_id)
    manager.watch(run_id)  # a tab that is still open asks for frames: nothing to say about it


@pytest.mark.parametrize("bad", ["20260401-143501-zzzz", "../../etc", ""])
def test_an_unknown_run_is_named_by_every_method(managed: Managed, bad: str) -> None:
    manager = managed(a_run_of(1))
    methods = [*_COMMANDS.values(), RunManager.snapshot, RunManager.view, RunManager.run_folder]
    for method in methods:
        with pytest.raises(UnknownRunError):
            method(manager, bad)


def test_a_change_shows_at_once_and_is_stored_when_it_took_effect(managed: Managed) -> None:
    gate = threading.Event()

    def script(config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        gate.wait(10)
        yield from obedient()(config, mailbox)

    manager = managed(script)
    run_id = manager.start(TrainingConfig(buffer_size=10_000, warmup_steps=1_000))
    _wait_for_state(manager, run_id, RunState.RUNNING)
    wanted = manager.change(run_id, "buffer_size", 500)
    snapshot = manager.snapshot(run_id)
    assert (wanted.buffer_size, wanted.warmup_steps) == (500, 500)
    assert (snapshot.wanted_config, snapshot.record.config.buffer_size) == (wanted, 10_000)

    gate.set()
    wait_until(lambda: manager.store.run(run_id).config == wanted)
    (event,) = manager.store.changes(run_id)
    assert [(each.field, each.new) for each in event.changes] == [("buffer_size", 500)]
    assert manager.store.run(run_id).initial_config.buffer_size == 10_000


def test_each_change_is_checked_against_those_before_it(managed: Managed) -> None:
    manager = managed(obedient())
    run_id = manager.start(TrainingConfig(batch_size=128, buffer_size=1_000))
    manager.change(run_id, "batch_size", 600)
    with pytest.raises(ConfigError, match="buffer_size"):
        manager.change(run_id, "buffer_size", 500)
    with pytest.raises(ConfigError, match="no such field"):
        manager.change(run_id, "gama", 0.5)
    with pytest.raises(ConfigError, match="gamma"):
        manager.change(run_id, "gamma", math.nan)
    with pytest.raises(ChangeRefusedError, match="start a new run"):
        manager.change(run_id, "hidden_sizes", (64,))
    manager.change(run_id, "batch_size", 600)  # no change
    wait_until(lambda: len(manager.store.changes(run_id)) == 1)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    assert len(manager.store.changes(run_id)) == 1


@pytest.mark.parametrize("pace", [0.0, -1.0, math.nan, math.inf])
def test_a_pace_that_is_none_is_refused(managed: Managed, pace: float) -> None:
    manager = managed(obedient())
    run_id = manager.start(TrainingConfig())
    with pytest.raises(ConfigError, match="pace"):
        manager.set_pace(run_id, pace)
    manager.set_pace(run_id, 50.0)
    assert manager.snapshot(run_id).pace == 50.0
    manager.set_pace(run_id, None)
    assert manager.snapshot(run_id).pace is None


def test_a_thousand_viewers_fill_no_mailbox(managed: Managed) -> None:
    gate = threading.Event()

    def script(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        gate.wait(10)
        yield ended()

    manager = managed(script)
    run_id = manager.start(TrainingConfig())
    for _ in range(1_000):
        manager.watch(run_id)
    assert manager._runs[run_id].mailbox.qsize() <= 2
    gate.set()


def test_two_runs_at_once_do_not_disturb_each_other(managed: Managed) -> None:
    manager = managed(obedient())
    first, second = manager.start(TrainingConfig(seed=1)), manager.start(TrainingConfig(seed=2))
    manager.change(first, "gamma", 0.5)
    manager.pause(first)
    manager.set_pace(second, 7.0)
    _wait_for_state(manager, first, RunState.PAUSED)
    _wait_for_state(manager, second, RunState.RUNNING)
    assert manager.snapshot(second).wanted_config == TrainingConfig(seed=2)
    assert (manager.snapshot(first).pace, manager.snapshot(second).pace) == (None, 7.0)
    manager.stop(second)
    _wait_for_state(manager, second, RunState.STOPPED)
    assert manager.snapshot(first).record.state is RunState.PAUSED
    assert manager.store.changes(second) == []
    assert {record.run_id: record.state for record in manager.list_runs()} == {
        first: RunState.PAUSED,
        second: RunState.STOPPED,
    }


def test_a_run_left_by_an_earlier_server_is_interrupted_and_can_be_read(managed: Managed) -> None:
    earlier = managed(obedient())
    run_id = earlier.start(TrainingConfig())
    earlier.pause(run_id)
    wait_until(lambda: earlier.store.run(run_id).state is RunState.PAUSED)

    lose_locks(earlier)
    later = managed(obedient())
    snapshot = later.snapshot(run_id)
    assert (snapshot.record.state, snapshot.is_active) == (RunState.INTERRUPTED, False)
    update = later.view(run_id).read(0, 0)
    assert (len(update.rows), update.is_last) == (3, True)
    with pytest.raises(RunStateError, match="interrupted"):
        later.resume(run_id)


@pytest.mark.sqlite_file
def test_a_run_of_another_server_is_steered_there(managed: Managed) -> None:
    one = managed(obedient())
    lose_locks(one)
    other = managed(obedient())
    run_id = one.start(TrainingConfig())
    wait_until(lambda: one.store.run(run_id).state is RunState.RUNNING)
    with pytest.raises(RunStateError, match="another server"):
        other.pause(run_id)


def test_a_finished_run_of_an_earlier_server_opens(managed: Managed) -> None:
    earlier = managed(a_run_of(7))
    run_id = earlier.start(TrainingConfig(seed=9), name=" A name ")
    wait_for_end(earlier, run_id)
    earlier.close()
    later = managed(a_run_of(1))
    assert later.feed(run_id) is None
    assert later.snapshot(run_id).record.config.seed == 9
    assert [record.name for record in later.list_runs()] == ["A name"]
    rows: list[EpisodeEnded] = [row for rows in later.view(run_id).episodes() for row in rows]
    assert same(rows, [episode(number) for number in range(1, 8)])


def test_closing_interrupts_every_run_and_stores_its_last_rows(managed: Managed) -> None:
    manager = managed(obedient())
    runs = [manager.start(TrainingConfig()) for _ in range(3)]
    manager.pause(runs[0])
    manager.close(timeout_s=10.0)
    for run_id in runs:
        assert not manager._runs[run_id].is_at_work
        assert manager.store.run(run_id).state is RunState.INTERRUPTED
        assert manager.store.episode_count(run_id) == 3
    with pytest.raises(RunStateError, match="shutting down"):
        manager.start(TrainingConfig())


def test_closing_does_not_wait_for_a_trainer_that_hangs(managed: Managed) -> None:
    let_go = threading.Event()

    def script(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        let_go.wait(30)
        yield ended()

    manager = managed(script)
    run_id = manager.start(TrainingConfig())
    manager.close(timeout_s=0.05)
    assert manager._runs[run_id].is_at_work
    let_go.set()
    wait_for_end(manager, run_id)


def test_feeds_of_old_runs_leave_memory_and_stay_readable(managed: Managed) -> None:
    manager = managed(a_run_of(2))
    runs = []
    for _ in range(12):
        runs.append(manager.start(TrainingConfig()))
        wait_for_end(manager, runs[-1])
    assert manager.feed(runs[0]) is None
    assert manager.feed(runs[-1]) is not None
    assert [len(manager.view(run_id).read(0, 0).rows) for run_id in runs] == [2] * 12


def test_fifty_viewers_read_while_a_run_publishes(managed: Managed) -> None:
    """Each at its own pace, from the beginning, through rows that left memory: none misses a row or sees one twice."""
    episodes = 4_000
    manager = managed(a_run_of(episodes))
    viewers_ready = threading.Barrier(51)
    seen: list[list[int]] = [[] for _ in range(50)]

    def look(numbers: list[int], limit: int) -> None:
        viewers_ready.wait()
        view = manager.view(run_id)
        while True:
            update = view.read(len(numbers), 0, limit)
            numbers += [row.episode for row in update.rows]
            if update.is_last:
                return

    run_id = manager.start(TrainingConfig())
    manager._runs[run_id].feed._tail_rows = 200
    viewers = [threading.Thread(target=look, args=(numbers, 100 + 37 * at)) for at, numbers in enumerate(seen)]
    for viewer in viewers:
        viewer.start()
    viewers_ready.wait()
    for viewer in viewers:
        viewer.join(timeout=60)
    assert all(numbers == list(range(1, episodes + 1)) for numbers in seen)
