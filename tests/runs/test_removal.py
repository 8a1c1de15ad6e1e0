"""Runs are named, tagged and taken away; a crash in the middle of that leaves them whole, or gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dqn_core.config import TrainingConfig
from dqn_core.episodes.video import part_path
from dqn_core.errors import RunStateError, StoreError, UnknownRunError
from dqn_core.events import RunState
from dqn_core.files import write_atomically
from dqn_core.runs.data_folder import remove_leftovers
from dqn_core.runs.manager import RunManager
from scripted_trainer import Managed, a_run_of, obedient, wait_for_end, wait_until

pytestmark = pytest.mark.each_database


@pytest.fixture
def manager(managed: Managed) -> RunManager:
    return managed(a_run_of(5))


@pytest.fixture
def run_id(manager: RunManager) -> str:
    run_id = manager.start(TrainingConfig())
    wait_for_end(manager, run_id)
    return run_id


def _crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_deleted_run_is_gone_with_its_rows_and_files(manager: RunManager, run_id: str) -> None:
    folder = manager.run_folder(run_id)
    assert manager.folder_bytes(run_id) > 0
    manager.delete(run_id)
    with pytest.raises(UnknownRunError):
        manager.snapshot(run_id)
    assert manager.feed(run_id) is None
    assert manager.list_runs() == []
    assert manager.store.episode_count(run_id) == 0
    assert list(folder.parent.iterdir()) == []
    assert manager.folder_bytes(run_id) == 0
    with pytest.raises(UnknownRunError):
        manager.delete(run_id)


def test_an_active_run_is_not_deleted(managed: Managed) -> None:
    manager = managed(obedient())
    run_id = manager.start(TrainingConfig())
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    with pytest.raises(RunStateError, match="running: stop it before"):
        manager.delete(run_id)
    assert manager.run_folder(run_id).exists()


def test_a_run_that_the_database_keeps_keeps_its_files(
    manager: RunManager, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        template = "database is locked"
        raise StoreError(template)

    monkeypatch.setattr(manager.store, "delete_run", locked)
    before = manager.folder_bytes(run_id)
    with pytest.raises(StoreError):
        manager.delete(run_id)
    assert manager.folder_bytes(run_id) == before > 0
    assert manager.snapshot(run_id).record.episodes == 5


@pytest.mark.parametrize(("crash_at", "is_kept"), [("store", True), ("files", False)])
def test_a_crash_in_the_middle_leaves_a_run_whole_or_gone(
    managed: Managed, monkeypatch: pytest.MonkeyPatch, *, crash_at: str, is_kept: bool
) -> None:
    manager = managed(a_run_of(5))
    run_id = manager.start(TrainingConfig())
    wait_for_end(manager, run_id)
    folder, before = manager.run_folder(run_id), manager.folder_bytes(run_id)
    with monkeypatch.context() as patch:
        target = (manager.store, "delete_run") if crash_at == "store" else (shutil, "rmtree")
        patch.setattr(*target, _crash)
        with pytest.raises(KeyboardInterrupt):
            manager.delete(run_id)

    manager.close()
    later = managed(a_run_of(1))
    assert [record.run_id for record in later.list_runs()] == [run_id] * is_kept
    assert later.folder_bytes(run_id) == before * is_kept
    assert [path.name for path in folder.parent.iterdir()] == [run_id] * is_kept


def test_names_are_cleaned_and_bounded(manager: RunManager, run_id: str) -> None:
    manager.rename(run_id, "  My \n first\u202e \x00run ")
    assert manager.store.run(run_id).name == manager.list_runs()[0].name == "My first run"
    manager.rename(run_id, "ab" * 1_000)
    assert len(manager.snapshot(run_id).record.name) == 80
    manager.rename(run_id, " \t ")
    assert manager.snapshot(run_id).record.name == "CartPole-v1"


def test_tags_are_cleaned_once_each_and_bounded(manager: RunManager, run_id: str) -> None:
    manager.tag(run_id, [" demo ", "", "demo", "한국어", "x" * 100])
    assert manager.store.run(run_id).tags == manager.snapshot(run_id).record.tags == ("demo", "한국어", "x" * 30)
    manager.tag(run_id, [str(number) for number in range(100)])
    assert len(manager.snapshot(run_id).record.tags) == 12


def test_a_run_keeps_the_name_that_it_is_given_while_it_trains(managed: Managed) -> None:
    manager = managed(obedient())
    run_id = manager.start(TrainingConfig(), "Before")
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    manager.rename(run_id, "After")
    manager.tag(run_id, ["kept"])
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    record = manager.store.run(run_id)
    assert (record.name, record.tags, record.state) == ("After", ("kept",), RunState.STOPPED)


@pytest.mark.parametrize(
    "ask",
    [
        RunManager.delete,
        RunManager.folder_bytes,
        lambda manager, run_id: manager.rename(run_id, "x"),
        lambda manager, run_id: manager.tag(run_id, ["x"]),
    ],
)
def test_an_id_that_is_a_path_reaches_no_folder(
    manager: RunManager, tmp_path: Path, ask: Callable[[RunManager, str], object]
) -> None:
    with pytest.raises(UnknownRunError):
        ask(manager, "../../data")
    assert (tmp_path / "data").exists()


def test_an_experiment_lists_its_runs_in_order(manager: RunManager) -> None:
    wanted = [manager.start(TrainingConfig(seed=seed), experiment_id="abc") for seed in range(3)]
    other = manager.start(TrainingConfig(), experiment_id="other")
    for run_id in (*wanted, other):
        wait_for_end(manager, run_id)
    records = manager.runs_of_experiment("abc")
    assert [each.run_id for each in records] == sorted(wanted, key=lambda each: manager.store.run(each).started_at)
    assert [each.initial_config.seed for each in records] == [0, 1, 2]
    assert manager.runs_of_experiment("none") == []


def test_a_run_tells_whose_it_is_and_where_its_weights_came_from(manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig(), owner="v1", started_from=" upload\n.safetensors ")
    record = manager.store.run(run_id)
    assert (record.owner, record.started_from) == ("v1", "upload .safetensors")
    wait_for_end(manager, run_id)


def test_what_a_killed_server_was_writing_is_removed_at_the_next_start(managed: Managed) -> None:
    before = managed(a_run_of(5))
    run_id = before.start(TrainingConfig())
    wait_for_end(before, run_id)
    folder = before.run_folder(run_id)
    before.close()
    (folder / "films").mkdir(exist_ok=True)
    kept = {path for path in folder.rglob("*") if path.is_file()}
    others = {folder / "notes.part", folder / ".hidden", folder / "films" / "a.mp4"}
    leftovers = [
        folder / ".checkpoint.safetensors.x7_k2abc",
        folder / ".config.json.abcdefgh",
        folder / "films" / ".CartPole-v1-seed1-return500.mp4.part",
    ]
    for path in (*leftovers, *others):
        path.write_bytes(b"half")
    again = managed(a_run_of(5))
    assert {path for path in folder.rglob("*") if path.is_file()} == kept | others
    assert again.folder_bytes(run_id) > 0


def test_a_temporary_file_is_known_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written atomically is found by its temporary name, should nobody remove it."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    runs = tmp_path / "runs"
    (runs / "a").mkdir(parents=True)
    monkeypatch.setattr(Path, "replace", die)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    for name in ("checkpoint.safetensors", "config.json"):
        with pytest.raises(KeyboardInterrupt):
            write_atomically(runs / "a" / name, b"half")
    (part_path(runs / "a" / "video.gif")).write_bytes(b"half")
    monkeypatch.undo()
    assert len(list((runs / "a").iterdir())) == 3
    remove_leftovers(runs)
    assert list((runs / "a").iterdir()) == []
