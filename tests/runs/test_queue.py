"""At most so many runs train at a time; the others wait in order, and each knows its place."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError, LimitReachedError, RunStateError, StoreError
from dqn_core.events import EndReason, EpisodeEnded, Event, Pause, Resume, RunEnded, RunState, StateChanged, Stop
from dqn_core.runs.executors.choice import Executors
from dqn_core.runs.executors.thread import TrainerFactory
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.experiments.spec import ExperimentSpec
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.trainer import Trainer
from scripted_trainer import (
    Mailbox,
    Managed,
    a_run_of,
    ended,
    following,
    lose_locks,
    obedient,
    progress,
    same,
    started,
    wait_for_end,
    wait_until,
)
from trainer_runs import short_config


def _state(manager: RunManager, run_id: str) -> RunState:
    return manager.snapshot(run_id).record.state


def _is(manager: RunManager, run_id: str, state: RunState) -> None:
    wait_until(lambda: _state(manager, run_id) is state)


def _places(manager: RunManager, runs: list[str]) -> list[int | None]:
    return [manager.snapshot(run_id).queue_position for run_id in runs]


def _starts(manager: RunManager, count: int, **start: object) -> list[str]:
    return [manager.start(TrainingConfig(seed=seed), **start) for seed in range(count)]


def test_runs_wait_in_order_and_each_begins_when_its_turn_comes(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=2)
    runs = _starts(manager, 5)
    for run_id in runs[:2]:
        _is(manager, run_id, RunState.RUNNING)
    assert [_state(manager, run_id) for run_id in runs[2:]] == [RunState.QUEUED] * 3
    assert _places(manager, runs) == [None, None, 1, 2, 3]
    assert manager.store.run(runs[4]).state is RunState.QUEUED
    assert all(manager.snapshot(run_id).is_active for run_id in runs)

    manager.stop(runs[1])
    _is(manager, runs[2], RunState.RUNNING)
    assert _places(manager, runs) == [None, None, None, 1, 2]
    manager.stop(runs[0])
    _is(manager, runs[3], RunState.RUNNING)
    assert _places(manager, runs) == [None, None, None, None, 1]
    wait_until(lambda: manager.store.run(runs[3]).state is RunState.RUNNING)  # stored right after viewers are told


def test_a_viewer_is_told_each_new_place(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=1)
    runs = _starts(manager, 3)
    feed = manager.view(runs[2]).feed
    first = feed.read(0, 0)
    assert (first.queue_position, first.record.state, first.is_last) == (2, RunState.QUEUED, False)
    manager.stop(runs[1])
    second = feed.read(0, 0)
    assert (second.queue_position, second.version > first.version) == (1, True)
    manager.stop(runs[0])
    wait_until(lambda: feed.state is RunState.RUNNING)
    assert feed.read(0, 0).queue_position is None


def test_all_runs_of_a_long_queue_are_trained(managed: Managed) -> None:
    """Never more than two at a time."""
    lock, at_work, most = threading.Lock(), 0, 0

    def script(config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        for event in a_run_of(3)(config, mailbox):
            if isinstance(event, RunEnded):
                with lock:
                    at_work -= 1
            yield event

    manager = managed(script, max_active_runs=2)
    runs = _starts(manager, 20)
    wait_until(lambda: {manager.store.run(run_id).state for run_id in runs} == {RunState.FINISHED})
    assert 1 <= most <= 2


def test_an_experiment_of_a_hundred_runs_does_not_delay_others(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=2)
    spec = ExperimentSpec.sweep(TrainingConfig(), "gamma", (0.9, 0.95, 0.98, 0.99), tuple(range(25)))
    experiments = Experiments(manager)
    experiment = experiments.start(spec, "many", owner="many")
    others = [manager.start(TrainingConfig(), owner=f"student {number}") for number in range(6)]
    assert _places(manager, others) == [1, 2, 3, 4, 6, 7]  # the fifth place is for those that wait longest
    parts = [run.run_id for run in experiments.status(experiment).runs]
    for number, run_id in enumerate(parts[:2]):
        manager.stop(run_id)
        _is(manager, others[number], RunState.RUNNING)
    assert _state(manager, parts[2]) is RunState.QUEUED
    for run_id in parts[2:]:
        manager.stop(run_id)
    for run_id in others:
        _is(manager, run_id, RunState.RUNNING)
        manager.stop(run_id)


def test_thirty_who_start_two_runs_each_wait_in_turns(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=1)
    first = manager.start(TrainingConfig(), owner="first")
    pairs = [
        [manager.start(TrainingConfig(seed=seed), owner=f"student {number}") for seed in range(2)]
        for number in range(30)
    ]
    assert _places(manager, [pair[0] for pair in pairs]) == list(range(1, 31))
    assert _places(manager, [pair[1] for pair in pairs]) == list(range(31, 61))
    manager.stop(pairs[0][0])
    assert _places(manager, pairs[0]) == [None, 1]  # the second comes in its place
    manager.stop(first)
    _is(manager, pairs[0][1], RunState.RUNNING)


def test_stop_takes_a_run_out_of_the_queue(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=1)
    runs = _starts(manager, 3)
    manager.stop(runs[1])
    wait_for_end(manager, runs[1])
    record = manager.store.run(runs[1])
    assert (record.state, record.reason, record.compute) == (RunState.STOPPED, EndReason.STOPPED, "")
    assert manager.view(runs[1]).read(0, 0).is_last
    assert _places(manager, runs) == [None, None, 1]
    manager.stop(runs[0])
    _is(manager, runs[2], RunState.RUNNING)
    assert _state(manager, runs[1]) is RunState.STOPPED


def test_what_is_asked_of_a_run_that_waits(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=1)
    first, second = _starts(manager, 2)
    for command in (manager.pause, manager.step, manager.resume):
        with pytest.raises(RunStateError):
            command(second)
    manager.watch(second)
    manager.set_pace(second, 7.0)
    assert manager.change(second, "gamma", 0.5).gamma == 0.5
    manager.stop(first)
    wait_until(lambda: manager.store.run(second).config.gamma == 0.5)
    assert manager.snapshot(second).pace == 7.0
    assert _state(manager, second) is RunState.RUNNING


def test_a_run_that_is_paused_lets_the_next_one_begin_and_goes_on_at_once(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=1)
    runs = _starts(manager, 3)
    _is(manager, runs[0], RunState.RUNNING)
    manager.pause(runs[0])
    _is(manager, runs[1], RunState.RUNNING)
    manager.resume(runs[0])
    _is(manager, runs[0], RunState.RUNNING)
    assert [_state(manager, run_id) for run_id in runs[1:]] == [RunState.RUNNING, RunState.QUEUED]
    manager.stop(runs[0])
    wait_for_end(manager, runs[0])
    assert _state(manager, runs[2]) is RunState.QUEUED  # one trains still, as many as may
    manager.stop(runs[1])
    _is(manager, runs[2], RunState.RUNNING)


def test_closing_says_that_the_turn_of_a_run_never_came(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=1)
    _first, second = _starts(manager, 2)
    manager.close()
    record = manager.store.run(second)
    assert (record.state, record.reason, record.episodes) == (RunState.INTERRUPTED, EndReason.INTERRUPTED, 0)
    assert "before this run's turn came" in record.message_template


def test_a_run_that_waited_when_its_server_was_killed_can_be_begun(managed: Managed) -> None:
    earlier = managed(obedient(), max_active_runs=1)
    _first, second = [earlier.start(TrainingConfig(seed=seed), f"run {seed}", owner="me") for seed in (7, 8)]
    lose_locks(earlier)
    later = managed(a_run_of(4), max_active_runs=1)
    assert _state(later, second) is RunState.INTERRUPTED
    later.go_on(second)
    wait_for_end(later, second)
    record = later.store.run(second)
    assert (record.state, record.initial_config, record.episodes) == (RunState.FINISHED, TrainingConfig(seed=8), 4)
    assert (record.name, record.owner) == ("run 8", "me")
    assert [row.episode for row in later.store.episodes(second)] == [1, 2, 3, 4]


def test_a_run_stopped_in_the_queue_begins_as_it_would_have(tmp_path: Path) -> None:
    """With the weights that it was given, and with settings that were changed meanwhile."""
    config = short_config(seed=3, max_env_steps=300)
    weights = {name: array + 1 for name, array in _weights(config).items()}
    manager = RunManager(tmp_path, executor="thread", max_active_runs=1)
    first = manager.start(short_config(max_episodes=1_000_000))
    second = manager.start(config, initial_weights=weights, started_from="a file")
    manager.stop(second)
    wait_for_end(manager, second)
    manager.go_on(second, learning_rate=0.1)
    assert _state(manager, second) is RunState.QUEUED
    manager.stop(first)
    wait_for_end(manager, second)

    trainer = Trainer(config.replace(learning_rate=0.1), initial_weights=weights)
    bare = [event for event in trainer.events() if isinstance(event, EpisodeEnded)]
    record = manager.store.run(second)
    assert (record.reason, record.initial_config.learning_rate) == (EndReason.MAX_EPISODES, 0.1)
    assert same(_timeless(manager.store.episodes(second)), _timeless(bare))
    last = RunFolder.open(manager.run_folder(second)).weights("last")
    assert all(np.array_equal(last[name], array) for name, array in trainer.state.learner.weights().items())
    manager.close()


def _weights(config: TrainingConfig) -> dict[str, np.ndarray]:
    trainer = Trainer(config)
    for _event in trainer.events():
        return trainer.state.learner.weights()
    raise AssertionError


def _timeless(rows: list[EpisodeEnded]) -> list[EpisodeEnded]:
    return [replace(row, wall_time_s=0.0) for row in rows]


def test_a_visitor_has_no_more_runs_than_the_limit(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=1, max_runs_per_visitor=2)
    mine = _starts(manager, 2, owner="me")
    with pytest.raises(LimitReachedError, match="You have 2 runs"):
        manager.start(TrainingConfig(), owner="me")
    assert len(manager.list_runs()) == 2
    _starts(manager, 1, owner="somebody else")
    _starts(manager, 3)  # runs of everybody
    manager.stop(mine[1])
    wait_for_end(manager, mine[1])
    third = manager.start(TrainingConfig(), owner="me")
    with pytest.raises(LimitReachedError):
        manager.go_on(mine[1])
    manager.stop(third)
    manager.go_on(mine[1])
    assert _state(manager, mine[1]) is RunState.QUEUED


def test_a_run_whose_log_cannot_be_kept_leaves_nothing(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = managed(obedient(), max_active_runs=1)
    _starts(manager, 1)

    def full(*_: object) -> None:
        template = "The disk is full"
        raise StoreError(template)

    monkeypatch.setattr(manager.store, "create_run", full)
    with pytest.raises(StoreError):
        manager.start(TrainingConfig())
    (record,) = manager.list_runs()
    assert [path.name for path in manager.run_folder(record.run_id).parent.iterdir()] == [record.run_id]


# ------------------------------------------------------------------------------------------------- unwatched


def _chatty(_config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
    """Reports progress without end, and pauses, resumes and stops as it is told."""
    yield started()
    is_paused = False
    while True:
        if not is_paused and mailbox.empty():
            time.sleep(0.002)
            yield progress()
            continue
        match mailbox.get():
            case Stop():
                yield ended(EndReason.STOPPED)
                return
            case (Pause() | Resume()) as command:
                is_paused = isinstance(command, Pause)
                yield StateChanged(state=RunState.PAUSED if is_paused else RunState.RUNNING)


def test_a_run_that_nobody_watches_is_paused_and_says_so(managed: Managed) -> None:
    manager = managed(_chatty, max_active_runs=1, pause_unwatched_after_s=0.2)
    first, second = _starts(manager, 2)
    _is(manager, first, RunState.PAUSED)
    (notice,) = manager.view(first).read(0, 0).notices
    assert "Nobody watched" in notice.template
    _is(manager, second, RunState.PAUSED)  # its turn came, and nobody watched it either
    manager.resume(first)
    _is(manager, first, RunState.RUNNING)


def test_a_run_that_somebody_looks_at_goes_on(managed: Managed) -> None:
    manager = managed(_chatty, pause_unwatched_after_s=0.4)
    watched, looked_at, alone = _starts(manager, 3)

    def look_on() -> bool:
        manager.watch(watched)
        manager.look(looked_at)
        return _state(manager, alone) is RunState.PAUSED

    wait_until(look_on)
    assert [_state(manager, run_id) for run_id in (watched, looked_at)] == [RunState.RUNNING] * 2


def test_the_runs_of_an_experiment_need_nobody(managed: Managed) -> None:
    manager = managed(_chatty, pause_unwatched_after_s=0.1)
    part = manager.start(TrainingConfig(), experiment_id="abc")
    alone = manager.start(TrainingConfig())
    _is(manager, alone, RunState.PAUSED)
    assert _state(manager, part) is RunState.RUNNING


def test_by_default_nobody_needs_to_watch(managed: Managed) -> None:
    manager = managed(_chatty)
    run_id = manager.start(TrainingConfig())
    manager._runs[run_id]._seen_at = -1e9
    version = manager.view(run_id).feed.version
    wait_until(lambda: manager.view(run_id).feed.version > version + 20)
    assert _state(manager, run_id) is RunState.RUNNING


# ---------------------------------------------------------------------------------------------------- memory


_MEMORY = 2 * 2**30
_HEAVY = TrainingConfig(hidden_sizes=(3_072, 3_072), buffer_size=2_000_000)
"""Takes more than half of it."""


def test_a_run_that_cannot_fit_is_refused_before_anything_of_it_is_kept(managed: Managed) -> None:
    manager = managed(obedient(), memory_bytes=2**30)
    with pytest.raises(ConfigError) as refused:
        manager.start(TrainingConfig(buffer_size=10_000_000))
    (problem,) = refused.value.problems
    assert problem.field == "buffer_size"
    assert manager.list_runs() == []
    run_id = manager.start(TrainingConfig(buffer_size=int(str(problem.parameters["largest"]))))
    _is(manager, run_id, RunState.RUNNING)


def test_a_memory_that_grows_beyond_the_machine_while_it_trains_is_refused(managed: Managed) -> None:
    manager = managed(obedient(), memory_bytes=2**30)
    run_id = manager.start(TrainingConfig())
    _is(manager, run_id, RunState.RUNNING)
    with pytest.raises(ConfigError, match="buffer_size"):
        manager.change(run_id, "buffer_size", 10_000_000)
    assert manager.snapshot(run_id).wanted_config == TrainingConfig()
    assert manager.change(run_id, "buffer_size", 20_000).buffer_size == 20_000


def test_an_experiment_one_of_whose_runs_cannot_fit_starts_none(managed: Managed) -> None:
    manager = managed(obedient(), memory_bytes=2**30)
    spec = ExperimentSpec.sweep(TrainingConfig(), "buffer_size", (10_000, 10_000_000), (0, 1))
    with pytest.raises(ConfigError, match="buffer_size"):
        Experiments(manager).start(spec, "too much")
    assert manager.list_runs() == []
    assert Experiments(manager).latest() == []


def test_runs_that_do_not_fit_beside_each_other_wait(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=3, memory_bytes=_MEMORY)
    first, second = (manager.start(_HEAVY.replace(seed=seed)) for seed in range(2))
    _is(manager, first, RunState.RUNNING)
    assert _state(manager, second) is RunState.QUEUED
    manager.pause(first)  # it keeps its memory
    _is(manager, first, RunState.PAUSED)
    assert _state(manager, second) is RunState.QUEUED
    manager.stop(first)
    _is(manager, second, RunState.RUNNING)


def test_a_large_run_trains_in_a_process_of_its_own_even_where_it_is_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    factory = Executors.factory

    def noted(executors: Executors, run_id: str, env_id: str, *, is_alone: bool) -> TrainerFactory:
        asked.append(is_alone)
        return factory(executors, run_id, env_id, is_alone=is_alone)

    monkeypatch.setattr(Executors, "factory", noted)
    manager = RunManager(tmp_path, trainer_factory=following(obedient()), memory_bytes=2 * _MEMORY)
    try:
        for config in (_HEAVY, TrainingConfig()):
            run_id = manager.start(config)
            _is(manager, run_id, RunState.RUNNING)
            manager.stop(run_id)
            _is(manager, run_id, RunState.STOPPED)
    finally:
        manager.close()
    assert asked == [False, True]


def test_paused_runs_of_one_visitor_have_a_bound(managed: Managed) -> None:
    manager = managed(obedient(), max_active_runs=50)
    runs = _starts(manager, 8, owner="ann")
    for run_id in runs:
        _is(manager, run_id, RunState.RUNNING)
        manager.pause(run_id)
        _is(manager, run_id, RunState.PAUSED)
    with pytest.raises(LimitReachedError, match="8 paused runs"):
        manager.start(TrainingConfig(seed=9), owner="ann")
    for owner in ("ben", ""):
        manager.start(TrainingConfig(seed=9), owner=owner)
    manager.stop(runs[0])
    _is(manager, runs[0], RunState.STOPPED)
    manager.start(TrainingConfig(seed=9), owner="ann")
