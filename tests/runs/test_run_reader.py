from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dqn_core.analysis.episode_table import COLUMNS, EpisodeTable
from dqn_core.analysis.metrics import run_metrics
from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason, EpisodeEnded, RunState
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.run_reader import RunReader
from dqn_core.runs.storage.store import RunStore
from dqn_core.runs.storage.tables import EPISODE_FIELDS
from scripted_trainer import changed, episode

pytestmark = pytest.mark.each_database


class Watched(RunStore):
    """A store that remembers what was read of it."""

    reads: list[tuple[str, int]]

    def episode_columns(
        self,
        run_id: str,
        names: Sequence[str],
        after: int = 0,
        places: Sequence[int] | None = None,
        every: int = 1,
    ) -> np.ndarray:
        self.reads.append((run_id[-1], after))
        return super().episode_columns(run_id, names, after, places, every)


@pytest.fixture
def store(tmp_path: Path) -> Watched:
    store = Watched(tmp_path / "lab.sqlite")
    store.reads = []
    return store


def a_run(store: RunStore, letter: str, episodes: int = 0, **values: Any) -> RunRecord:
    record = RunRecord(
        **{
            "run_id": f"20260401-120000-000{letter}",
            "name": letter,
            "config": TrainingConfig(),
            "initial_config": TrainingConfig(),
            "started_at": datetime(2026, 4, 1, tzinfo=UTC),
            "episodes": episodes,
        }
        | values
    )
    store.create_run(record)
    store.append(record.run_id, [episode(number) for number in range(1, episodes + 1)], [])
    return record


def assert_same(table: EpisodeTable, episodes: Sequence[EpisodeEnded]) -> None:
    expected = EpisodeTable.of(episodes)
    for name in COLUMNS:
        np.testing.assert_array_equal(table[name], expected[name])


def test_a_run_is_read_whole_and_then_only_what_is_new(store: Watched) -> None:
    record, reader = a_run(store, "a", 3), RunReader(store)
    (run,) = reader.read([record])
    assert_same(run.episodes, [episode(number) for number in (1, 2, 3)])
    store.append(record.run_id, [episode(4), episode(5)], [])
    (run,) = reader.read([record])
    assert_same(run.episodes, [episode(number) for number in (1, 2, 3, 4, 5)])
    (again,) = reader.read([record])
    assert again.episodes is run.episodes
    assert store.reads == [("a", 0), ("a", 2), ("a", 4)]


def test_a_run_that_went_on_from_a_checkpoint_is_read_anew(store: Watched) -> None:
    record, reader = a_run(store, "a", 5), RunReader(store)
    reader.read([record])
    store.rewind(record.run_id, 3, 60, episodes=3)
    later = [episode(number, wall_time_s=9.0 + number) for number in (4, 5, 6)]
    store.append(record.run_id, later, [])
    (run,) = reader.read([record])
    assert_same(run.episodes, [*(episode(number) for number in (1, 2, 3)), *later])
    store.rewind(record.run_id, 1, 20, episodes=1)
    (run,) = reader.read([record])
    assert_same(run.episodes, [episode(1)])


def test_of_runs_beyond_the_limit_the_longest_unread_is_forgotten(store: Watched) -> None:
    first, second, third = (a_run(store, letter, 10) for letter in "abc")
    reader = RunReader(store, kept_rows=25)
    reader.read([first, second])
    reader.read([first])
    reader.read([third])
    store.reads.clear()
    reader.read([first, third, second])
    assert store.reads == [("a", 9), ("c", 9), ("b", 0)]


def test_of_a_run_that_is_over_nothing_is_read_again(store: Watched) -> None:
    record, reader = a_run(store, "a", 3, state=RunState.FINISHED), RunReader(store)
    (run,) = reader.read([record])
    store.reads.clear()
    (again,) = reader.read([record])
    assert again.episodes is run.episodes
    assert store.reads == []
    reader.read([replace(record, wall_time_s=9.0)])
    assert store.reads == [("a", 2)]


def test_what_a_run_was_trained_by_is_told(store: Watched) -> None:
    steady = a_run(store, "a", reason=EndReason.SOLVED, state=RunState.FINISHED)
    raised = a_run(store, "b", config=TrainingConfig(max_episodes=999), state=RunState.RUNNING)
    given = a_run(store, "c", started_from="net.safetensors")
    moved = a_run(store, "d")
    store.append(moved.run_id, [], [changed("gamma", 0.99, 0.9)])
    runs = RunReader(store).read([steady, raised, given, moved])
    assert [run.is_altered for run in runs] == [False, True, True, True]
    assert [run.is_solved for run in runs] == [True, False, False, False]
    assert [run.is_active for run in runs] == [False, True, True, True]
    assert [len(run.changes) for run in runs] == [0, 0, 0, 1]
    assert runs[1].config == TrainingConfig()


def test_columns_are_the_episodes_fields(store: Watched) -> None:
    record = a_run(store, "a", 4)
    columns = store.episode_columns(record.run_id, EPISODE_FIELDS, after=1)
    expected = [[getattr(each, name) for each in store.episodes(record.run_id, after=1)] for name in EPISODE_FIELDS]
    np.testing.assert_array_equal(columns, np.array(expected, dtype=float))
    assert math.isnan(columns[EPISODE_FIELDS.index("eval_return")][1])
    assert store.episode_columns(record.run_id, EPISODE_FIELDS, after=4).shape == (len(EPISODE_FIELDS), 0)


def test_of_many_episodes_those_in_some_places_alone_are_read(store: Watched) -> None:
    record = a_run(store, "a", 9)
    a_run(store, "b", 9)
    columns = store.episode_columns(record.run_id, ("episode", "env_step"), places=[0, 4, 8])
    every = store.episode_columns(record.run_id, ("episode", "env_step"))
    np.testing.assert_array_equal(columns, every[:, [0, 4, 8]])
    assert store.episode_columns(record.run_id, ("episode",), places=[]).shape == (1, 0)


def test_of_very_long_runs_every_nth_episode_is_read_and_some_of_every_kind(store: Watched) -> None:
    record = a_run(store, "a", 1_000, best_eval=106.0)
    short = a_run(store, "b", 40)
    reader = RunReader(store, most_rows=256)
    long_run, short_run = reader.read([record, short])
    assert_same(short_run.episodes, store.episodes(short.run_id))
    assert (short_run.every, long_run.every) == (1, 8)
    assert 100 < len(long_run.episodes) < 256
    assert len(long_run.episodes.curve("env_step", "eval_return")) > 20
    metrics = run_metrics(long_run)
    assert metrics.best_eval == 106.0
    assert metrics.episodes >= 990
    store.reads.clear()
    finished = replace(record, state=RunState.FINISHED)
    first = reader.read([finished, short])[0]
    assert reader.read([finished, short])[0].episodes is first.episodes


def test_portions_are_the_whole(store: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dqn_core.runs.storage.store._PORTION_ROWS", 7)
    record = a_run(store, "a", 30)
    portions = [*store.episode_portions(record.run_id, ("episode", "length"))]
    assert [each.shape[1] for each in portions] == [7, 7, 7, 7, 2]
    assert np.concatenate(portions, axis=1)[0].tolist() == list(range(1, 31))
    assert RunStore.episode_columns(store, record.run_id, ("episode",), after=28).tolist() == [[29.0, 30.0]]
    assert RunStore.episode_columns(store, record.run_id, ("episode",), after=30).shape == (1, 0)
