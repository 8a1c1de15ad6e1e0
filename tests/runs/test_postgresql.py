"""What is special of a PostgreSQL: reached, refused, restarted, shared by servers that start at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from dqn_core.cli.main import main
from dqn_core.config import TrainingConfig
from dqn_core.errors import RunFolderError, StoreError
from dqn_core.events import Event, RunState
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec
from dqn_core.runs.experiments.searches import Searches
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.manager import RunManager
from dqn_core.runs.recorder import RunRecorder
from dqn_core.runs.storage import backends, tables
from dqn_core.runs.storage.database import Database
from dqn_core.runs.storage.folder_lock import server_lock_above
from dqn_core.runs.storage.store import RunStore
from dqn_core.runs.storage.tables import SCHEMA_VERSION
from dqn_core.training.run_folder import RunFolder
from known_runs import record_of
from lab_databases import LabDatabases
from postgresql import ASKED_FOR_PASSWORD, PostgreSql, missing_postgresql
from scripted_trainer import (
    Mailbox,
    a_run_of,
    ended,
    episode,
    following,
    same,
    started,
    wait_for_end,
    wait_until,
)

pytestmark = pytest.mark.skipif(missing_postgresql() != "", reason=missing_postgresql())

_RUN = "20260401-143501-x7k2"
_SECRET = "secret-word"  # noqa: S105  of nothing


@pytest.fixture
def server(lab_databases: LabDatabases) -> Iterator[PostgreSql]:
    server = lab_databases.server
    yield server
    if not server.is_running:
        server.start()


@pytest.fixture
def address(server: PostgreSql) -> str:
    return server.new_database()


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    address = f"postgresql://lab:{_SECRET}@/lab?host={tmp_path}"
    with pytest.raises(StoreError, match=r"cannot be reached.*check that it runs") as caught:
        RunStore(address)
    assert _SECRET not in str(caught.value)
    with pytest.raises(StoreError, match="cannot be reached"):
        RunStore(f"postgresql://lab:{_SECRET}@127.0.0.1:1/lab")


def test_a_wrong_password_is_told_and_not_repeated(server: PostgreSql, caplog: pytest.LogCaptureFixture) -> None:
    server.execute(f"CREATE ROLE {ASKED_FOR_PASSWORD} LOGIN PASSWORD 'another'")
    with pytest.raises(StoreError, match="does not accept the user or the password") as caught:
        RunStore(server.address("postgres", ASKED_FOR_PASSWORD))
    assert _SECRET not in "".join(traceback.format_exception(caught.value))
    assert _SECRET not in repr(caught.value.parameters)
    assert _SECRET not in caplog.text


def test_a_database_that_there_is_not_is_named(server: PostgreSql) -> None:
    with pytest.raises(StoreError, match=r"There is no database postgresql:///nowhere.*CREATE DATABASE"):
        RunStore(server.address("nowhere"))


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(server: PostgreSql, address: str) -> None:
    RunStore(address).close()
    server.rows(address, f"UPDATE schema_version SET version = {SCHEMA_VERSION + 1}")  # noqa: S608
    with pytest.raises(StoreError, match="newer version"):
        RunStore(address)
    assert server.rows(address, "SELECT version FROM schema_version") == [(SCHEMA_VERSION + 1,)]


@pytest.mark.parametrize(
    "address", ["mysql://lab:secret-word@host/lab", "postgresql://lab:secret-word@host", "lab:secret-word", "sqlite://"]
)
def test_an_address_that_leads_nowhere_is_told_and_not_repeated(address: str) -> None:
    with pytest.raises(StoreError, match=r"postgresql\+psycopg://user:password@host/name") as caught:
        RunStore(address)
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize("driver", ["postgresql", "postgres", "postgresql+psycopg"])
def test_an_address_may_leave_out_the_driver(driver: str) -> None:
    assert backends.database_url(f"{driver}://lab@host/lab").drivername == "postgresql+psycopg"


def test_without_the_driver_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"requirements-cluster\.txt"):
        RunStore("postgresql://lab@host/lab")


def test_nobody_imports_the_driver_without_a_postgresql(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from dqn_core.runs.manager import RunManager;"
        "RunManager(Path(sys.argv[1])).close(); sys.exit('psycopg' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=True, cwd=Path(__file__).parents[2])


def test_servers_that_start_at_once_make_the_tables_once(address: str) -> None:
    """As many as may come: each finds the tables whole, those of the searches too."""
    failures: list[BaseException] = []

    def start() -> None:
        try:
            store = RunStore(address)
            assert store.briefs() == []
            store.close()
        except BaseException as error:  # noqa: BLE001  told below
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []


def test_a_step_of_the_tables_is_taken_on_postgresql_too(
    server: PostgreSql, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(address)
    store.create_run(record_of(_RUN))
    store.close()
    step = ("ALTER TABLE runs ADD COLUMN room TEXT", "sqlite:: no SQL", "postgresql:: CREATE INDEX ix ON runs (room)")
    monkeypatch.setattr(tables, "MIGRATIONS", (*tables.MIGRATIONS, step))
    monkeypatch.setattr("dqn_core.runs.storage.database.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    for _ in range(2):
        store = RunStore(address)
        assert [each.run_id for each in store.briefs()] == [_RUN]
        store.close()
    assert server.rows(address, "SELECT room FROM runs") == [(None,)]
    assert server.rows(address, "SELECT version FROM schema_version") == [(SCHEMA_VERSION + 1,)]


def test_a_database_that_was_restarted_is_still_its_servers(
    server: PostgreSql, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_CLAIM_LASTS_S", 0.0)
    first, second = Database(address), Database(address)
    first.claim()
    server.stop()
    with pytest.raises(StoreError, match="cannot be reached"), first.write():
        pass
    server.start()
    with first.write():
        pass
    with pytest.raises(StoreError, match="Another server"):
        second.claim()
    first.close()
    second.claim()
    second.close()


def test_nothing_is_lost_while_the_database_is_away(server: PostgreSql, address: str, tmp_path: Path) -> None:
    now = 0.0
    store, record = RunStore(address), record_of(_RUN)
    store.create_run(record)
    feed = LiveFeed(record)
    recorder = RunRecorder(feed, store, RunFolder.create(tmp_path / _RUN, record.config), clock=lambda: now)
    rows = [episode(number) for number in range(1, 7)]
    for each in rows[:2]:
        recorder.take(each)
    assert recorder.flush()
    server.stop()
    for each in rows[2:4]:
        now += 3.0
        recorder.take(each)
    assert not recorder.flush()
    assert [notice.template for notice in feed.read(0, 0).notices] != []
    server.start()
    for each in rows[4:]:
        now += 3.0
        recorder.take(each)
    assert recorder.flush()
    assert same(store.episodes(_RUN), rows)
    store.close()


def test_no_row_is_lost_or_doubled_by_restarts_at_any_moment(
    server: PostgreSql, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dqn_core.runs.recorder._RETRY_AFTER_S", 0.02)
    monkeypatch.setattr("dqn_core.runs.recorder._ROWS_EVERY_S", 0.0)
    is_over = threading.Event()

    def script(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        number = 0
        while not is_over.is_set():
            number += 1
            yield episode(number)
            time.sleep(0.001)
        yield ended(episodes=number)

    manager = RunManager(tmp_path, database=address, trainer_factory=following(script), max_active_runs=3)
    run_ids = [manager.start(TrainingConfig(max_episodes=1_000_000)) for _ in range(3)]
    for _ in range(5):
        before = manager.snapshot(run_ids[0]).record.episodes
        wait_until(lambda: manager.snapshot(run_ids[0]).record.episodes > before + 40)  # noqa: B023
        server.stop()
        server.start()
    is_over.set()
    for run_id in run_ids:
        wait_for_end(manager, run_id)
        count = manager.snapshot(run_id).record.episodes
        assert same(manager.store.episodes(run_id), [episode(number) for number in range(1, count + 1)])
        assert manager.store.run(run_id).state is RunState.FINISHED
    manager.close()


@pytest.mark.each_database
def test_what_was_kept_though_nobody_heard_of_it_is_not_added_again(tmp_path: Path) -> None:
    """The connection breaks between a commit and its answer: the run sends the same rows once more, and newer ones."""
    store = RunStore(tmp_path / "lab.sqlite")
    store.create_run(record_of(_RUN))
    rows = [episode(number) for number in range(1, 6)]
    store.append(_RUN, rows[:3], [], stored=(0, 0), episodes=3)
    store.append(_RUN, rows, [], stored=(0, 0), episodes=5)
    store.append(_RUN, rows[3:], [], stored=(3, 0), episodes=5)
    assert same(store.episodes(_RUN), rows)
    store.close()


def test_a_search_is_kept_in_the_same_database(tmp_path: Path, server: PostgreSql, address: str) -> None:
    manager = RunManager(tmp_path, database=address, trainer_factory=following(a_run_of(3)))
    searches = Searches(manager)
    base = TrainingConfig(max_env_steps=200, warmup_steps=0)
    spec = SearchSpec(base=base, ranges=(SearchRange(field="gamma", low=0.5, high=1.0),), trials=2)
    search_id = searches.start(spec, "in one place")
    wait_until(lambda: not searches.status(search_id).is_active)
    searches.close()
    again = Searches(manager)
    assert again.listed() == [(search_id, "in one place")]
    assert [trial.state for trial in again.status(search_id).trials] == ["complete"] * 2
    again.close()
    manager.close()


def test_a_search_goes_on_when_the_database_is_back(
    tmp_path: Path, server: PostgreSql, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dqn_core.runs.experiments.searches._RETRY_AFTER_S", 0.05)
    told = threading.Event()

    def script(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        assert told.wait(60)
        yield from (episode(number) for number in range(1, 4))
        yield ended(episodes=3)

    manager = RunManager(tmp_path, database=address, trainer_factory=following(script))
    searches = Searches(manager)
    base = TrainingConfig(max_env_steps=200, warmup_steps=0)
    spec = SearchSpec(base=base, ranges=(SearchRange(field="gamma", low=0.5, high=1.0),), trials=3, at_once=1)
    search_id = searches.start(spec, "through thick and thin")
    work = searches._work[search_id]
    wait_until(lambda: len(work._going) == 1)
    server.stop()
    wait_until(lambda: work.error is not None)
    assert work.is_alive()
    told.set()
    server.start()
    wait_until(lambda: not work.is_alive())
    status = searches.status(search_id)
    assert (status.error, [trial.state for trial in status.trials]) == (None, ["complete"] * 3)
    searches.close()
    manager.close()


def test_the_command_line_exports_a_run_of_it(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manager = RunManager(tmp_path, database=address, trainer_factory=following(a_run_of(9)))
    run_id = manager.start(TrainingConfig())
    wait_for_end(manager, run_id)
    folder = str(manager.run_folder(run_id))
    manager.close()
    monkeypatch.setenv("DQN_LAB_DATA", str(tmp_path))
    assert main(["export", folder, "--format", "csv", "--out", str(tmp_path / "log.csv")]) == 2
    assert "has no log" in capsys.readouterr().err
    monkeypatch.setenv("DQN_LAB_DATABASE", address)
    assert main(["export", folder, "--format", "csv", "--out", str(tmp_path / "log.csv")]) == 0
    assert len((tmp_path / "log.csv").read_text("utf-8").splitlines()) == 10


def test_the_command_line_leaves_the_runs_of_its_server_alone(tmp_path: Path, address: str) -> None:
    manager = RunManager(tmp_path, database=address, trainer_factory=following(a_run_of(1)))
    folder = manager.folder_of(_RUN)
    with pytest.raises(RunFolderError, match="manages the run"), server_lock_above(folder):
        pass
    manager.close()
    with server_lock_above(folder):
        pass


def test_a_laboratory_trains_and_goes_on(tmp_path: Path, address: str) -> None:
    manager = RunManager(tmp_path, database=address, executor="thread")
    run_id = manager.start(TrainingConfig(max_episodes=3, evaluate_every=2, evaluation_episodes=1, compute="torch-cpu"))
    wait_for_end(manager, run_id)
    before = manager.store.episodes(run_id)
    manager.close()
    assert not (tmp_path / "dqn_lab.sqlite").exists()
    manager = RunManager(tmp_path, database=address, executor="thread")
    manager.go_on(run_id, max_episodes=5)
    wait_for_end(manager, run_id)
    record = manager.snapshot(run_id).record
    assert (record.state, record.episodes) == (RunState.FINISHED, 5)
    assert same(manager.store.episodes(run_id)[:3], before)
    manager.close()
