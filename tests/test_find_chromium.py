"""The finder of a browser for the tests: what counts as one, and what it says where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.find_chromium import NoChromiumError, find_chromium


def _program(folder: Path, name: str, body: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_browser_that_the_environment_names_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = _program(tmp_path, "my-browser", "echo Chromium 1.2.3")
    monkeypatch.setenv("DQN_LAB_CHROMIUM", str(named))
    assert find_chromium() == named


def test_a_named_browser_that_does_not_start_is_not_replaced_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path, "chromium", "echo Chromium 1.2.3")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DQN_LAB_CHROMIUM", str(tmp_path / "nothing"))
    with pytest.raises(NoChromiumError, match=r"DQN_LAB_CHROMIUM names .*nothing"):
        find_chromium()


def test_a_stand_in_that_does_not_start_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path, "chromium", "echo 'install the snap first' >&2; exit 1")
    chrome = _program(tmp_path, "google-chrome", "echo Google Chrome 1.2.3")
    monkeypatch.delenv("DQN_LAB_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_chromium() == chrome
