from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dqn_core.config import Arguments, TrainingConfig
from dqn_core.errors import UnknownRunError
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore

pytestmark = pytest.mark.each_database

_RUN = "20260401-143501-x7k2"
_NOW = datetime(2026, 4, 1, 14, 35, 1, tzinfo=UTC)


def record(*returns: float, weights: str = "best") -> EvaluationRecord:
    return EvaluationRecord(
        made_at=_NOW,
        weights=weights,
        epsilon=0.0,
        seeds=tuple(range(100, 100 + len(returns))),
        returns=returns,
        lengths=tuple(10 + number for number in range(len(returns))),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    store = RunStore(tmp_path / "runs.sqlite")
    config = TrainingConfig()
    store.create_run(RunRecord(run_id=_RUN, name="a run", config=config, initial_config=config, started_at=_NOW))
    yield store
    store.close()


def test_evaluations_are_read_back_newest_first(store: RunStore) -> None:
    evaluations = EvaluationStore(store.database)
    assert evaluations.latest(_RUN) == {}
    made = [record(1.0, 2.5), record(-3.0), record(7.0, weights="last")]
    assert [evaluations.add(_RUN, each) for each in made] == [0, 1, 2]
    assert evaluations.latest(_RUN) == {2: made[2], 1: made[1], 0: made[0]}
    assert list(evaluations.latest(_RUN)) == [2, 1, 0]
    assert list(evaluations.latest(_RUN, limit=2)) == [2, 1]
    assert evaluations.get(_RUN, 1) == made[1]
    assert evaluations.get(_RUN, 3) is None
    assert evaluations.get("20260401-143501-none", 0) is None


def test_the_environments_arguments_and_shaped_returns_are_kept_too(store: RunStore) -> None:
    evaluations = EvaluationStore(store.database)
    made = replace(record(1.0, 2.0), env_kwargs=Arguments({"gravity": -5}), shaped_returns=(0.5, math.inf))
    evaluations.add(_RUN, made)
    assert evaluations.get(_RUN, 0) == made
    assert evaluations.get(_RUN, 0) != record(1.0, 2.0)


def test_an_evaluation_of_no_run_is_refused_and_one_goes_with_its_run(store: RunStore) -> None:
    evaluations = EvaluationStore(store.database)
    with pytest.raises(UnknownRunError):
        evaluations.add("20260401-143501-none", record(1.0))
    evaluations.add(_RUN, record(1.0))
    store.delete_run(_RUN)
    assert evaluations.latest(_RUN) == {}


def test_the_numbers_that_are_shown() -> None:
    shown = record(10.0, 50.0, 30.0, 50.0, 10.0)
    assert shown.mean == 30.0
    assert shown.std == pytest.approx(statistics.pstdev(shown.returns))
    assert (shown.worst, shown.best) == (0, 1)
    low, high = shown.interval
    assert 10.0 <= low < 30.0 < high <= 50.0
    assert shown.interval == shown.interval
    assert all(math.isnan(end) for end in record(10.0).interval)
    assert record(4.0, 4.0, 4.0).interval == (4.0, 4.0)
