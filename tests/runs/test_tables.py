from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dqn_core.events import RunState
from dqn_core.runs.storage.store import RunStore
from dqn_core.runs.storage.tables import SCHEMA_VERSION

pytestmark = pytest.mark.sqlite_file

_RUN = "20260401-143501-x7k2"
_FIRST_VERSION = Path(__file__).parent / "schema_v1.sql"


def _old_database(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.executescript(_FIRST_VERSION.read_text("utf-8"))
    connection.close()
    return path


def _shape(path: Path) -> dict[str, Any]:
    """Columns (name, type, not null, default, key) by table, and the indices."""
    connection = sqlite3.connect(path)
    named = connection.execute("SELECT name, type FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    columns = {
        name: {row[1:] for row in connection.execute(f"PRAGMA table_info({name})")}
        for name, kind in named
        if kind == "table"
    }
    version = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return {"columns": columns, "indices": {name for name, kind in named if kind == "index"}, "version": version}


def test_a_database_of_the_first_version_opens_with_everything_in_it(tmp_path: Path) -> None:
    store = RunStore(_old_database(tmp_path / "old.sqlite"))

    record = store.run(_RUN)

    assert record.state is RunState.RUNNING
    assert (record.owner, record.tags, record.experiment_id, record.started_from) == ("", (), None, "")
    assert [each.env_step for each in store.episodes(_RUN)] == [20, 40, 60]
    assert store.changes(_RUN)[0].changes[0].new == 0.98
    store.update_run(_RUN, tags=("demo", "projector"), owner="somebody")
    assert store.run(_RUN).tags == ("demo", "projector")
    store.close()


def test_a_migrated_database_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    old, new = _old_database(tmp_path / "old.sqlite"), tmp_path / "new.sqlite"
    for path in (old, new, old):
        RunStore(path).close()

    assert _shape(old) == _shape(new)
    assert _shape(new)["version"] == (SCHEMA_VERSION,)
