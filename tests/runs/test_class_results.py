"""A class as one experiment, and its table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime

from dqn_core.config import TrainingConfig
from dqn_core.events import Event
from dqn_core.lessons.catalog import LESSONS
from dqn_core.runs.classes.classroom import Assignment, Opening
from dqn_core.runs.classes.results import class_results, otherwise, table_rows, varied
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from dqn_core.runs.storage.predictions import PredictionStore
from scripted_trainer import Mailbox, Managed, a_run_of, ended, episode, obedient, started, wait_for_end, wait_until

_CONFIG = TrainingConfig(max_episodes=100)
_LESSON = next(iter(LESSONS))


def _class(manager: RunManager, *names: str) -> str:
    classroom = manager.classes.open("a class", "teacher")
    for name in names:
        manager.classes.join(classroom.code, name.lower(), name)
    return classroom.class_id


def _measured(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
    yield started()
    yield episode(1, eval_return=106.0)
    yield ended(episodes=1, best_eval=106.0)


def test_all_runs_of_a_class_stand_in_one_table(managed: Managed) -> None:
    manager = managed(_measured)
    class_id = _class(manager, "Ann", "=1+1", "Idle")
    is_open = dict.fromkeys(("gamma", "hidden_sizes", "seed"), Opening())
    assignment = Assignment(pushed_at=datetime.now(UTC), config=_CONFIG, open=is_open)
    manager.classes.assign(class_id, assignment)
    first = manager.start(_CONFIG.replace(gamma=0.9), owner="ann")
    second = manager.start(_CONFIG.replace(hidden_sizes=(8, 8), seed=3), "a name", owner="=1+1")
    for run_id in (first, second):
        wait_for_end(manager, run_id)
    other = manager.start(_CONFIG, owner="somebody else")
    wait_for_end(manager, other)
    evaluation = EvaluationRecord(
        made_at=datetime.now(UTC), weights="best", epsilon=0.0, seeds=(1, 2), returns=(3.0, 4.0), lengths=(3, 4)
    )
    EvaluationStore(manager.store.database).add(second, evaluation)
    predictions = PredictionStore(manager.store.database)
    predictions.predict("ann", _LESSON, 0)
    predictions.predict("idle", _LESSON, -1)
    predictions.predict("somebody else", _LESSON, 1)

    results = class_results(manager, class_id)
    assert [each.run.run_id for each in results.runs] == [first, second]
    assert results.env_ids == ("CartPole-v1",)
    assert varied(results.runs) == ("gamma", "hidden_sizes")
    assert results.predictions() == {_LESSON: {0: 1, -1: 1}}

    head, *rows = table_rows(results)
    assert all(len(row) == len(head) for row in rows)
    table = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["nickname"] for row in table] == ["Ann", "=1+1", "Idle"]
    assert [row["run_id"] for row in table] == [first, second, None]
    assert [row["gamma"] for row in table] == [0.9, 0.99, None]
    assert [row["hidden_sizes"] for row in table][1:] == ["8, 8", None]
    assert [row["differs_from_assignment"] for row in table] == ["gamma=0.9", "hidden_sizes=8, 8", None]
    assert [row["best_evaluation"] for row in table[:2]] == [106.0, 106.0]
    assert math.isnan(table[0]["server_evaluation"])
    assert table[1]["server_evaluation"] == 3.5
    assert [row["state"] for row in table] == ["finished", "finished", None]
    assert [row[f"prediction {_LESSON}"] for row in table] == [1, None, 0]
    assert [row["seed"] for row in table] == [0, 3, None]


def test_changes_while_training_are_told(managed: Managed) -> None:
    manager = managed(obedient())
    class_id = _class(manager, "Ann")
    run_id = manager.start(_CONFIG, owner="ann")
    wait_until(lambda: manager.view(run_id).feed.rows_total == 3)
    manager.change(run_id, "gamma", 0.5)
    wait_until(lambda: len(manager.store.changes(run_id)) == 1)
    head, row = table_rows(class_results(manager, class_id))
    assert dict(zip(head, row, strict=True))["changed_while_training"] == "gamma: 0.99 > 0.5 at env step 60"
    manager.stop(run_id)


def test_what_the_best_did_otherwise_is_what_most_did_not(managed: Managed) -> None:
    manager = managed(a_run_of(4))
    class_id = _class(manager, "Ann", "Ben", "Cho")
    configs = {"ann": _CONFIG, "ben": _CONFIG.replace(seed=1), "cho": _CONFIG.replace(gamma=0.8, seed=2)}
    for owner, config in configs.items():
        wait_for_end(manager, manager.start(config, owner=owner))
    runs = class_results(manager, class_id).runs
    assert otherwise(runs[2], runs) == (("gamma", 0.8, 0.99),)
    assert otherwise(runs[0], runs) == ()


def test_a_class_without_runs_has_its_members_in_the_table(managed: Managed) -> None:
    manager = managed(a_run_of(1))
    class_id = _class(manager, "Ann")
    results = class_results(manager, class_id)
    head, row = table_rows(results)
    assert (varied(results.runs), results.env_ids, results.predictions()) == ((), (), {})
    assert dict(zip(head, row, strict=True))["nickname"] == "Ann"
