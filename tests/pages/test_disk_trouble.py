"""A disk or a database that takes nothing, as people meet it: said with what to do, and over when the trouble is."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import pages.server.process
from app_pages import to_page
from dqn_core.config import TrainingConfig
from dqn_core.runs.manager import RunManager
from pages.server.settings import settings
from scripted_trainer import wait_for_end

pytestmark = pytest.mark.sqlite_file

OpenApp = Callable[..., AppTest]
Trouble = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def locked(tmp_path: Path) -> Trouble:
    """Another program holds the database meanwhile."""

    @contextmanager
    def hold() -> Iterator[None]:
        other = sqlite3.connect(tmp_path / "dqn_lab.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
        other.close()

    return hold


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Trouble:
    """No file can be written meanwhile."""

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    @contextmanager
    def fill() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            yield

    return fill


@pytest.fixture(params=["locked", "full"])
def trouble(request: pytest.FixtureRequest) -> Trouble:
    made: Trouble = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def over(manager: RunManager) -> str:
    """A run that was stopped."""
    run_id = manager.start(TrainingConfig(), "old name")
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    return run_id


def _advice(app: AppTest) -> str:
    assert not app.exception
    return " ".join(each.value for each in app.error)


def _open_runs(open_app: OpenApp, *picked: str) -> AppTest:
    app = open_app()
    app.session_state["runs-selected"] = picked
    return to_page(app, "runs/page.py").run()


def test_a_start_is_refused_with_what_to_do_and_leaves_nothing(
    open_app: OpenApp, manager: RunManager, tmp_path: Path, trouble: Trouble
) -> None:
    app = open_app()
    with trouble():
        app.button(key="start").click().run()
    assert "room" in _advice(app)
    assert manager.list_runs() == []
    assert not list((tmp_path / "runs").glob("*"))
    app.button(key="start").click().run()
    assert not app.error
    assert len(manager.list_runs()) == 1


def test_a_run_that_cannot_be_taken_up_again_is_as_it_was(
    open_app: OpenApp, manager: RunManager, over: str, trouble: Trouble
) -> None:
    before = manager.store.run(over)
    manager.store.rewind(over, 0, -1, episodes=0, env_steps=0)  # as if its server had died before its first step
    manager._runs.discard(over)
    app = open_app(run=over)
    with trouble():
        app.button(key="resume").click().run()
    assert "room" in _advice(app)
    assert manager.store.run(over).state is before.state
    app.button(key="resume").click().run()
    assert not app.error
    assert manager.snapshot(over).record.state.is_active


def test_a_run_on_a_locked_database_keeps_its_name_tags_and_files(
    open_app: OpenApp, manager: RunManager, over: str, locked: Trouble
) -> None:
    app = _open_runs(open_app, over)
    with locked():
        app.button(key="runs-rename").click().run()
        app.text_input(key=f"name-{over}").set_value("new name")
        app.button(key="FormSubmitter:rename-Rename").click().run()
        assert "no other program is using the file" in _advice(app)
        app.button(key="runs-delete").click().run()
        app.button(key="really-delete").click().run()
        assert "no other program is using the file" in _advice(app)
    assert manager.store.run(over).name == "old name"
    assert (manager.run_folder(over) / "config.json").exists()
    app.button(key="runs-delete").click().run()
    app.button(key="really-delete").click().run()
    assert not app.error
    assert manager.list_runs() == []


def test_a_server_that_starts_on_a_locked_database_says_so_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: Trouble
) -> None:
    pages.server.process.close_manager()
    monkeypatch.setenv("DQN_LAB_DATA", str(tmp_path))
    settings.cache_clear()
    RunManager(tmp_path).close()
    app = AppTest.from_file(str(Path(pages.__file__).with_name("navigation.py")), default_timeout=30)
    with locked():
        app.run()
        assert "no other program is using the file" in _advice(app)
        to_page(app, "runs/page.py").run()
        assert "no other program is using the file" in _advice(app)
    app.button(key="try_again").click().run()
    assert not app.error
    assert not app.exception
    pages.server.process.close_manager()
    settings.cache_clear()
