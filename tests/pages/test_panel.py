"""What Python hands to the live panel; what the panel makes of it is tested in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from browser_sources import data_of, module_text
from dqn_core.config import TrainingConfig
from dqn_core.events import RunState
from pages.train import panel


def show(**changes: object) -> None:
    from pages.train.panel import labels, live_panel

    arguments = {
        "run_id": "20260401-143501-x7k2",
        "labels": labels(),
        "action_names": ("left", "right"),
        "watch_frames": False,
        "key": "panel",
        "state": "running",
        "settings": {"gamma": 0.99, "goal_score": None},
    }
    live_panel(**(arguments | changes))


@pytest.fixture
def mounted() -> Callable[..., Any]:
    def mount(locale: str = "en-US", **changes: Any) -> Any:
        app = AppTest.from_function(show, kwargs=changes, default_timeout=30)
        app.context = {"locale": locale}
        app.run()
        assert not app.exception
        (element,) = app.main.children.values()
        return element.proto

    return mount


def labels_of(mounted: Callable[..., Any], locale: str = "en-US") -> dict[str, str]:
    found: dict[str, str] = data_of(mounted(locale))["labels"]
    return found


def test_a_redraw_sends_what_changed_and_where_the_rest_is_kept(mounted: Callable[..., Any]) -> None:
    proto = mounted(settings=TrainingConfig().to_dict())
    assert proto.component_name == panel.COMPONENT_NAME
    assert len(proto.SerializeToString()) < 4_000
    assert (proto.css_content, proto.html_content) == ("", "")


def test_the_page_hands_over_what_it_knows_of_the_run(mounted: Callable[..., Any]) -> None:
    settings = TrainingConfig(goal_score=450.0).to_dict()
    data = data_of(mounted(settings=settings, state="finished", watch_frames=True))
    expected = {
        "run_id": "20260401-143501-x7k2",
        "action_names": ["left", "right"],
        "state": "finished",
        "settings": json.loads(json.dumps(settings)),
        "watch_frames": True,
    }
    assert {name: data[name] for name in expected} == expected
    assert [chart["layout"]["meta"]["id"] for chart in data["charts"]] == [
        "return",
        "shaped_return",
        "loss",
        "length",
        "epsilon",
    ]


def test_a_rerun_gives_the_same_element_so_that_the_browser_keeps_it(mounted: Callable[..., Any]) -> None:
    first, second = mounted(state="running"), mounted(state="paused")
    assert first.id == second.id
    assert mounted(state="running").json == first.json
    assert first.js_content == second.js_content


def test_every_text_that_the_script_names_is_given(mounted: Callable[..., Any]) -> None:
    named = set(re.findall(r"\blabels\.(\w+)", module_text("train/panel.js")))
    given = labels_of(mounted)
    assert named - given.keys() == set()
    assert {f"tile_{name}" for name in re.findall(r'"(\w+)"', _line("const TILES"))} <= given.keys()


def _line(start: str) -> str:
    return next(line for line in module_text("train/panel.js").splitlines() if line.startswith(start))


def test_every_state_has_a_word(mounted: Callable[..., Any]) -> None:
    assert {f"state_{state}" for state in RunState} <= labels_of(mounted).keys()


def test_no_template_goes_to_the_browser(mounted: Callable[..., Any]) -> None:
    """What the run says comes in the reader's language; the panel's own texts are known by short names."""
    assert {name for name in labels_of(mounted, "ko-KR") if not re.fullmatch(r"[a-z0-9_]+", name)} == set()


def test_texts_and_numbers_follow_the_readers_language(mounted: Callable[..., Any]) -> None:
    data = data_of(mounted("ko-KR"))
    assert data["locale"] == "ko"
    assert data["labels"]["state_running"] != labels_of(mounted)["state_running"]
    assert data["charts"][0]["layout"]["meta"]["title"] == data["labels"]["chart_return"]
