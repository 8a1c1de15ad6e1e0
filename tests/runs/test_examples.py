"""The trained agents that a new data folder begins with: ordinary runs, of which every view can be opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dqn_core.episodes.episode import roll_out
from dqn_core.events import EndReason
from dqn_core.inside.library import Library
from dqn_core.runs.classes.leaderboard import Leaderboard
from dqn_core.runs.examples import EXAMPLE_NAMES, EXAMPLES_OWNER, add_examples
from dqn_core.runs.jobs.service import Jobs
from dqn_core.runs.manager import RunManager
from lab_databases import LabDatabases
from postgresql import missing_postgresql

pytestmark = pytest.mark.sqlite_file


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[RunManager]:
    add_examples(tmp_path / "data")
    manager = RunManager(tmp_path / "data", executor="thread")
    yield manager
    manager.close()


def test_three_runs_are_there_trained_and_ranked(laboratory: RunManager) -> None:
    records = laboratory.list_runs()
    assert {each.config.env_id: each.name for each in records} == EXAMPLE_NAMES
    assert {each.reason for each in records} == {EndReason.SOLVED}
    assert {each.owner for each in records} == {EXAMPLES_OWNER}
    jobs = Jobs()
    try:
        board = Leaderboard(laboratory, jobs)
        assert all(len(board.standings(each.config.env_id).by_score) == 1 for each in records)
    finally:
        jobs.close()


def test_each_can_be_watched_and_looked_into(laboratory: RunManager) -> None:
    library = Library()
    for record in laboratory.list_runs():
        folder = laboratory.open_folder(record.run_id)
        rollout = roll_out(folder.config, folder.snapshot_weights("best"), seed=1)
        assert rollout.length > 10
        assert len(library.checkpoint(folder).replay) > 1_000
        assert len(folder.snapshots()) > 2  # early ones to compare with
        assert len(list(laboratory.view(record.run_id).episodes())) > 0


@pytest.mark.parametrize("name", ["dqn_lab.sqlite", "runs"])
def test_a_folder_with_runs_is_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    add_examples(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(missing_postgresql() != "", reason=missing_postgresql())
def test_an_empty_postgresql_gets_them_too_and_another_does_not(tmp_path: Path, lab_databases: LabDatabases) -> None:
    address = lab_databases.server.new_database()
    add_examples(tmp_path / "data", address)
    assert [each.name for each in (tmp_path / "data").iterdir() if each.is_dir()] == ["runs"]
    manager = RunManager(tmp_path / "data", database=address, executor="thread")
    records = manager.list_runs()
    assert {each.owner for each in records} == {EXAMPLES_OWNER}
    assert all(manager.open_folder(each.run_id).has_snapshot("best") for each in records)
    manager.close()

    add_examples(tmp_path / "beside", address)
    assert list((tmp_path / "beside").iterdir()) == []
    add_examples(tmp_path / "away", f"postgresql://lab@/lab?host={tmp_path}")
    assert list((tmp_path / "away").iterdir()) == []
