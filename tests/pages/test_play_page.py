from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import fake_environments
from browser_sources import data_of, module_text
from dqn_core.config import TrainingConfig
from dqn_core.presets import ATARI_PRESETS, PRESETS, find_preset
from dqn_core.runs.manager import RunManager
from pages.play import panel
from pages.play.labels import play_labels

Opened = Callable[..., AppTest]


def game(app: AppTest) -> dict[str, Any]:
    """What the page handed to the game."""
    (proto,) = (each.proto for each in app.get("bidi_component") if each.proto.component_name == panel.COMPONENT_NAME)
    return data_of(proto)


def test_without_runs_one_plays_alone(open_app: Opened) -> None:
    app = open_app(page="play/page.py")
    data = game(app)
    assert (data["env_id"], data["run_id"]) == ("CartPole-v1", None)
    assert data["play_keys"] == {"ArrowLeft": 0, "ArrowRight": 1}
    assert "left and right in turn" in data["idle_note"]


@pytest.mark.parametrize("env_id", [*PRESETS, *ATARI_PRESETS])
def test_every_environment_with_presets_is_played_by_keys_that_have_names(
    open_app: Opened, manager: RunManager, env_id: str
) -> None:
    run_id = manager.start(TrainingConfig(env_id=env_id))
    data = game(open_app(page="play/page.py", run=run_id))
    assert data["play_keys"] == (find_preset(env_id).play_keys or data["play_keys"])  # type: ignore[union-attr]
    assert data["play_keys"]
    assert data["speed"] in data["speeds"]  # else no button of the speeds would be pressed
    assert data["idle_note"].startswith(("While you press no key", "This environment needs an action"))
    assert {f"key_{key}" for key in data["play_keys"] if len(key) > 1} <= play_labels().keys()


def test_one_plays_against_the_run_in_the_address(open_app: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig(env_id="LunarLander-v3"))
    manager.start(TrainingConfig())
    data = game(open_app(page="play/page.py", run=run_id))
    assert (data["env_id"], data["run_id"], data["speed"]) == ("LunarLander-v3", run_id, 0.5)
    assert data["play_keys"] == {"ArrowLeft": 1, "ArrowUp": 2, "ArrowRight": 3}
    assert data["idle_note"] == "While you press no key: do nothing."
    assert f"run={run_id}" in data["replay_address"]


def test_another_opponent_goes_into_the_address(open_app: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig())
    app = open_app(page="play/page.py")
    assert game(app)["run_id"] == run_id
    app.selectbox(key="address:run").set_value("LunarLander-v3").run()
    assert app.query_params["run"] == "LunarLander-v3"
    assert (game(app)["env_id"], game(app)["run_id"]) == ("LunarLander-v3", None)


def test_any_other_environment_is_played_with_the_digits(open_app: Opened, manager: RunManager) -> None:
    fake_environments.register()
    run_id = manager.start(TrainingConfig(env_id=fake_environments.CORRIDOR))
    data = game(open_app(page="play/page.py", run=run_id))
    assert (data["play_keys"], data["is_sticky"]) == ({"1": 0, "2": 1}, True)
    assert data["idle_note"] == "While you press no key, your last action is repeated."


def test_an_environment_that_is_gone_is_told(open_app: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig(env_id="Gone-v0"))
    assert any("Gone-v0" in each.value for each in open_app(page="play/page.py", run=run_id).error)


def test_the_game_speaks_the_readers_language(open_app: Opened) -> None:
    data = game(open_app(page="play/page.py", locale="ko-KR"))
    assert data["locale"] == "ko"
    assert data["labels"]["again"] == "다시 하기"


def test_every_text_that_the_script_names_is_given() -> None:
    named = set(re.findall(r"\blabels\.(\w+)", module_text("play/play.js")))
    assert named - play_labels().keys() == set()
