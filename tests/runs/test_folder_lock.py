from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dqn_core.errors import StoreError
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.folder_lock import FolderLock

ROOT = Path(__file__).resolve().parents[2]
_HOLDER = """
import sys, time
from pathlib import Path
from dqn_core.runs.storage.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.sqlite_file
def test_a_second_server_is_refused_and_names_the_first(tmp_path: Path) -> None:
    manager = RunManager(tmp_path)
    with pytest.raises(StoreError, match=f"process {os.getpid()}.*DQN_LAB_DATA"):
        RunManager(tmp_path)
    manager.close()
    RunManager(tmp_path).close()


def test_a_killed_server_holds_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, tmp_path], stdout=subprocess.PIPE, cwd=ROOT)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(StoreError, match=f"process {holder.pid}"):
        FolderLock(tmp_path)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    FolderLock(tmp_path).release()


def test_a_file_system_without_locks_is_used_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    FolderLock(tmp_path).release()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be used.*DQN_LAB_DATA"):
        RunManager(tmp_path / "file" / "data")


@pytest.mark.sqlite_file
def test_a_database_that_cannot_be_opened_leaves_the_folder_free(tmp_path: Path) -> None:
    (tmp_path / "dqn_lab.sqlite").write_bytes(b"this is no database, however long it is read" * 100)
    with pytest.raises(StoreError, match="not a database"):
        RunManager(tmp_path)
    FolderLock(tmp_path).release()
