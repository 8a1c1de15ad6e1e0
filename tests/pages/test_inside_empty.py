"""The page "Inside the agent" where there is nothing to look into yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import pages.server
from dqn_core.config import TrainingConfig
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from pages.components.inside import study
from scripted_trainer import wait_until

NAVIGATION = Path(pages.server.__file__).with_name("navigation.py")


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(NAVIGATION), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page("inside.py").run()
    assert not app.exception
    return app


def test_without_runs_the_page_says_what_to_do_and_checks_can_be_run(manager: RunManager) -> None:
    app = opened()
    assert "No agent to look into yet" in [each.value for each in app.subheader]
    assert any(link.label == "Train an agent" for link in app.get("page_link"))
    assert not opened(part="checks").subheader


def test_a_run_without_a_checkpoint_yet_is_waited_for(manager: RunManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "_WAIT_FOR_LOOK_S", 0.0)
    run_id = manager.start(TrainingConfig())
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    app = opened(run=run_id)
    assert "no checkpoint" in app.info[0].value
    assert any("looks again" in each.value for each in app.caption)
    manager.stop(run_id)
    wait_until(lambda: not manager.snapshot(run_id).is_active)
    app.run()
    assert "no checkpoint" in app.info[0].value
    assert not any("looks again" in each.value for each in app.caption)
