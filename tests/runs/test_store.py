from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_core.config import TrainingConfig
from dqn_core.errors import StoreError, UnknownRunError
from dqn_core.events import Change, EndReason, EpisodeEnded, HyperparametersChanged, RunState
from dqn_core.runs.storage import backends
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore
from dqn_core.runs.storage.tables import SCHEMA_VERSION
from scripted_trainer import changed, episode, same

pytestmark = pytest.mark.each_database

_RUN = "20260401-143501-x7k2"
_STARTED = datetime(2026, 4, 1, 14, 35, 1, 500, tzinfo=UTC)


def _record(run_id: str = _RUN, started_at: datetime = _STARTED, state: RunState = RunState.RUNNING) -> RunRecord:
    config = TrainingConfig(hidden_sizes=(16, 8), goal_score=None)
    initial = config.replace(gamma=0.5)
    return RunRecord(
        run_id=run_id, name="a run", config=config, initial_config=initial, started_at=started_at, state=state
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "runs.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[RunStore]:
    store = RunStore(path)
    store.create_run(_record())
    yield store
    store.close()


def test_everything_survives_a_reopening(store: RunStore, path: Path) -> None:
    episodes = [episode(number) for number in range(1, 8)]
    changes = [changed("gamma", 0.99, 0.9), changed("goal_score", None, 200.0), changed("loss", "mse", "huber")]
    store.append(
        _RUN,
        episodes,
        changes,
        state=RunState.FAILED,
        reason=EndReason.DIVERGED,
        message_template="The loss became {loss}",
        message_parameters={"loss": math.inf, "path": Path("x")},
        best_eval=12.5,
    )
    store.close()

    reopened = RunStore(path)
    record = reopened.run(_RUN)
    assert all(map(same, reopened.episodes(_RUN), episodes))
    assert len(reopened.episodes(_RUN)) == reopened.episode_count(_RUN) == 7
    assert reopened.changes(_RUN) == changes
    assert (record.config, record.initial_config) == (_record().config, _record().initial_config)
    assert (record.started_at, record.state, record.reason) == (_STARTED, RunState.FAILED, EndReason.DIVERGED)
    assert record.message_parameters == {"loss": math.inf, "path": "x"}
    assert record.best_eval == 12.5
    reopened.close()


def test_a_run_without_evaluations_has_no_best(store: RunStore) -> None:
    assert store.run(_RUN).best_eval is None
    store.update_run(_RUN, best_eval=3.0)
    store.update_run(_RUN, best_eval=math.nan)
    assert store.run(_RUN).best_eval is None


@settings(max_examples=20, deadline=None)
@given(
    value=st.floats(allow_nan=True, allow_infinity=True, width=64),
    big=st.integers(0, 2**62),
    flags=st.tuples(st.booleans(), st.booleans()),
)
def test_every_value_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, value: float, big: int, flags: tuple[bool, bool]
) -> None:
    store = RunStore(tmp_path_factory.mktemp("store") / "runs.sqlite")
    store.create_run(_record())
    row = episode(1, loss_mean=value, env_step=big, terminated=flags[0], truncated=flags[1])
    store.append(_RUN, [row], [])
    (back,) = store.episodes(_RUN)
    store.close()
    assert same(back, row)


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.integers(0, 7), max_size=6), after=st.integers(0, 45), limit=st.none() | st.integers(1, 45))
def test_a_cursor_reads_what_follows_it(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], after: int, limit: int | None
) -> None:
    store = RunStore(tmp_path_factory.mktemp("store") / "runs.sqlite")
    store.create_run(_record())
    rows: list[EpisodeEnded] = []
    for size in batches:
        batch = [episode(len(rows) + offset) for offset in range(1, size + 1)]
        store.append(_RUN, batch, [])
        rows += batch
    read = store.episodes(_RUN, after, limit)
    store.close()
    wanted = rows[after:] if limit is None else rows[after : after + limit]
    assert same(read, wanted)


def test_runs_do_not_mix(store: RunStore) -> None:
    other = "20260401-143501-aaaa"
    store.create_run(_record(other))
    store.append(_RUN, [episode(1)], [])
    store.append(other, [episode(1), episode(2)], [changed("gamma", 0.9, 0.8)])
    assert (store.episode_count(_RUN), store.episode_count(other)) == (1, 2)
    assert store.changes(_RUN) == []


