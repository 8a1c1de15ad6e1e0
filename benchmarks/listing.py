"""``python -m benchmarks.listing [ADDRESS]``: what a large laboratory costs, 1,000 runs of 10,000 episodes each.

The rows are made by SQL in a SQLite file, or in the empty PostgreSQL at ADDRESS. Prints one JSON object: milliseconds
of reading the list of runs, of what a page asks of one run, and of a write, first with ten episodes in each run, then
with all. What grows between the two grows with all that was ever written. Compare them on a quiet machine.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.event_costs import ROWS_A_FLUSH, made_up_episode
from benchmarks.measuring import summary
from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason, RunState
from dqn_core.runs.manager import RunManager
from dqn_core.runs.run_list import RunList
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore

RUNS, FEW, EPISODES = 1_000, 10, 10_000
REPETITIONS = 9

_MAKE_EPISODES = sa.text("""
    WITH RECURSIVE numbers(number) AS (
        SELECT CAST(:first AS BIGINT) UNION ALL SELECT number + 1 FROM numbers WHERE number + 1 < :last
    )
    INSERT INTO episodes (run_id, position, episode, env_step, wall_time_s, episode_return, length, loss_mean, q_mean,
        epsilon, gamma, learning_rate, buffer_size, buffer_fill, eval_return, terminated, truncated)
    SELECT run_id, number, number + 1, 200 * (number + 1), 0.01 * number, 200.0 + number % 37, 200, 0.1, 20.0,
        0.1, 0.99, 0.001, 10000, 10000, CASE WHEN number % 20 = 0 THEN 180.0 END, :yes, :no
    FROM runs CROSS JOIN numbers
""")


def main(address: str | None) -> None:
    """Make the laboratory, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(address or Path(folder) / "dqn_lab.sqlite")
        run_ids = [_make_run(store, number) for number in range(RUNS)]
        measured = {}
        for first, last in ((0, FEW), (FEW, EPISODES)):
            took_s = _make_episodes(store, first, last)
            with _manager(Path(folder), address, store) as manager:
                measured[f"{last} episodes each"] = {"made_in_s": round(took_s, 1), **_measure(manager, run_ids)}
            store = RunStore(address or Path(folder) / "dqn_lab.sqlite")
        store.close()
    print(json.dumps({"database": "SQLite" if address is None else "PostgreSQL", "runs": RUNS, **measured}, indent=2))


def _make_run(store: RunStore, number: int) -> str:
    config = TrainingConfig(seed=number % 10, gamma=0.9 + number % 7 / 100)
    record = RunRecord(
        run_id=f"20260401-{number // 60:06}-{number:04}",
        name=f"run {number}",
        config=config,
        initial_config=config,
        started_at=datetime(2026, 4, 1, tzinfo=UTC) + timedelta(seconds=number),
        state=RunState.FINISHED,
        reason=EndReason.MAX_EPISODES,
        episodes=EPISODES,
        env_steps=200 * EPISODES,
        wall_time_s=100.0,
        best_eval=180.0,
        owner=f"visitor {number % 30}",
    )
    store.create_run(record)
    return record.run_id


def _make_episodes(store: RunStore, first: int, last: int) -> float:
    started_at = time.perf_counter()
    with store.database.write() as connection:
        connection.execute(_MAKE_EPISODES, {"first": first, "last": last, "yes": True, "no": False})
    with store.database.read() as connection:  # as the server does by itself some time later
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE episodes")
    return time.perf_counter() - started_at


@contextlib.contextmanager
def _manager(folder: Path, address: str | None, store: RunStore) -> Iterator[RunManager]:
    store.close()
    manager = RunManager(folder, database=address)
    try:
        yield manager
    finally:
        manager.close()


def _measure(manager: RunManager, run_ids: list[str]) -> dict[str, Any]:
    store, runs, middle = manager.store, RunList(manager), run_ids[RUNS // 2]
    rows = [replace(made_up_episode(TrainingConfig(), number), wall_time_s=0.0) for number in range(ROWS_A_FLUSH)]
    count = store.episode_count(middle)
    measured = {
        "first_list_ms": _milliseconds(lambda: runs.lines(at_once=True), 1),
        "list_ms": _milliseconds(lambda: runs.lines(at_once=True)),
        "list_from_database_ms": _milliseconds(store.briefs),
        "newest_100_records_ms": _milliseconds(store.runs),
        "last_100_episodes_ms": _milliseconds(lambda: store.episodes(middle, after=max(0, count - 100))),
        f"append_{ROWS_A_FLUSH}_rows_ms": _milliseconds(lambda: store.append(middle, rows, (), env_steps=1)),
        "interrupted_at_start_ms": _milliseconds(store.mark_interrupted),
    }
    store.rewind(middle, count, 0, env_steps=0)
    return measured


def _milliseconds(do: Callable[[], object], repetitions: int = REPETITIONS) -> object:
    times, own = [], []
    for _ in range(repetitions):
        started_at, busy_at = time.perf_counter(), time.process_time()
        do()
        times.append(1_000 * (time.perf_counter() - started_at))
        own.append(1_000 * (time.process_time() - busy_at))
    return {**summary(times), "of_it_own_cpu": statistics.median(own)}


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
