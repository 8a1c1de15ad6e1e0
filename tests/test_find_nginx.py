from __future__ import annotations

from pathlib import Path

import pytest

from scripts import find_nginx


def _program(folder: Path, body: str) -> Path:
    path = folder / "nginx"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _only_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(find_nginx, "_FOLDERS", ())


def test_one_on_the_path_is_taken_if_it_starts(tmp_path: Path) -> None:
    assert find_nginx.find_nginx() is None
    found = _program(tmp_path, "echo nginx/1.2.3 >&2")
    assert find_nginx.find_nginx() == found
    _program(tmp_path, "exit 1")
    assert find_nginx.find_nginx() is None


def test_without_one_the_command_says_what_to_do_and_does_not_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["find_nginx.py"])
    find_nginx.main()
    told = capsys.readouterr()
    assert told.out == ""
    assert "apt-get install nginx-light" in told.err
