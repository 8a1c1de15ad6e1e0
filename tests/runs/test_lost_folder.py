"""The data folder is deleted, or another takes its place, while a run trains: people are told, and the run goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dqn_core.errors import StoreError
from dqn_core.runs.manager import RunManager
from scripted_trainer import wait_until
from trainer_runs import short_config

pytestmark = pytest.mark.sqlite_file


def _deleted(folder: Path) -> None:
    shutil.rmtree(folder)


def _replaced(folder: Path) -> None:
    folder.rename(folder.with_name("aside"))
    folder.mkdir()
    shutil.copy(folder.with_name("aside") / "dqn_lab.sqlite", folder)


@pytest.mark.parametrize("lose", [_deleted, _replaced])
def test_a_lost_data_folder_is_told_while_the_training_goes_on(tmp_path: Path, lose: Callable[[Path], None]) -> None:
    folder = tmp_path / "data"
    manager = RunManager(folder, executor="thread")
    run_id = manager.start(short_config(compute="fused", max_episodes=1_000_000))
    wait_until(lambda: manager.store.episode_count(run_id) > 0)
    lose(folder)

    def notices() -> str:
        update = manager.view(run_id).feed.read(0, 0, limit=0)
        return " ".join(str(each.template).format(**each.parameters) for each in update.notices)

    wait_until(lambda: "deleted, moved or replaced" in notices())
    steps = manager.snapshot(run_id).record.env_steps
    wait_until(lambda: manager.snapshot(run_id).record.env_steps > steps)
    with pytest.raises(StoreError, match="deleted, moved or replaced"):
        manager.store.update_run(run_id, name="kept?")
    manager.close(timeout_s=1.0)
