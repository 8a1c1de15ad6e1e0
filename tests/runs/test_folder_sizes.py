from __future__ import annotations

from pathlib import Path

import pytest

from dqn_core.files import write_atomically
from dqn_core.runs import data_folder
from dqn_core.runs.data_folder import FolderSizes


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_folder_is_walked_through_again_only_where_something_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks: list[Path] = []
    walk = data_folder.folder_bytes
    monkeypatch.setattr(data_folder, "folder_bytes", lambda folder: walks.append(folder) or walk(folder))
    folder, clock = tmp_path / "run", Clock()
    (folder / "snapshots").mkdir(parents=True)
    (folder / "config.json").write_bytes(b"x" * 100)
    sizes = FolderSizes(clock)
    assert sizes.of(folder) == 100
    clock.now += 60.0
    assert sizes.of(folder) == 100
    assert len(walks) == 1

    write_atomically(folder / "snapshots" / "one", b"x" * 50)
    clock.now += 60.0
    assert sizes.of(folder) == 150
    write_atomically(folder / "config.json", b"x" * 10)  # replaced by a smaller one
    clock.now += 60.0
    assert sizes.of(folder) == 60
    assert len(walks) == 3


def test_a_folder_that_is_not_there_takes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    sizes = FolderSizes(clock)
    assert sizes.of(tmp_path / "run") == 0
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "file").write_bytes(b"123")
    clock.now += 60.0
    assert sizes.of(tmp_path / "run") == 3
    sizes.forget("run")
    assert sizes.of(tmp_path / "run") == 3
