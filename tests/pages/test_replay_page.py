from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from browser_sources import data_of, module_text
from dqn_core.algorithm.networks import initial_weights
from dqn_core.config import TrainingConfig
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from pages.replay import panel
from pages.replay.labels import replay_labels
from scripted_trainer import wait_for_end, wait_until
from trainer_runs import snapshot_of

Opened = Callable[..., AppTest]


def trained(manager: RunManager, *kinds: Any, **changes: Any) -> str:
    """The id of a run that has kept networks."""
    run_id = manager.start(TrainingConfig(**changes))
    folder = RunFolder.open(manager.run_folder(run_id))
    for kind in kinds or ("kept", "best"):
        folder.write_snapshot(snapshot_of(initial_weights(np.random.default_rng(0), (4, 32, 32, 2)), kind))
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    return run_id


def components(app: AppTest) -> list[str]:
    return [each.proto.component_name for each in app.get("bidi_component")]


def replay(app: AppTest) -> dict[str, Any]:
    """What the page handed to the replay."""
    (proto,) = (each.proto for each in app.get("bidi_component") if each.proto.component_name == panel.COMPONENT_NAME)
    return data_of(proto)


def asked(side: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The path and the query that a side fetches."""
    parts = urlsplit(side["url"])
    return parts.path, {name: value for name, (value,) in parse_qs(parts.query).items()}


def test_without_runs_the_page_says_what_to_do(open_app: Opened) -> None:
    app = open_app(page="replay/page.py")
    assert "No agent to watch yet" in [each.value for each in app.header]
    assert panel.COMPONENT_NAME not in components(app)


def test_runs_that_are_called_the_same_can_each_be_chosen(open_app: Opened, manager: RunManager) -> None:
    for run_id in (trained(manager, seed=1), trained(manager, seed=1)):
        app = open_app(page="replay/page.py")
        box = app.selectbox(key="address:run")
        assert len(set(box.options)) == len(box.options)
        box.select(run_id).run()
        (side,) = replay(app)["sides"]
        assert asked(side)[0] == f"live/runs/{run_id}/replay"


def test_the_newest_runs_best_network_is_shown_first(open_app: Opened, manager: RunManager) -> None:
    trained(manager, seed=1)
    run_id = trained(manager, seed=2)
    app = open_app(page="replay/page.py")
    (side,) = replay(app)["sides"]
    assert asked(side) == (
        f"live/runs/{run_id}/replay",
        {"checkpoint": "best", "seed": "1", "epsilon": "0.0", "lang": "en"},
    )
    assert side["title"] == "CartPole-v1, seed 2"
    assert side["detail"] == "Best · episode 1 · evaluation 10"
    assert replay(app)["action_names"] == ["push left", "push right"]
    assert replay(app)["frames_per_s"] == 50
    assert app.query_params["run"] == run_id


def test_the_episode_in_the_address_is_shown(open_app: Opened, manager: RunManager) -> None:
    run_id = trained(manager)
    app = open_app(page="replay/page.py", run=run_id, checkpoint="episode-00000001", seed="77", epsilon="0.03")
    (side,) = replay(app)["sides"]
    assert asked(side)[1] == {"checkpoint": "episode-00000001", "seed": "77", "epsilon": "0.03", "lang": "en"}
    assert "random 3%" in app.selectbox(key="address:epsilon").options


def test_other_arguments_of_the_environment_go_into_the_address(open_app: Opened, manager: RunManager) -> None:
    run_id = trained(manager, env_kwargs={"gravity": 1.6})
    app = open_app(page="replay/page.py", run=run_id)
    box = app.text_input(key="address:with")
    assert box.placeholder == "gravity=1.6"
    assert "pole_length" in box.help
    box.set_value(" gravity=24.8   pole_length=2 ").run()
    assert app.query_params["with"] == "gravity=24.8   pole_length=2"
    assert asked(replay(app)["sides"][0])[1]["with"] == "gravity=24.8 pole_length=2"
    app.text_input(key="address:with").set_value("gravty=3").run()
    assert any("Did you mean gravity?" in each.value for each in app.error)
    assert "with" not in asked(replay(app)["sides"][0])[1]
    app.text_input(key="address:with").set_value("gravity").run()
    assert any("such as gravity=-5" in each.value for each in app.error)
    app.text_input(key="address:with").set_value("").run()
    assert not app.error
    assert "with" not in app.query_params


def test_choices_go_into_the_address(open_app: Opened, manager: RunManager) -> None:
    run_id = trained(manager)
    app = open_app(page="replay/page.py", run=run_id)
    app.number_input(key="address:seed").set_value(5).run()
    app.selectbox(key="address:checkpoint").set_value("episode-00000001").run()
    app.selectbox(key="address:epsilon").set_value("0.25").run()
    assert app.query_params == {
        "run": run_id,
        "seed": "5",
        "checkpoint": "episode-00000001",
        "epsilon": "0.25",
    }
    assert asked(replay(app)["sides"][0])[1] == {
        "checkpoint": "episode-00000001",
        "seed": "5",
        "epsilon": "0.25",
        "lang": "en",
    }
    app.button(key="another-start").click().run()
    assert asked(replay(app)["sides"][0])[1]["seed"] == app.query_params["seed"]


def test_beside_the_best_network_stands_the_same_runs_earliest(open_app: Opened, manager: RunManager) -> None:
    run_id = trained(manager)
    other = trained(manager, seed=9)
    trained(manager, env_id="LunarLander-v3")
    app = open_app(page="replay/page.py", run=run_id)
    app.toggle(key="address:double").set_value(True).run()
    first, second = replay(app)["sides"]
    assert asked(first)[1]["checkpoint"] == "best"
    assert asked(second) == (asked(first)[0], asked(first)[1] | {"checkpoint": "episode-00000001"})
    choice = app.selectbox(key="address:other")
    assert len(choice.options) == 2  # one of another environment is no companion
    choice.set_value(other).run()
    assert asked(replay(app)["sides"][1])[0] == f"live/runs/{other}/replay"


def test_a_run_without_a_network_says_so(open_app: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig())
    app = open_app(page="replay/page.py", run=run_id)
    assert any("saved no network yet" in each.value for each in app.info)
    assert panel.COMPONENT_NAME not in components(app)


def test_a_run_that_ended_without_a_network_waits_for_nothing(open_app: Opened, manager: RunManager) -> None:
    run_id = manager.start(TrainingConfig())
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    app = open_app(page="replay/page.py", run=run_id)
    assert any("ended before it saved a network" in each.value for each in app.info)
    assert not any("wait for" in each.value for each in app.info)


@pytest.mark.parametrize("address", [{"run": "20260401-143501-zzzz"}, {"run": "../.."}])
def test_an_unknown_run_is_told(open_app: Opened, manager: RunManager, address: dict[str, str]) -> None:
    trained(manager)
    app = open_app(page="replay/page.py", **address)
    assert any("There is no run" in each.value for each in app.error)


def test_nonsense_in_the_address_is_as_good_as_nothing(open_app: Opened, manager: RunManager) -> None:
    run_id = trained(manager)
    app = open_app(page="replay/page.py", run=run_id, checkpoint="x", seed="-5", epsilon="nan", double="x", other="y")
    (side,) = replay(app)["sides"]
    assert asked(side)[1] == {"checkpoint": "best", "seed": "1", "epsilon": "0.0", "lang": "en"}


def test_a_run_of_an_environment_that_is_gone_is_told(open_app: Opened, manager: RunManager) -> None:
    run_id = trained(manager, env_id="Gone-v0")
    app = open_app(page="replay/page.py", run=run_id)
    assert any("Gone-v0" in each.value for each in app.error)


def test_the_replay_speaks_the_readers_language(open_app: Opened, manager: RunManager) -> None:
    app = open_app(page="replay/page.py", locale="ko-KR", run=trained(manager))
    assert replay(app)["locale"] == "ko"
    assert replay(app)["labels"]["play"] == "에피소드 재생"
    assert replay(app)["action_names"][0] != "push left"


@pytest.mark.parametrize("page", ["train", "replay", "play", "inside"])
def test_each_view_of_a_run_leads_to_the_others_of_the_same_run(
    open_app: Opened, manager: RunManager, page: str
) -> None:
    run_id = trained(manager)
    name = manager.snapshot(run_id).record.name
    app = open_app(page=f"{page}/page.py", run=run_id)
    links = {each.proto.label: each.proto for each in app.get("page_link")}
    assert app.title[0].value == name
    for view in ("Train", "Watch", "Play", "Inside"):
        assert f"run={run_id}" in links[view].query_string


def test_every_text_that_the_script_names_is_given() -> None:
    named = set(re.findall(r"\blabels\.(\w+)", module_text("replay/replay.js")))
    assert named - replay_labels().keys() == set()
