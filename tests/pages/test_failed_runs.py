"""Runs that go wrong, as the page tells them: the cause, and the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import fake_environments as fake
import pages.server.process
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from live_tab import heard
from pages.train.stream import run_topic
from scripted_trainer import wait_for_end
from trainer_runs import short_config

OpenApp = Callable[..., AppTest]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    """One with real trainers."""
    fake.register()
    pages.server.process.close_manager()
    own = RunManager(tmp_path, executor="thread")
    pages.server.process._managers.append(own)
    yield own
    pages.server.process.close_manager()


def _failed(manager: RunManager, **config: Any) -> str:
    run_id = manager.start(short_config(warmup_steps=0, max_episodes=1_000_000, **config))
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).state is RunState.FAILED
    return run_id


def _message(manager: RunManager, run_id: str) -> str:
    """What the page's panel hears and says of the run."""
    (message,) = heard(run_topic(lambda: manager), run=run_id)
    return str(message["data"]["message"])


def test_a_diverged_run_names_the_cause_and_goes_on_from_its_last_good_checkpoint(
    manager: RunManager, open_app: OpenApp
) -> None:
    run_id = _failed(manager, env_id=fake.EXPLODING, target_update="soft")
    app = open_app(run=run_id)
    said = _message(manager, run_id)
    assert "training diverged" in said
    assert "smaller learning rate" in said
    assert "Resume" in said
    app.button(key="resume").click().run()
    assert not app.error
    assert manager.snapshot(run_id).launches == 2


def test_an_environment_that_raises_is_quoted(manager: RunManager, open_app: OpenApp) -> None:
    run_id = _failed(manager, env_id=fake.RAISING)
    app = open_app(run=run_id)
    assert "RuntimeError: the motor is on fire" in _message(manager, run_id)
    assert not app.button(key="start").disabled
    assert not app.exception
