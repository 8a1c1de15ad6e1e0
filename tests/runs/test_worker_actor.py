"""What an actor of a cluster keeps for its server: here without a cluster."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dqn_core.errors import ClusterError
from dqn_core.events import (
    CheckpointReady,
    EndReason,
    EpisodeEnded,
    Event,
    Pause,
    Progress,
    Resume,
    RunEnded,
    RunState,
    SetHyperparameter,
    SetPace,
    StateChanged,
    Stop,
)
from dqn_core.runs.executors.training_worker import RunToTrain, train
from dqn_core.runs.executors.worker_actor import Order, Reading, WorkerActor, lab_version, newest
from scripted_trainer import changed, episode, frame, progress, started, wait_until
from trainer_runs import recorded, short_config, snapshot_of


@pytest.fixture
def actor() -> Iterator[WorkerActor]:
    actor = WorkerActor()
    yield actor
    actor.kill()


def _order(**changes: Any) -> Order:
    run = RunToTrain(config=short_config(compute="fused", **changes), rates={}, resume_from=None)
    return Order(function=train, argument=run, preload=(), environments=None, version=lab_version())


def _events(reading: Reading) -> list[Event]:
    return [event for _, batch in reading.batches for event in pickle.loads(batch)]  # noqa: S301  of this program's own making


def _read_to_end(actor: WorkerActor) -> tuple[list[Event], Reading]:
    events: list[Event] = []
    after = 0
    while True:
        reading = actor.read(after, 0, 5.0)
        events += _events(reading)
        after = reading.batches[-1][0] if reading.batches else after
        if reading.status is not None:
            return events, reading


def test_what_was_not_acknowledged_is_read_again_and_nothing_else(actor: WorkerActor) -> None:
    actor.begin(_order(max_episodes=20))
    events, last = _read_to_end(actor)
    assert last.status == 0
    assert [each.episode for each in events if isinstance(each, EpisodeEnded)] == list(range(1, 21))
    assert [each.reason for each in events if isinstance(each, RunEnded)] == [EndReason.MAX_EPISODES]

    again = actor.read(0, 0, 0.0)
    assert [type(each) for each in _events(again)] == [type(each) for each in events]
    after = again.batches[1][0]
    rest = actor.read(0, after, 0.0)
    assert [number for number, _ in rest.batches] == [number for number, _ in again.batches if number > after]
    assert rest.status == 0
    done = actor.read(0, again.batches[-1][0], 0.0)
    assert (list(done.batches), done.status) == ([], 0)


def test_commands_reach_the_trainer_and_are_remembered(actor: WorkerActor) -> None:
    assert actor.standing() is None
    actor.begin(_order(max_episodes=1_000_000))
    for command in (SetPace(50.0), Pause(), Resume(), SetHyperparameter("gamma", 0.5), SetHyperparameter("gamma", 0.6)):
        actor.tell(command)
    standing = actor.standing()
    assert standing is not None
    assert (standing.pace, standing.is_pause_wanted, standing.changes) == (SetPace(50.0), False, {"gamma": 0.6})
    actor.tell(Stop())
    events, _ = _read_to_end(actor)
    assert [each.reason for each in events if isinstance(each, RunEnded)] == [EndReason.STOPPED]


def test_a_killed_worker_is_told_by_its_status(actor: WorkerActor) -> None:
    actor.begin(_order(max_episodes=1_000_000))
    actor.read(0, 0, 30.0)
    actor.kill()
    assert _read_to_end(actor)[1].status == -9


def test_another_version_of_the_lab_is_refused(actor: WorkerActor) -> None:
    order = _order()
    with pytest.raises(ClusterError, match="bring both to the same version"):
        actor.begin(replace(order, version="another"))


def test_what_is_replaced_need_not_be_kept() -> None:
    def checkpoint(env_step: int) -> CheckpointReady:
        return CheckpointReady(episode=1, env_step=env_step, arrays={"a": np.zeros(3)}, values={})

    rows = [episode(number) for number in range(1, 9)]
    weights = {"layers.0.weight": np.zeros((2, 2), np.float32)}
    best, last = snapshot_of(weights), snapshot_of(weights, "last")
    messages = [started(), progress(1), checkpoint(1), best, frame(1), *rows, changed("gamma", 0.9, 0.8), progress(2)]
    messages += [last, checkpoint(2), recorded(3), frame(2), StateChanged(state=RunState.PAUSED), best, recorded(4)]
    kept = newest(messages)
    assert [each for each in kept if isinstance(each, EpisodeEnded)] == rows
    assert [each.env_step for each in kept if isinstance(each, (CheckpointReady, Progress))] == [2, 2]
    assert [type(each).__name__ for each in kept].count("Frame") == 1
    assert [type(each).__name__ for each in kept].count("StateChanged") == 1
    assert [type(each).__name__ for each in kept].count("HyperparametersChanged") == 1
    assert sum(each is best for each in kept) == 1


def test_memory_stays_bounded_while_nobody_reads() -> None:
    actor = WorkerActor(most_kept_bytes=100_000)
    try:
        actor.begin(_order(max_episodes=1_000_000))
        wait_until(lambda: actor._kept_bytes > 100_000)  # the trainer waits, for there is no more room
        most_at_once = max(len(content) for _number, content in actor._batches)
        assert actor._kept_bytes <= 100_000 + most_at_once
        reading = actor.read(0, 0, 0.0)
        numbers = [each.episode for each in _events(reading) if isinstance(each, EpisodeEnded)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) > 20
        last = reading.batches[-1][0]
        assert actor.read(last, last, 30.0).batches[0][0] == last + 1  # it goes on
    finally:
        actor.kill()
