"""No statement costs more the more was ever logged: of the episodes, each reads one run's by their key."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from dqn_core.config import TrainingConfig
from dqn_core.runs.run_list import RunList
from dqn_core.runs.storage.database import Database
from dqn_core.runs.storage.run_reader import RunReader
from scripted_trainer import Managed, a_run_of, wait_for_end

pytestmark = pytest.mark.each_database

Statement = tuple[str, Any]


def _plan(database: Database, statement: Statement) -> list[str]:
    text, parameters = statement
    with database.read() as connection:
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)
            return [str(row[3]) for row in rows]
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # small tables are read whole otherwise
        return [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {text}", parameters)]


def _reads_one_run(plan: list[str]) -> bool:
    """Whether the plan goes to the episodes by the run's id wherever it goes there."""
    for place, line in enumerate(plan):
        if line.startswith(("SCAN", "SEARCH")):
            if "episodes" in line and "PRIMARY KEY (run_id=?" not in line:
                return False
        elif " on episodes" in line and "Scan" in line:
            below = plan[place + 1 :]
            end = next((at for at, each in enumerate(below) if "->" in each), len(below))
            if not any("Index Cond: " in each and "run_id" in each for each in below[:end]):
                return False
    return True


def test_every_statement_of_a_runs_life_reads_that_run_alone(managed: Managed) -> None:
    manager = managed(a_run_of(9))
    database = manager.store.database
    seen: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "episodes" in statement:
            seen[statement] = parameters

    sa.event.listen(database._backend.reading, "before_cursor_execute", note)
    run_ids = [manager.start(TrainingConfig(seed=seed)) for seed in range(3)]
    for run_id in run_ids:
        wait_for_end(manager, run_id)
    RunList(manager).lines()
    manager.list_runs()
    manager._runs.discard(run_ids[0])
    manager.view(run_ids[0]).read(3, 0)
    manager.store.episode_columns(run_ids[0], ["episode_return"], every=3)
    manager.store.episode_columns(run_ids[0], ["episode_return"], places=[1, 2])
    RunReader(manager.store).read(manager.list_runs())
    manager.store.rewind(run_ids[1], 5, 100, episodes=5)
    manager.delete(run_ids[2])
    manager.store.mark_interrupted()
    sa.event.remove(database._backend.reading, "before_cursor_execute", note)

    assert sum("FROM episodes" in statement for statement in seen) >= 5
    for statement in seen.items():
        if "INSERT INTO episodes" not in statement[0]:
            plan = _plan(database, statement)
            assert _reads_one_run(plan), (statement[0], plan)


def test_a_statement_that_reads_all_would_be_seen(managed: Managed) -> None:
    database = managed(a_run_of(1)).store.database
    for statement in ("SELECT count(*) FROM episodes", "SELECT run_id FROM episodes WHERE env_step > 5"):
        assert not _reads_one_run(_plan(database, (statement, ())))
