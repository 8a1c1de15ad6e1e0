from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dqn_core.config import TrainingConfig
from dqn_core.errors import StoreError
from dqn_core.events import (
    CheckpointReady,
    EndReason,
    EpisodeEnded,
    RunState,
    SnapshotKind,
    StateChanged,
    WeightsReady,
)
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.recorder import RunRecorder
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore
from dqn_core.training.run_folder import RunFolder
from scripted_trainer import changed, ended, episode, progress, same, started
from trainer_runs import recorded

pytestmark = pytest.mark.each_database

_RUN = "20260401-143501-x7k2"
_UNHEARD = "The answer was lost."


class Desk:
    """A recorder with a clock to turn and everything it writes to."""

    def __init__(self, path: Path) -> None:
        config = TrainingConfig()
        now = datetime(2026, 4, 1, tzinfo=UTC)
        record = RunRecord(run_id=_RUN, name="a run", config=config, initial_config=config, started_at=now)
        self.now = 100.0
        self.database = path / "runs.sqlite"
        self.store = RunStore(self.database)
        self.store.create_run(record)
        self.feed = LiveFeed(record)
        self.folder = RunFolder.create(path / "folder", config)
        self.recorder = RunRecorder(self.feed, self.store, self.folder, clock=lambda: self.now)

    @property
    def stored(self) -> int:
        return self.store.episode_count(_RUN)

    @property
    def notices(self) -> list[str]:
        return [notice.template.format(**notice.parameters) for notice in self.feed.read(0, 0).notices]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_a_thousand_episodes_a_second_are_stored_in_few_transactions(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    appended: list[int] = []
    append = desk.store.append

    def count(run_id: str, rows: Sequence[EpisodeEnded], *changes: object, **values: object) -> None:
        appended.append(len(rows))
        append(run_id, rows, *changes, **values)

    monkeypatch.setattr(desk.store, "append", count)
    desk.recorder.take(started())
    longest_wait = waiting_since = 0.0
    for number in range(1, 1_001):
        desk.now += 0.001
        waiting_since = waiting_since or desk.now
        desk.recorder.take(episode(number))
        if appended and not desk.feed.has_unstored:
            longest_wait, waiting_since = max(longest_wait, desk.now - waiting_since), 0.0
    assert len(appended) <= 12
    assert longest_wait <= 0.5


def test_where_nothing_is_new_nothing_is_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for event in (started(), episode(1), StateChanged(state=RunState.PAUSED)):
        desk.recorder.take(event)
    assert desk.feed.record() == desk.store.run(_RUN)
    monkeypatch.setattr(desk.store, "append", lambda *_, **_values: pytest.fail("it was written"))
    assert desk.recorder.flush()


def test_an_episode_after_a_silence_is_stored_at_once(desk: Desk) -> None:
    desk.recorder.take(started())
    desk.now += 10.0
    desk.recorder.take(episode(1))
    assert desk.stored == 1
    desk.now += 0.01
    desk.recorder.take(episode(2))  # in a rush
    assert desk.stored == 1
    desk.now += 0.25
    desk.recorder.take(progress())
    assert desk.stored == 2


@pytest.mark.parametrize(
    "event", [StateChanged(state=RunState.PAUSED), changed("gamma", 0.99, 0.9), ended(EndReason.STOPPED, 2)], ids=repr
)
def test_a_turn_of_the_run_stores_everything_at_once(desk: Desk, event: object) -> None:
    desk.recorder.take(episode(1))
    desk.recorder.take(episode(2))
    desk.recorder.take(event)
    assert desk.stored == 2
    assert desk.store.run(_RUN) == desk.feed.record()


def test_a_checkpoint_comes_after_the_rows_of_the_episodes_before_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.recorder.take(started())
    desk.recorder.take(episode(1))
    desk.recorder.take(episode(2))
    monkeypatch.setattr(desk.folder, "write_checkpoint", _is_killed)
    with pytest.raises(_KilledError):
        desk.recorder.take(_checkpoint(2))
    assert desk.stored == 2


class _KilledError(Exception):
    """As if the server ended in that moment."""


def _is_killed(_event: CheckpointReady) -> None:
    raise _KilledError


def test_progress_reaches_the_database_twice_a_second(desk: Desk) -> None:
    for step in range(40):
        desk.now += 0.05
        desk.recorder.take(progress(env_step=100 * step))
        assert 100 * step - desk.store.run(_RUN).env_steps <= 1_000


@pytest.mark.sqlite_file
def test_a_locked_database_delays_rows_and_loses_none(desk: Desk) -> None:
    desk.recorder.take(started())
    other = sqlite3.connect(desk.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    desk.now += 1.0
    desk.recorder.take(episode(1))
    desk.now += 1.0
    desk.recorder.take(episode(2))  # no new attempt yet: it would wait for the lock again
    desk.recorder.take(changed("gamma", 0.99, 0.9))
    (notice,) = desk.notices
    assert "locked" in notice
    assert "held in memory" in notice
    other.execute("ROLLBACK")
    other.close()

    desk.now += 5.0
    desk.recorder.take(episode(3))
    assert same(desk.store.episodes(_RUN), [episode(1), episode(2), episode(3)])
    assert desk.store.changes(_RUN) == [changed("gamma", 0.99, 0.9)]
    (notice,) = desk.notices
    assert "being stored in the database again" in notice


def test_rows_that_were_kept_though_nobody_heard_of_it_are_stored_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke after the commit, before its answer: the same rows are sent again, with newer ones."""
    desk.recorder.take(started())
    append = desk.store.append

    def unheard(*rows: Any, **values: Any) -> None:
        monkeypatch.undo()
        append(*rows, **values)
        raise StoreError(_UNHEARD)

    monkeypatch.setattr(desk.store, "append", unheard)
    desk.now += 1.0
    desk.recorder.take(episode(1))
    desk.recorder.take(changed("gamma", 0.99, 0.9))
    desk.now += 5.0
    desk.recorder.take(episode(2))
    assert desk.recorder.flush()
    assert same(desk.store.episodes(_RUN), [episode(1), episode(2)])
    assert desk.store.changes(_RUN) == [changed("gamma", 0.99, 0.9)]


@pytest.mark.sqlite_file
def test_a_full_disk_delays_rows_and_loses_none(desk: Desk) -> None:
    with desk.store.database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    for number in range(1, 2_001):
        desk.now += 0.01
        desk.recorder.take(episode(number))
    assert desk.stored < 2_000
    assert "full" in desk.notices[0]

    with desk.store.database.read() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    desk.recorder.take(ended(episodes=2_000))
    assert same(desk.store.episodes(_RUN), [episode(number) for number in range(1, 2_001)])
    assert desk.store.run(_RUN).state is RunState.FINISHED


def test_weights_and_settings_land_in_the_folder(desk: Desk) -> None:
    state = {"online.layers.0.weight": np.ones((2, 4), np.float32), "online.layers.0.bias": np.zeros(2, np.float32)}
    desk.recorder.take(WeightsReady(kind="best", episode=1, env_step=9, eval_return=3.0, state=state))
    desk.recorder.take(changed("gamma", 0.99, 0.9))
    folder = RunFolder.open(desk.folder.path)
    assert folder.config.gamma == 0.9
    assert np.array_equal(folder.weights("best")["layers.0.weight"], state["online.layers.0.weight"])


def _snapshot(kind: SnapshotKind, value: float, episode: int = 1) -> WeightsReady:
    state = {"online.layers.0.bias": np.full(2, value, np.float32)}
    return WeightsReady(kind=kind, episode=episode, env_step=9, eval_return=3.0, state=state)


def _checkpoint(env_step: int) -> CheckpointReady:
    arrays = {"replay.rows": np.full((4, 3), env_step, np.float32)}
    return CheckpointReady(episode=1, env_step=env_step, arrays=arrays, values={"counters": {"env_step": env_step}})


def test_files_that_a_full_disk_does_not_take_are_written_later_the_newest_of_each(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.recorder.take(_checkpoint(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _refuse)
        for number in range(2, 60):
            desk.now += 0.5
            desk.recorder.take(_checkpoint(number))
            desk.recorder.take(_snapshot("best", number))
            desk.recorder.take(recorded(number))
            desk.recorder.take(changed("gamma", 0.99, 1.0 / number))
        (notice,) = desk.notices
        assert "No space left" in notice
        assert "Make room on the disk" in notice
        assert desk.folder.checkpoint().values["counters"]["env_step"] == 1  # whole, and the last that could be written
        assert not desk.recorder.flush()
    desk.now += 5.0
    desk.recorder.take(progress())
    (notice,) = desk.notices
    assert "files can be written again" in notice
    assert desk.recorder.flush()
    folder = RunFolder.open(desk.folder.path)
    assert folder.checkpoint().values["counters"]["env_step"] == 59
    assert folder.weights("best")["layers.0.bias"].tolist() == [59.0, 59.0]
    assert folder.config.gamma == 1.0 / 59
    assert not [path.name for path in desk.folder.path.rglob(".*")]  # nothing half written stays


def test_a_folder_that_went_away_is_told_once_and_stops_nothing(desk: Desk) -> None:
    for file in desk.folder.path.iterdir():
        file.unlink()
    desk.folder.path.rmdir()
    desk.recorder.take(_snapshot("last", 1.0))
    desk.recorder.take(recorded(4))
    desk.recorder.take(changed("gamma", 0.99, 0.9))
    (notice,) = desk.notices
    assert str(desk.folder.path) in notice
    assert desk.store.changes(_RUN)


def _refuse(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
