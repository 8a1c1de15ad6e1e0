from __future__ import annotations

import gc
import logging
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dqn_core.algorithm import compute
from dqn_core.config import TrainingConfig
from dqn_core.presets import PRESETS
from pages.warm_up import WarmUp

ROOT = Path(__file__).parents[2]
CONFIGS = [config for preset in PRESETS.values() for config in preset.configs.values()]


def test_every_preset_finds_its_learner_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[TrainingConfig] = []
    is_done = threading.Event()

    def make_learner(config: TrainingConfig, *_: Any) -> None:
        made.append(config)
        if len(made) == len(CONFIGS):
            is_done.set()

    monkeypatch.setattr(compute, "make_learner", make_learner)
    warm_up = WarmUp()
    warm_up.start()
    assert is_done.wait(60)
    warm_up.stop()
    assert made == CONFIGS


def test_a_server_that_ends_waits_for_the_part_at_work_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[TrainingConfig] = []
    is_at_work, may_go_on = threading.Event(), threading.Event()

    def make_learner(config: TrainingConfig, *_: Any) -> None:
        is_at_work.set()
        assert may_go_on.wait(60)
        made.append(config)

    monkeypatch.setattr(compute, "make_learner", make_learner)
    warm_up = WarmUp()
    warm_up.start()
    assert is_at_work.wait(60)
    stopping = threading.Thread(target=warm_up.stop)
    stopping.start()
    assert stopping.is_alive()
    may_go_on.set()
    stopping.join(60)
    assert len(made) == 1


def test_what_goes_wrong_stays_out_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def make_learner(*_: Any) -> None:
        message = "no numba here"
        raise ImportError(message)

    monkeypatch.setattr(compute, "make_learner", make_learner)
    caplog.set_level(logging.INFO)
    warm_up = WarmUp()
    warm_up.start()
    warm_up.wait(60)
    assert [(each.levelname, "no numba here" in each.message) for each in caplog.records] == [("INFO", True)]


def test_what_is_in_memory_by_then_is_searched_for_garbage_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every thread stands still while Python searches."""
    loaded = ["a library's object"]
    monkeypatch.setattr(compute, "make_learner", lambda *_: None)
    assert _is_searched(loaded)
    warm_up = WarmUp()
    warm_up.start()
    warm_up.wait(60)
    assert not _is_searched(loaded)
    later = ["a page's object"]
    assert _is_searched(later)


def test_a_click_has_no_memory_searched() -> None:
    """Streamlit, unless it is told otherwise, has all of it searched after each script run."""
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    assert settings["runner"]["postScriptGC"] is False


def _is_searched(item: object) -> bool:
    return any(each is item for each in gc.get_objects())
