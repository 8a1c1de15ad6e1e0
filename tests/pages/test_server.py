from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dqn_core.errors import SettingError
from dqn_core.runs.manager import RunManager
from lab_databases import LabDatabases
from pages.server import process as server
from pages.server.settings import settings
from postgresql import missing_postgresql

NAVIGATION = Path(server.__file__).parents[1].joinpath("navigation.py")


@pytest.fixture(autouse=True)
def _no_manager_before_or_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server.close_manager()
    settings.cache_clear()
    monkeypatch.setenv("DQN_LAB_DATA", str(tmp_path / "lab"))
    yield
    server.close_manager()
    settings.cache_clear()


def test_everybody_gets_the_same_manager() -> None:
    with ThreadPoolExecutor(8) as threads:
        managers = set(threads.map(lambda _: server.get_manager(), range(8)))
    assert len(managers) == 1


@pytest.mark.sqlite_file
def test_the_data_folder_is_where_the_environment_says(tmp_path: Path) -> None:
    server.get_manager()
    assert (tmp_path / "lab" / "dqn_lab.sqlite").exists()


def test_the_settings_reach_the_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DQN_LAB_MAX_ACTIVE_RUNS", "3")
    monkeypatch.setenv("DQN_LAB_MAX_RUNS_PER_VISITOR", "2")
    monkeypatch.setenv("DQN_LAB_PAUSE_UNWATCHED_AFTER_S", "90")
    monkeypatch.setenv("DQN_LAB_EXECUTOR", "thread")
    manager = server.get_manager()
    scheduler = manager._scheduler
    assert (scheduler._places, manager._max_runs_per_visitor, scheduler._pause_unwatched_after_s) == (3, 2, 90.0)
    assert manager._pool is None


def test_a_setting_that_is_put_right_gives_a_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DQN_LAB_MAX_ACTIVE_RUNS", "none")
    with pytest.raises(SettingError, match="DQN_LAB_MAX_ACTIVE_RUNS is 'none', but must be a whole number, 1 or more"):
        server.get_manager()
    monkeypatch.setenv("DQN_LAB_MAX_ACTIVE_RUNS", "1")
    assert server.get_manager().list_runs() == []


def test_a_closed_manager_is_made_anew() -> None:
    first = server.get_manager()
    server.close_manager()
    assert server.get_manager() is not first


@pytest.mark.sqlite_file
def test_a_page_without_its_data_folder_says_why_and_recovers(tmp_path: Path) -> None:
    other = RunManager(tmp_path / "lab")
    app = AppTest.from_file(str(NAVIGATION), default_timeout=30).run()
    assert not app.exception
    (error,) = app.error
    assert "Another server" in error.value
    assert "DQN_LAB_DATA" in error.value
    other.close()
    app.button(key="try_again").click().run()
    assert not app.error
    assert "Train your own" in [each.proto.label for each in app.get("page_link")]


def test_a_page_on_a_data_folder_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "lab").touch()
    app = AppTest.from_file(str(NAVIGATION), default_timeout=30).run()
    assert not app.exception
    assert "cannot be used" in app.error[0].value


@pytest.mark.skipif(missing_postgresql() != "", reason=missing_postgresql())
def test_a_page_without_its_database_says_why_without_the_password_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lab_databases: LabDatabases
) -> None:
    address = lab_databases.server.new_database()
    monkeypatch.setenv("DQN_LAB_DATABASE", f"postgresql+psycopg://lab:secret-word@/lab?host={tmp_path}")
    app = AppTest.from_file(str(NAVIGATION), default_timeout=30).run()
    assert not app.exception
    (error,) = app.error
    assert "cannot be reached" in error.value
    assert "secret-word" not in error.value
    settings.cache_clear()
    monkeypatch.setenv("DQN_LAB_DATABASE", address)
    app.button(key="try_again").click().run()
    assert not app.error
    assert server.get_manager().store.database.shown.startswith("postgresql:")


def test_runs_do_not_wait_for_what_else_ends_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    manager, replays = server.get_manager(), server.get_replays()
    has_waited: list[bool] = []
    manager_is_closed = threading.Event()
    close = manager.close

    def close_manager(timeout_s: float) -> None:
        close(timeout_s)
        manager_is_closed.set()

    monkeypatch.setattr(manager, "close", close_manager)
    monkeypatch.setattr(replays, "close", lambda: has_waited.append(manager_is_closed.wait(20.0)))
    server.close_manager()
    assert has_waited == [True]