def test_the_newest_run_comes_first(store: RunStore) -> None:
    ids = [_RUN, "20260401-143502-bbbb", "20260402-000000-aaaa"]
    for age, run_id in enumerate(ids[1:], 1):
        store.create_run(_record(run_id, _STARTED + timedelta(hours=age)))
    assert [record.run_id for record in store.runs()] == ids[::-1]
    assert [record.run_id for record in store.runs(limit=1)] == ids[-1:]


def test_an_append_is_all_or_nothing(store: RunStore) -> None:
    with pytest.raises(StoreError):
        store.append(_RUN, [episode(1), episode(2, env_step=object())], [changed("gamma", 0.9, 0.8)], episodes=2)
    assert (store.episode_count(_RUN), store.changes(_RUN), store.run(_RUN).episodes) == (0, [], 0)
    store.append(_RUN, [episode(1)], [])
    assert store.episode_count(_RUN) == 1


@pytest.mark.parametrize("episodes", [(), (episode(1),)])
def test_an_unknown_run_is_named(store: RunStore, episodes: tuple[EpisodeEnded, ...]) -> None:
    unknown = "20260401-143501-zzzz"
    with pytest.raises(UnknownRunError, match=unknown):
        store.run(unknown)
    with pytest.raises(UnknownRunError, match=unknown):
        store.append(unknown, episodes, [], state=RunState.RUNNING)
    assert store.episodes(unknown) == []


def test_only_runs_left_active_are_marked_interrupted(store: RunStore) -> None:
    ids = {state: f"20260401-143501-{number:04d}" for number, state in enumerate(RunState)}
    for state, run_id in ids.items():
        store.create_run(_record(run_id, state=state))
    assert store.mark_interrupted() == 1 + sum(state.is_active for state in RunState)
    for state, run_id in ids.items():
        record = store.run(run_id)
        assert record.state is (RunState.INTERRUPTED if state.is_active else state)
        assert ("killed" in record.message_template) is state.is_active


@pytest.mark.sqlite_file
def test_a_newer_database_is_refused_and_left_as_it_is(path: Path, store: RunStore) -> None:
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        RunStore(path)


@pytest.mark.sqlite_file
def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    path.write_text("This is not a database, it is a letter of more than a few words.\n" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        RunStore(path)


@pytest.mark.sqlite_file
def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        RunStore(tmp_path / "file" / "runs.sqlite")


@pytest.mark.sqlite_file
def test_a_lock_of_another_program_is_told_and_passes(path: Path, store: RunStore) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.append(_RUN, [episode(1)], [])
    assert store.episodes(_RUN) == []  # readers are not kept waiting
    other.execute("ROLLBACK")
    other.close()
    store.append(_RUN, [episode(1)], [])
    assert store.episode_count(_RUN) == 1


def test_a_slow_write_of_this_program_delays_others_and_refuses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes its time is no other program's lock: three runs that end at once all keep their last rows."""
    monkeypatch.setattr(backends, "_LOCK_WAIT_S", 0.01)
    store = RunStore(tmp_path / "runs.sqlite")
    store.create_run(_record())
    others = [threading.Thread(target=store.append, args=(_RUN, [episode(1)], [])) for _ in range(3)]
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET episodes = 5")
        for each in others:
            each.start()
        others[0].join(timeout=0.2)  # many times longer than a statement waits for a lock
        assert [each.is_alive() for each in others] == [True] * 3
    for each in others:
        each.join(timeout=10)
    assert (store.episode_count(_RUN), store.run(_RUN).episodes) == (3, 5)
    store.close()


@pytest.mark.sqlite_file
def test_a_write_that_never_ends_is_told(path: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_TURN_WAIT_S", 0.01)
    with store.database.write(), pytest.raises(StoreError, match="earlier write"):
        store.append(_RUN, [episode(1)], [])
    store.append(_RUN, [episode(1)], [])
    assert store.episode_count(_RUN) == 1


def test_deleting_a_run_deletes_its_rows(path: Path, store: RunStore) -> None:
    store.append(_RUN, [episode(1)], [changed("gamma", 0.9, 0.8)])
    with store.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM runs")
    assert (store.episodes(_RUN), store.changes(_RUN)) == ([], [])


def test_one_event_may_hold_several_changes(store: RunStore) -> None:
    changes = (Change(field="buffer_size", old=9, new=5), Change(field="warmup_steps", old=9, new=5))
    event = HyperparametersChanged(wall_time_s=1.5, env_step=3, episode=2, changes=changes)
    store.append(_RUN, [], [event])
    assert store.changes(_RUN) == [event]
