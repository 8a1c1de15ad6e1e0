"""One damaged row in the database hides no other: it is listed as damaged, and everything else is there."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

import pytest
import sqlalchemy as sa

from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError, RunStateError, StoreError, UnknownExperimentError
from dqn_core.events import RunState
from dqn_core.runs.classes.submissions import Submission, SubmissionStore
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec
from dqn_core.runs.experiments.searches import Searches
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.experiments.spec import ExperimentSpec
from dqn_core.runs.manager import RunManager
from dqn_core.runs.run_list import RunList
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from scripted_trainer import a_run_of, following, same, wait_for_end, wait_until

pytestmark = pytest.mark.each_database

OUT_OF_RANGE = json.dumps(TrainingConfig().to_dict() | {"gamma": 7.0})
UNKNOWN_FIELD = json.dumps(TrainingConfig().to_dict() | {"field_of_another_day": 1})
NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    manager = RunManager(tmp_path, trainer_factory=following(a_run_of(3)), max_active_runs=4)
    yield manager
    manager.close()


@pytest.fixture
def runs(manager: RunManager) -> tuple[str, str]:
    """A run whose row is going to be damaged, and another."""
    ids = manager.start(TrainingConfig(seed=1), "damaged"), manager.start(TrainingConfig(seed=2), "whole")
    for run_id in ids:
        wait_for_end(manager, run_id)
        manager._runs.discard(run_id)  # as after a restart: it is read from the database
    return ids


def _write(manager: RunManager, statement: str, *values: object) -> None:
    """Run a statement whose values stand where it says ``?``."""
    names = [f":value{place}" for place in range(len(values))]
    text = sa.text("".join(map("".join, zip_longest(statement.split("?"), names, fillvalue=""))))
    with manager.store.database.write() as connection:
        connection.execute(text, {name[1:]: value for name, value in zip(names, values, strict=True)})


def _is_refused(manager: RunManager, column: str, value: object) -> bool:
    """Whether the column does not take the value at all: SQLite's take any, PostgreSQL's numbers are numbers."""
    is_number = column in {"episodes", "env_steps", "updates", "wall_time_s", "best_eval"}
    return _is_strict(manager) and is_number and not isinstance(value, int)


def _is_strict(manager: RunManager) -> bool:
    return not manager.store.database.shown.endswith(".sqlite")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("config", "{"),
        ("config", "[1]"),
        ("config", OUT_OF_RANGE),
        ("config", UNKNOWN_FIELD),
        ("config", 7),
        ("initial_config", "not JSON"),
        ("initial_config", OUT_OF_RANGE),
        ("initial_config", '{"env_id": ["a", "list"]}'),
        ("message_parameters", "{"),
        ("compute_parameters", "3"),
        ("tags", "[1, 2"),
        ("tags", "{}x"),
        ("tags", "[1]"),
        ("state", "asleep"),
        ("reason", "bored"),
        ("started_at", "yesterday"),
        ("started_at", "2026-04-01"),
        ("episodes", "many"),
        ("env_steps", -1),
        ("updates", b"\x00"),
        ("wall_time_s", "long"),
        ("best_eval", "good"),
        ("name", b"\xff"),
        ("owner", b"\xff"),
        ("experiment_id", b"\xff"),
    ],
)
def test_a_damaged_run_is_listed_as_damaged_beside_the_others(
    manager: RunManager, runs: tuple[str, str], column: str, value: object
) -> None:
    damaged, whole = runs
    before = manager.store.run(whole)
    if _is_refused(manager, column, value):
        with pytest.raises(StoreError):
            _write(manager, f"UPDATE runs SET {column} = ? WHERE run_id = ?", value, damaged)  # noqa: S608
        return
    if _is_strict(manager) and isinstance(value, bytes):
        column, value = "state", value.hex()  # in texts, bytes are kept as one
    _write(manager, f"UPDATE runs SET {column} = ? WHERE run_id = ?", value, damaged)  # noqa: S608

    listed = {record.run_id: record for record in manager.list_runs()}
    assert listed.keys() == {damaged, whole}
    assert same(listed[whole], before)
    assert listed[damaged].state is RunState.DAMAGED
    assert column in listed[damaged].message_template.format(**listed[damaged].message_parameters)
    snapshot = manager.snapshot(damaged)
    assert (snapshot.record.state, snapshot.is_active) == (RunState.DAMAGED, False)
    update = manager.view(damaged).read(0, 0)
    assert len(update.rows) == 3
    with pytest.raises(DqnLabError):
        manager.stop(damaged)
    with pytest.raises(RunStateError, match="damaged"):
        manager.go_on(damaged)

    lines = {line.run_id: line for line in RunList(manager).lines()}
    assert lines.keys() == {damaged, whole}
    assert lines[whole].state is RunState.FINISHED
    if column not in {"config", "message_parameters", "compute_parameters", "updates"}:  # no part of the list
        assert lines[damaged].state is RunState.DAMAGED
    manager.delete(damaged)
    assert [record.run_id for record in manager.list_runs()] == [whole]


@pytest.mark.parametrize("run_id", ["../../etc", "", b"\x00"])
def test_a_row_without_an_id_is_left_out(manager: RunManager, runs: tuple[str, str], run_id: object) -> None:
    damaged, whole = runs
    if _is_strict(manager) and isinstance(run_id, bytes):
        run_id = "\x01"
    _write(manager, "DELETE FROM episodes")
    _write(manager, "UPDATE runs SET run_id = ? WHERE run_id = ?", run_id, damaged)
    assert [record.run_id for record in manager.list_runs()] == [whole]
    assert [line.run_id for line in RunList(manager).lines()] == [whole]


def test_a_damaged_episode_leaves_the_others_readable(manager: RunManager, runs: tuple[str, str]) -> None:
    damaged, _ = runs
    before = manager.store.episodes(damaged)
    if _is_strict(manager):
        _write(manager, "INSERT INTO changes VALUES (?, 0, 0.1, 10, 1, 'no JSON')", damaged)
        assert manager.store.changes(damaged) == []
        return
    _write(
        manager,
        "UPDATE episodes SET episode_return = 'x', length = 'y', loss_mean = ? WHERE run_id = ? AND position = 1",
        b"z",
        damaged,
    )
    rows = manager.store.episodes(damaged)
    assert same([rows[0], rows[2]], [before[0], before[2]])
    assert math.isnan(rows[1].episode_return)
    assert rows[1].length == 0
    returns, lengths = manager.store.episode_columns(damaged, ["episode_return", "length"])
    assert returns[0] == before[0].episode_return
    assert math.isnan(returns[1])
    assert math.isnan(lengths[1])
    _write(manager, "INSERT INTO changes VALUES (?, 0, 0.1, 10, 1, 'no JSON')", damaged)
    assert manager.store.changes(damaged) == []
    assert manager.view(damaged).read(0, 0).rows_total == 3


@pytest.mark.parametrize(
    ("column", "value"), [("returns", "[1"), ("seeds", '["x"]'), ("made_at", "then"), ("lengths", "[]")]
)
def test_a_damaged_evaluation_hides_no_other(
    manager: RunManager, runs: tuple[str, str], column: str, value: str
) -> None:
    run_id, _ = runs
    store = EvaluationStore(manager.store.database)
    record = EvaluationRecord(
        made_at=NOW, weights="best", epsilon=0.0, seeds=(1, 2), returns=(3.0, 4.0), lengths=(5, 6)
    )
    for _ in range(2):
        store.add(run_id, record)
    _write(manager, f"UPDATE evaluations SET {column} = ? WHERE position = 0", value)  # noqa: S608
    assert store.latest(run_id) == {1: record}
    assert store.get(run_id, 0) is None


@pytest.mark.parametrize(("column", "value"), [("submitted_at", "then"), ("env_steps", "far"), ("name", b"\xff")])
def test_a_damaged_submission_hides_no_other(
    manager: RunManager, runs: tuple[str, str], column: str, value: object
) -> None:
    store = SubmissionStore(manager.store.database)
    made = [
        Submission(
            run_id=run_id,
            env_id="CartPole-v1",
            name=run_id,
            owner="",
            submitted_at=NOW,
            weights="best",
            env_steps=10,
        )
        for run_id in runs
    ]
    for each in made:
        store.put(each)
    if _is_refused(manager, column, value):
        with pytest.raises(StoreError):
            _write(manager, f"UPDATE submissions SET {column} = ? WHERE run_id = ?", value, runs[0])  # noqa: S608
        return
    if _is_strict(manager) and isinstance(value, bytes):  # in texts, bytes are kept as one
        column, value = "submitted_at", value.hex()
    _write(manager, f"UPDATE submissions SET {column} = ? WHERE run_id = ?", value, runs[0])  # noqa: S608
    assert store.of_environment("CartPole-v1") == [made[1]]
    assert store.of_run(runs[0]) is None


@pytest.mark.parametrize(("column", "value"), [("spec", "{"), ("spec", "{}"), ("spec", "[]"), ("created_at", "then")])
def test_a_damaged_experiment_hides_no_other(manager: RunManager, column: str, value: str) -> None:
    experiments = Experiments(manager)
    spec = ExperimentSpec(base=TrainingConfig(), seeds=(1,))
    damaged, whole = experiments.start(spec, "damaged"), experiments.start(spec, "whole")
    wait_until(lambda: all(record.state is RunState.FINISHED for record in manager.list_runs()))
    _write(manager, f"UPDATE experiments SET {column} = ? WHERE experiment_id = ?", value, damaged)  # noqa: S608
    assert [status.record.experiment_id for status in experiments.latest()] == [whole]
    assert experiments.damaged() == [damaged]
    with pytest.raises(UnknownExperimentError, match="damaged"):
        experiments.status(damaged)
    assert len(manager.runs_of_experiment(damaged)) == 1


@pytest.mark.parametrize("value", ["{", "{}", json.dumps({"base": {}, "ranges": 3})])
def test_a_damaged_search_hides_no_other(manager: RunManager, value: str) -> None:
    searches = Searches(manager)
    spec = SearchSpec(
        base=TrainingConfig(max_env_steps=200, warmup_steps=0),
        ranges=(SearchRange(field="gamma", low=0.5, high=1.0),),
        trials=1,
    )
    damaged, whole = searches.start(spec, "damaged"), searches.start(spec, "whole")
    wait_until(lambda: not any(searches.status(each).is_active for each in (damaged, whole)))
    _write(
        manager,
        "UPDATE study_user_attributes SET value_json = ? WHERE key = 'spec' AND study_id ="
        " (SELECT study_id FROM studies WHERE study_name = ?)",
        value,
        damaged,
    )
    assert dict(searches.listed()).keys() == {damaged, whole}
    assert searches.status(whole).name == "whole"
    with pytest.raises(UnknownExperimentError, match="damaged"):
        searches.status(damaged)
    searches.close()
