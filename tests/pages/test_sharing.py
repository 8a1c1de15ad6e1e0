"""The Train page that a link opens, and the menu that the link comes from."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from browser_sources import data_of
from dqn_core.config import Arguments, TrainingConfig
from dqn_core.events import RunState
from dqn_core.presets import preset_config
from dqn_core.runs.manager import RunManager
from pages.shared.share.settings_link import settings_query
from pages.shared.share.share import COMPONENT_NAME
from scripted_trainer import wait_for_end, wait_until

OpenApp = Callable[..., AppTest]
LUNAR = preset_config("LunarLander-v3", "fast").replace(
    seed=11,
    gamma=0.9,
    hidden_sizes=(32,),
    goal_score=None,
    env_kwargs=Arguments({"gravity": -5.0}),
    reward_formula="reward - 1",
)


def draft(app: AppTest) -> TrainingConfig:
    return TrainingConfig.from_dict(app.session_state["new:draft"])


def said(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.warning, *app.error]
    return "\n".join(str(each.value) for each in parts)


# ---------------------------------------------------------------------------------------------------- a link opened


def test_a_link_fills_the_form_and_says_so(open_app: OpenApp, manager: RunManager) -> None:
    app = open_app(**settings_query(LUNAR))
    assert draft(app) == LUNAR
    assert "Settings from a link. Different from the preset Fast:" in said(app)
    assert "Gravity -5, Reward formula reward - 1, Seed 11, Discount factor γ 0.9" in said(app)
    assert app.selectbox(key="new:environment").value == "LunarLander-v3"
    assert app.number_input(key="new:seed").value == 11
    assert app.select_slider(key="new:gamma").value == 0.9
    assert app.text_input(key="new:reward_formula").value == "reward - 1"
    assert not app.button(key="start").disabled
    assert manager.list_runs() == []  # nothing starts by itself


def test_a_link_to_a_preset_as_it_is_fills_the_form_and_says_nothing(open_app: OpenApp) -> None:
    app = open_app(env="MinAtar/Breakout-v1")
    assert draft(app) == preset_config("MinAtar/Breakout-v1", "fast")
    assert "Settings from a link" not in said(app)


def test_what_is_changed_in_the_form_stays_at_each_drawing(open_app: OpenApp) -> None:
    app = open_app(**settings_query(LUNAR))
    app.select_slider(key="new:gamma").set_value(0.5).run()
    app.number_input(key="new:seed").set_value(12).run()
    app.run()
    assert draft(app) == LUNAR.replace(gamma=0.5, seed=12)
    app.button(key="link-again").click().run()
    assert draft(app) == LUNAR
    assert app.button(key="link-again").disabled


def test_the_way_back_to_the_preset(open_app: OpenApp) -> None:
    app = open_app(**settings_query(LUNAR), lang="en")
    app.button(key="link-preset").click().run()
    assert draft(app) == preset_config("LunarLander-v3", "fast")
    assert "Settings from a link" not in said(app)
    assert app.query_params == {"lang": "en"}
    assert not app.exception


def test_a_second_visitor_sees_the_same_form(open_app: OpenApp) -> None:
    first = open_app(**settings_query(LUNAR))
    first.select_slider(key="new:gamma").set_value(0.5).run()
    assert draft(open_app(**settings_query(LUNAR))) == LUNAR


def test_another_link_in_the_same_tab_is_taken_too(open_app: OpenApp) -> None:
    app = open_app(**settings_query(LUNAR))
    other = preset_config("CartPole-v1", "fast").replace(gamma=0.5)
    app.query_params.clear()
    for name, value in settings_query(other).items():
        app.query_params[name] = value
    app.run()
    assert draft(app) == other
    assert "Discount factor γ 0.5" in said(app)


def test_start_begins_the_run_of_the_link_and_takes_it_out_of_the_address(
    open_app: OpenApp, manager: RunManager
) -> None:
    app = open_app(**settings_query(LUNAR))
    app.button(key="start").click().run()
    (record,) = manager.list_runs()
    assert record.initial_config == LUNAR
    app.run()
    assert app.query_params == {"run": record.run_id}
    assert "Settings from a link" not in said(app)


def test_a_link_is_not_the_last_run(open_app: OpenApp, manager: RunManager) -> None:
    run_id = manager.start(preset_config("CartPole-v1", "fast"))
    app = open_app(run=run_id)
    app.query_params.clear()
    for name, value in settings_query(LUNAR).items():
        app.query_params[name] = value
    app.run()
    assert "run" not in app.query_params
    assert draft(app) == LUNAR


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"env": "no_such_module:My-v0"}, "is not listed on this server"),
        ({"env": "<script>alert(1)</script>"}, "is not listed on this server"),
        ({"preset": "best"}, "must be one of lab8, fast, strong"),
        ({"settings": "{"}, "this is not JSON"),
        ({"settings": "[" * 3_000 + "]" * 3_000}, "nested"),
        ({"settings": "x" * 60_000}, "must be at most 7,000 characters"),
        ({"settings": '{"gamma": NaN}'}, "must be a finite number"),
        ({"settings": '{"gamma": -1}'}, "must be from 0 to 1"),
        ({"settings": '{"gama": 1}'}, "there is no such field"),
        ({"settings": json.dumps({"[x](http://a.example)" * 20: ":red[x] $x$"})}, "there is no such field"),
        ({"settings": json.dumps({f"unknown_{i}": i for i in range(300)})}, "and 280 more"),
        ({"settings": '{"reward_formula": "import os"}'}, "Reward formula"),
        ({"settings": '{"env_kwargs.gravity": 1e300}'}, "must be from 0 to 50"),
    ],
)
def test_what_is_wrong_in_a_link_is_said_and_nothing_breaks(
    open_app: OpenApp, manager: RunManager, query: dict[str, str], words: str
) -> None:
    for lang in ("en", "ko"):
        app = open_app(**query, lang=lang)
        assert not app.exception
        assert len(app.warning) >= 1
        assert not app.button(key="start").disabled
        shown = said(app)
        if lang == "en":
            assert words in shown
            assert "This in the link is wrong and was left out" in shown
        assert "http://a" not in shown.replace("\u2060", "|")
    assert "no_such_module" not in sys.modules
    assert manager.list_runs() == []


# ------------------------------------------------------------------------------------------------------- the menu


def panels(app: AppTest) -> list[dict[str, Any]]:
    """What the menu shows, if it shows anything."""
    found = [each.proto for each in app.get("bidi_component") if each.proto.component_name == COMPONENT_NAME]
    return [data_of(each) for each in found]


def shared(app: AppTest) -> dict[str, Any]:
    """What the open menu shows."""
    (panel,) = panels(app)
    return panel


def open_menu(app: AppTest) -> AppTest:
    app.session_state["share"] = True
    return app.run()


def opened(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query))


def test_nothing_is_made_before_the_menu_is_opened(app: AppTest) -> None:
    app.run()
    assert panels(app) == []


def test_the_form_is_shared_as_it_is_now(app: AppTest) -> None:
    app.select_slider(key="new:gamma").set_value(0.5).run()
    app.context = {"locale": "en-US", "url": "https://lab.example.org/course/train"}
    open_menu(app)
    assert shared(app)["link"].startswith("https://lab.example.org/course/train?env=CartPole-v1&preset=lab8&settings=")
    assert json.loads(opened(shared(app)["link"])["settings"]) == {"gamma": 0.5}
    assert shared(app)["command"] == "python -m dqn_core train --env CartPole-v1 --preset lab8 --gamma 0.5"
    assert "gamma=0.5" in shared(app)["python"]
    assert shared(app)["code"].startswith("data:image/svg+xml")
    app.select_slider(key="new:gamma").set_value(0.9).run()
    assert json.loads(opened(shared(app)["link"])["settings"]) == {"gamma": 0.9}
    assert not app.exception


def test_settings_that_are_wrong_are_not_shared(app: AppTest) -> None:
    app.text_input(key="new:hidden_sizes").set_value("many").run()
    open_menu(app)
    assert panels(app) == []
    assert any("Correct the settings first" in each.value for each in app.info)


@pytest.mark.parametrize("page", ["train/page.py", "replay/page.py", "inside/page.py"])
def test_a_run_is_shared_from_each_of_its_views(open_app: OpenApp, manager: RunManager, page: str) -> None:
    config = preset_config("CartPole-v1", "fast").replace(seed=4)
    run_id = manager.start(config)
    app = open_app(run=run_id, page=page)
    app.context = {"locale": "en-US", "url": f"http://192.168.0.7:8501/{page.partition('/')[0]}"}
    open_menu(app)
    assert shared(app)["link"].startswith("http://192.168.0.7:8501/train?env=CartPole-v1&preset=fast")
    assert json.loads(opened(shared(app)["link"])["settings"]) == {"seed": 4}


def test_of_settings_that_changed_while_it_trained_one_chooses(open_app: OpenApp, manager: RunManager) -> None:
    run_id = manager.start(preset_config("CartPole-v1", "fast"))
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    manager.change(run_id, "gamma", 0.5)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    app = open_menu(open_app(run=run_id))
    assert "settings" not in opened(shared(app)["link"])
    app.segmented_control(key="share-which").set_value("form").run()
    assert json.loads(opened(shared(app)["link"])["settings"]) == {"gamma": 0.5}


def test_a_link_keeps_the_language_that_was_chosen(open_app: OpenApp) -> None:
    app = open_menu(open_app(lang="en"))
    assert opened(shared(app)["link"])["lang"] == "en"


def test_a_view_without_a_run_has_nothing_to_share(open_app: OpenApp) -> None:
    app = open_menu(open_app(page="play/page.py"))
    assert panels(app) == []
