"""The page "Inside the agent" on runs of other environments, on one that trains, and where there is nothing yet."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

import fake_environments as fake
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from inside_page import PARTS, finished, opened
from pages.inside import study
from scripted_trainer import wait_for_end, wait_until
from trainer_runs import short_config

fake.register()


def test_an_environment_without_names_of_its_own_is_shown_by_indices(lab: RunManager) -> None:
    corridor = finished(lab, env_id=fake.CORRIDOR, max_episodes=4)
    for part in PARTS[:6]:
        assert not opened(run=corridor, part=part).error
    assert list(opened(run=corridor).table[0].value["Meaning and unit"]) == ["s[0]", "s[1]"]


def test_an_environment_of_one_number_without_pictures(lab: RunManager) -> None:
    narrow = finished(lab, env_id=fake.ONE_NUMBER, max_episodes=4)
    for part in PARTS[:6]:
        assert not opened(run=narrow, part=part).error
    assert "a single number" in opened(run=narrow, part="landscape").info[0].value


def test_an_environment_that_breaks_is_told_where_it_is_stepped(lab: RunManager) -> None:
    settings = {"warmup_steps": 0, "batch_size": 4, "max_env_steps": 25, "max_episode_steps": 50}
    raising = finished(lab, env_id=fake.RAISING, **settings)
    app = opened(run=raising)
    assert not app.error
    app.session_state[f"{raising}:by-hand"] = [0] * 40
    app.run()
    assert "the motor is on fire" in app.error[0].value
    assert not app.exception


def test_a_run_that_trains_is_asked_for_a_fresh_look(lab: RunManager) -> None:
    live = lab.start(short_config(max_episodes=100_000, max_episode_steps=20))
    wait_until(lambda: lab.snapshot(live).record.episodes > 3)
    lab.set_pace(live, 50.0)
    app = opened(run=live)
    first = _step_shown(app)
    wait_until(lambda: lab.snapshot(live).record.env_steps > first + 2)
    study._looked_at.clear()
    app.button(key="fresh-look").click().run()
    lab.stop(live)
    wait_for_end(lab, live)
    assert _step_shown(app) > first


def _step_shown(app: AppTest) -> int:
    text = next(each.value for each in app.caption if each.value.startswith("The agent at"))
    found = re.search(r"step ([\d,]+)", text)
    assert found is not None
    return int(found[1].replace(",", ""))


def test_an_environment_that_is_gone_is_named(lab: RunManager, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = finished(lab, env_id=fake.SHIFTED_ACTIONS, max_episodes=1)
    monkeypatch.delitem(fake.gym.registry, fake.SHIFTED_ACTIONS)
    inspect_environment.cache_clear()
    app = opened(run=gone)
    assert "There is no environment" in app.info[0].value
    assert not app.exception


def test_without_runs_the_page_says_what_to_do_and_checks_can_be_run(manager: RunManager) -> None:
    app = opened()
    assert "No agent to look into yet" in [each.value for each in app.header]
    assert any(link.label == "Train an agent" for link in app.get("page_link"))
    assert not opened(part="checks").header


def test_a_run_without_a_checkpoint_yet_is_waited_for(manager: RunManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "_WAIT_FOR_LOOK_S", 0.0)
    run_id = manager.start(TrainingConfig())
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    app = opened(run=run_id)
    assert "no checkpoint" in app.info[0].value
    assert any("keeps checking" in each.value for each in app.caption)
    manager.stop(run_id)
    wait_until(lambda: not manager.snapshot(run_id).is_active)
    app.run()
    assert "no checkpoint" in app.info[0].value
    assert not any("keeps checking" in each.value for each in app.caption)
