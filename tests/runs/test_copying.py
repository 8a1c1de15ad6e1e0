"""A laboratory that moves: everything arrives as it was, or nothing does."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dqn_core.cli.main import main
from dqn_core.config import TrainingConfig
from dqn_core.errors import StoreError
from dqn_core.events import EndReason, RunState
from dqn_core.runs.classes.service import Classes
from dqn_core.runs.classes.submissions import Submission, SubmissionStore
from dqn_core.runs.copying import copy_database
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec
from dqn_core.runs.experiments.searches import Searches
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.database import Database
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from dqn_core.runs.storage.predictions import PredictionStore
from dqn_core.runs.storage.store import RunStore
from dqn_core.runs.storage.tables import PASSING, metadata
from known_runs import record_of
from lab_databases import LabDatabases
from postgresql import missing_postgresql
from scripted_trainer import a_run_of, changed, episode, following, same, wait_until

pytestmark = pytest.mark.sqlite_file

_RUNS = ("20260401-143501-x7k2", "20260401-143502-aaaa")
_NOW = datetime(2026, 4, 1, tzinfo=UTC)
_FIXTURE = Path(__file__).parents[1] / "fixtures" / "data_folder"
_OF_POSTGRESQL = pytest.mark.skipif(missing_postgresql() != "", reason=missing_postgresql())

NewPlace = Callable[[str], Path | str]


@pytest.fixture
def new_place(lab_databases: LabDatabases, tmp_path: Path) -> NewPlace:
    """Makes the address of an empty database of a kind."""
    made: list[str] = []

    def make(kind: str) -> Path | str:
        made.append(kind)
        return tmp_path / f"lab{len(made)}.sqlite" if kind == "sqlite" else lab_databases.server.new_database()

    return make


def _fill(address: Path | str) -> None:
    """A laboratory with something of everything in it."""
    store = RunStore(address)
    parameters = {"loss": math.inf, "text": '물결 \x00 "quoted" \\ line\nend', "low": -math.inf}
    record = record_of(_RUNS[0], state=RunState.FAILED, reason=EndReason.DIVERGED, tags=("a", "b"), name="이름 'x'")
    store.create_run(record)
    store.create_run(record_of(_RUNS[1], best_eval=-math.inf))
    q_means = (math.inf, -0.0, 1e-300)
    rows = [episode(number, env_step=2**62 - number, q_mean=q_means[number % 3]) for number in range(1, 40)]
    store.append(_RUNS[0], rows, [changed("gamma", 0.99, 0.9)], message_parameters=parameters, episodes=39)
    evaluation = EvaluationRecord(
        made_at=_NOW, weights="best", epsilon=0.05, seeds=(1, 2), returns=(math.nan, 1e-300), lengths=(5, 6)
    )
    EvaluationStore(store.database).add(_RUNS[0], evaluation)
    submission = Submission(
        run_id=_RUNS[0], env_id="A-v0", name="미나", owner="o", submitted_at=_NOW, weights="best", env_steps=-1
    )
    SubmissionStore(store.database).put(submission)
    predictions = PredictionStore(store.database)
    predictions.predict("visitor", "gamma", 2)
    predictions.reveal("visitor", "gamma")
    predictions.predict("other", "gamma", -1)
    classes = Classes(store.database)
    classes.join(classes.open("A class", "teacher").code, "visitor", "Mina")
    store.close()


def _search(address: Path | str, folder: Path) -> str:
    given = {} if isinstance(address, Path) else {"database": address}
    manager = RunManager(folder, trainer_factory=following(a_run_of(3)), **given)
    searches = Searches(manager)
    base = TrainingConfig(max_env_steps=200, warmup_steps=0)
    spec = SearchSpec(base=base, ranges=(SearchRange(field="gamma", low=0.5, high=1.0),), trials=2)
    search_id = searches.start(spec, "found")
    wait_until(lambda: not searches.status(search_id).is_active)
    searches.close()
    manager.close()
    return search_id


def _kept(address: Path | str) -> dict[str, list[tuple[object, ...]]]:
    """Every value as it is kept, by table: texts, and not what they are read as."""
    database = Database(address)
    kept = {}
    with database.read() as connection:
        for table in (each for each in metadata.sorted_tables if each not in PASSING):
            names = ", ".join(column.name for column in table.columns)
            keys = ", ".join(column.name for column in table.primary_key)
            rows = connection.exec_driver_sql(f"SELECT {names} FROM {table.name} ORDER BY {keys}")  # noqa: S608
            kept[table.name] = [tuple(row) for row in rows]
    database.close()
    return kept


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("sqlite", "sqlite"),
        pytest.param("sqlite", "postgresql", marks=_OF_POSTGRESQL),
        pytest.param("postgresql", "sqlite", marks=_OF_POSTGRESQL),
        pytest.param("postgresql", "postgresql", marks=_OF_POSTGRESQL),
    ],
)
def test_a_copy_keeps_every_value_as_it_is(new_place: NewPlace, tmp_path: Path, source: str, target: str) -> None:
    old, new = new_place(source), new_place(target)
    _fill(old)
    before = _kept(old)
    assert all(before[name] for name in ("runs", "episodes", "changes", "evaluations", "submissions", "class_members"))
    told: list[tuple[int, int]] = []

    counts = copy_database(old, new, lambda done, total: told.append((done, total)))

    assert _kept(new) == before == _kept(old)
    assert counts == {name: len(rows) for name, rows in before.items()}
    assert told[0] == (0, sum(counts.values()))
    assert told[-1] == (told[0][1], told[0][1])
    store = RunStore(new)
    store.append(_RUNS[0], [episode(40)], [])
    assert store.episode_count(_RUNS[0]) == 40
    store.close()


@_OF_POSTGRESQL
def test_searches_move_too_and_go_on(new_place: NewPlace, tmp_path: Path) -> None:
    old, between, new = tmp_path / "data" / "dqn_lab.sqlite", new_place("postgresql"), new_place("sqlite")
    search_id = _search(old, tmp_path / "data")
    copy_database(old, between)
    counts = copy_database(between, new)
    assert (counts["studies"], counts["trials"]) == (1, 2)
    for address in (between, new):
        folder = tmp_path / f"beside {type(address).__name__}"
        if isinstance(address, Path):
            folder.mkdir()
            address = shutil.move(address, folder / "dqn_lab.sqlite")  # noqa: PLW2901
        given = {} if isinstance(address, Path) else {"database": address}
        manager = RunManager(folder, trainer_factory=following(a_run_of(3)), **given)
        searches = Searches(manager)
        status = searches.status(search_id)
        assert (status.name, [trial.state for trial in status.trials]) == ("found", ["complete"] * 2)
        later = searches.start(status.spec, "later")  # its rows are numbered after those that came
        wait_until(lambda: not searches.status(later).is_active)  # noqa: B023
        assert searches.status(later).done == 2
        assert [name for _, name in searches.listed()] == ["later", "found"]
        searches.close()
        manager.close()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=_OF_POSTGRESQL)])
def test_a_database_with_something_in_it_is_refused(new_place: NewPlace, tmp_path: Path, kind: str) -> None:
    old, new = new_place("sqlite"), new_place(kind)
    _fill(old)
    store = RunStore(new)
    store.create_run(record_of(_RUNS[0], name="what was there"))
    store.close()
    before = _kept(new)
    with pytest.raises(StoreError, match=r"is not empty \(runs\)"):
        copy_database(old, new)
    assert _kept(new) == before


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=_OF_POSTGRESQL)])
def test_a_copy_that_is_broken_off_leaves_nothing(new_place: NewPlace, tmp_path: Path, kind: str) -> None:
    old, new = new_place("sqlite"), new_place(kind)
    _fill(old)

    def break_off(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_database(old, new, break_off)
    assert all(rows == [] for rows in _kept(new).values())
    copy_database(old, new)
    assert _kept(new) == _kept(old)


@_OF_POSTGRESQL
def test_a_damaged_value_is_named_and_nothing_copied(new_place: NewPlace, tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite", new_place("postgresql")
    _fill(old)
    with sqlite3.connect(old) as connection:
        connection.execute("UPDATE runs SET env_steps = 'many'")
    connection.close()
    with pytest.raises(StoreError, match=r"table runs cannot be copied.*many.*Nothing was copied"):
        copy_database(old, new)
    assert all(rows == [] for rows in _kept(new).values())


def test_a_database_that_a_server_uses_is_refused(tmp_path: Path) -> None:
    manager = RunManager(tmp_path / "data")
    with pytest.raises(StoreError, match="Another server"):
        copy_database(tmp_path / "data" / "dqn_lab.sqlite", tmp_path / "new.sqlite")
    manager.close()
    assert not (tmp_path / "new.sqlite").exists()


def test_a_file_that_there_is_not_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no database .*nothing\.sqlite"):
        copy_database(tmp_path / "nothing.sqlite", tmp_path / "new.sqlite")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A data folder of an earlier version."""
    data = tmp_path / "data"
    shutil.copytree(_FIXTURE, data)
    with sqlite3.connect(data / "dqn_lab.sqlite") as connection:
        connection.executescript((data / "dqn_lab.sql").read_text("utf-8"))
    connection.close()
    return data


@_OF_POSTGRESQL
def test_the_command_moves_a_laboratory_of_an_earlier_version(
    earlier: Path, new_place: NewPlace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    address = str(new_place("postgresql"))
    assert main(["database", "copy", str(earlier), address, "--quiet"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rows"]["runs"] >= 1
    assert "secret-word" not in json.dumps(report)
    assert main(["database", "copy", address, str(tmp_path / "back"), "--quiet"]) == 0
    assert _kept(earlier / "dqn_lab.sqlite") == _kept(tmp_path / "back" / "dqn_lab.sqlite") == _kept(address)
    assert same(report["rows"], json.loads(capsys.readouterr().out)["rows"])
    assert main(["database", "copy", str(earlier), address, "--quiet"]) == 2
    assert "is not empty" in capsys.readouterr().err
