"""How long a run will wait: from what was measured, or unknown."""

from __future__ import annotations

import math
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dqn_core.config import TrainingConfig
from dqn_core.events import Event, Stop
from dqn_core.runs.waiting_time import Durations, waiting_times
from scripted_trainer import Mailbox, Managed, ended, episode, progress, started, wait_until

_CONFIG = TrainingConfig(max_episodes=100)
_UNKNOWN = math.inf


@pytest.mark.parametrize(
    ("durations", "training", "places", "expected"),
    [
        ([], [], 1, []),
        ([5.0, 5.0], [10.0], 1, [10.0, 15.0]),
        ([5.0, 5.0, 5.0], [10.0, 3.0], 2, [3.0, 8.0, 10.0]),
        ([5.0, 5.0], [10.0], 2, [0.0, 5.0]),  # one place is free
        ([5.0, 5.0], [10.0, 20.0, 30.0], 2, [20.0, 25.0]),  # one more than the limit: the first leaves no place
        ([5.0, 5.0], [None], 1, [_UNKNOWN, _UNKNOWN]),
        ([5.0, 5.0], [None, 4.0], 2, [4.0, 9.0]),  # if the unknown one ends sooner, all the better
        ([None, 5.0], [4.0], 1, [4.0, _UNKNOWN]),
    ],
)
def test_waiting_times_by_hand(
    durations: list[float | None], training: list[float | None], places: int, expected: list[float]
) -> None:
    assert waiting_times(durations, training, places) == expected


_seconds = st.none() | st.floats(0, 1e6)


@given(st.lists(_seconds, max_size=20), st.lists(_seconds, max_size=6), st.integers(1, 4))
def test_nobody_is_told_a_shorter_wait_than_one_who_comes_before(
    durations: list[float | None], training: list[float | None], places: int
) -> None:
    waits = waiting_times(durations, training, places)
    assert len(waits) == len(durations)
    assert waits == sorted(waits)


def test_a_run_lasts_as_long_as_one_with_the_same_settings_did() -> None:
    durations = Durations()
    assert durations.expected(_CONFIG, 1.0, 1_000) is None
    durations.add_rate(_CONFIG.env_id, 500, 5.0)
    assert durations.expected(_CONFIG, 1.0, 1_000) == 10.0
    assert durations.expected(_CONFIG, 1.0, 0) is None
    assert durations.expected(TrainingConfig(env_id="Acrobot-v1"), 1.0, 1_000) is None
    durations.foresee(_CONFIG.replace(seed=3), 80.0)
    assert durations.expected(_CONFIG, 0.25, 1_000) == 20.0
    durations.add(_CONFIG.replace(seed=4), 40.0)
    assert durations.expected(_CONFIG, 1.0, 1_000) == 40.0
    durations.add(_CONFIG.replace(seed=5), 50.0)
    assert 40.0 < (durations.expected(_CONFIG, 1.0, 1_000) or 0.0) < 50.0
    assert durations.expected(_CONFIG.replace(gamma=0.5), 1.0, 1_000) == 10.0  # other settings: by the rate


def test_a_moment_of_training_says_nothing_of_the_rate() -> None:
    durations = Durations()
    durations.add_rate(_CONFIG.env_id, 500, 0.1)
    durations.add_rate(_CONFIG.env_id, 0, 10.0)
    assert durations.expected(_CONFIG, 1.0, 1_000) is None


def _half_done(_config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
    """Half of its episodes in 100 seconds of training, then as told; an end means its own."""
    yield started()
    for number in range(1, 51):
        yield episode(number, wall_time_s=2.0 * number)
        yield progress(20 * number, wall_time_s=2.0 * number)
    while not isinstance(mailbox.get(timeout=60), Stop):
        yield progress(1_000, wall_time_s=100.0)
    yield ended(episodes=50, wall_time_s=100.0)


def test_those_that_wait_are_told_what_the_running_ones_measured(managed: Managed) -> None:
    manager = managed(_half_done, max_active_runs=1)
    first, second, third = [manager.start(_CONFIG.replace(seed=seed), owner=f"{seed}") for seed in range(3)]
    other = manager.start(TrainingConfig(env_id="Acrobot-v1", max_episodes=100), owner="other")
    last = manager.start(_CONFIG.replace(seed=9), owner="last")
    runs = (second, third, other, last)

    def waits() -> list[float | None]:
        manager.watch(first)  # the trainer says something, and the times are looked at again
        return [manager.snapshot(run_id).queue_wait_s for run_id in runs]

    # 100 s remain, and whole runs take 200 s; of Acrobot nothing is known, nor of what follows it.
    wait_until(lambda: waits() == [120.0, 300.0, 540.0, None])
    assert [manager.snapshot(run_id).queue_position for run_id in runs] == [1, 2, 3, 4]
    assert manager.view(third).feed.read(0, 0).queue_wait_s == 300.0
    manager.stop(first)
    wait_until(lambda: manager.snapshot(second).queue_position is None)
    assert manager.snapshot(second).queue_wait_s is None


def test_an_unknown_wait_is_none(managed: Managed) -> None:
    def silent(_config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        mailbox.get(timeout=60)
        yield ended()

    manager = managed(silent, max_active_runs=1)
    manager.start(_CONFIG)
    second = manager.start(_CONFIG.replace(seed=1))
    snapshot = manager.snapshot(second)
    assert (snapshot.queue_position, snapshot.queue_wait_s) == (1, None)
