"""Inside on runs whose agents see pictures: those are shown, and not hundreds of numbers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app_pages import to_page
from dqn_core.runs.manager import RunManager
from dqn_core.training.run_folder import RunFolder
from inside_page import NAVIGATION, PARTS, finished, opened
from pages.server.process import get_library

MINATAR: dict[str, Any] = {"env_id": "MinAtar/Breakout-v1", "max_episodes": 8}
VIEW: dict[str, Any] = {
    "env_id": "MiniGrid-Empty-5x5-v0",
    "env_kwargs": {"observation": "view"},
    "max_episodes": 2,
    "max_episode_steps": 40,
}


def pictures(app: AppTest) -> list[str]:
    """HTML of each picture on the page that the network sees."""
    found = [each.proto.body for each in app.get("html") if 'class="seen-tiles"' in each.proto.body]
    return [body for body in found if "filter 0<" not in body and "필터 0<" not in body]  # it makes feature maps of it


def columns(app: AppTest) -> list[list[str]]:
    """Texts of each table's first column."""
    return [each.value.iloc[:, 0].tolist() for each in app.table]


def captions(app: AppTest) -> list[list[str]]:
    """Names of the tiles of each picture on the page."""
    return [re.findall(r"<figcaption>(?:<span[^>]*></span>)?([^<]*)", body) for body in pictures(app)]


@pytest.mark.parametrize("settings", [MINATAR, VIEW])
def test_every_part_is_drawn(lab: RunManager, settings: dict[str, Any]) -> None:
    run_id = finished(lab, **settings)
    for part in PARTS[:6]:
        app = opened(run=run_id, part=part)
        assert not app.error, (part, [each.value for each in app.error])


def test_a_state_is_shown_channel_by_channel_in_the_readers_language(lab: RunManager) -> None:
    run_id = finished(lab, **MINATAR)
    channels = ["paddle", "ball", "trail", "brick"]
    assert captions(opened(run=run_id)) == [channels, channels]  # one of the memory, one to play with
    assert captions(opened(run=run_id, part="network")) == [channels]
    assert captions(opened(run=run_id, part="update")) == [channels, channels]  # s and s'
    assert captions(opened("ko-KR", run=run_id, part="network")) == [["패들", "공", "지나간 자리", "벽돌"]]


def test_saliency_is_drawn_over_it_when_it_is_asked_for(lab: RunManager) -> None:
    run_id = finished(lab, **MINATAR)
    app = opened(run=run_id, part="network")
    (before,) = pictures(app)
    app.toggle(key=f"{run_id}:saliency-s").set_value(True).run()
    assert not app.exception
    (after,) = pictures(app)
    assert after != before
    assert after.count("<figure>") == before.count("<figure>") == 4


def test_feature_maps_of_the_first_layer_are_shown_where_it_is_a_convolution(lab: RunManager) -> None:
    run_id = finished(lab, **MINATAR)
    found = [each.proto.body for each in opened(run=run_id, part="network").get("html")]
    (maps,) = [body for body in found if "filter 0<" in body]
    assert maps.count("<figure>") == 16
    dense = finished(lab, **MINATAR, network="dense")
    found = [each.proto.body for each in opened(run=dense, part="network").get("html")]
    assert not any("filter 0<" in body for body in found)


def test_layers_are_called_what_they_are_as_on_the_train_page(lab: RunManager) -> None:
    run_id = finished(lab, **MINATAR)
    inside = opened(run=run_id, part="network")
    assert ["Convolution 1, ReLU", "Hidden 1, ReLU", "Output", "**Total**"] in columns(inside)
    assert "k · k · n · m weights" in " ".join(each.value for each in inside.caption)
    train = AppTest.from_file(str(NAVIGATION), default_timeout=60)
    train.query_params["run"] = run_id
    assert ["Convolution 1, ReLU", "Hidden 1, ReLU", "Output"] in columns(to_page(train, "train/page.py").run())


@pytest.mark.parametrize("part", ["landscape", "memory"])
def test_a_plane_begins_with_two_pixels_that_change(lab: RunManager, part: str) -> None:
    run_id = finished(lab, **MINATAR)
    app = opened(run=run_id, part=part)
    figure = {"landscape": "landscape", "memory": "coverage"}[part]
    x, y = (int(app.selectbox(key=f"{run_id}:{figure}-{axis}").value) for axis in "xy")
    observations = get_library().checkpoint(RunFolder.open(lab.run_folder(run_id))).replay.observations
    assert x != y
    assert np.ptp(observations[:, [x, y]], axis=0).tolist() == [1.0, 1.0]


def test_pixels_and_the_states_of_small_worlds_are_named_in_the_readers_language(lab: RunManager) -> None:
    run_id = finished(lab, **MINATAR)
    pixels = opened("ko-KR", run=run_id, part="landscape").selectbox(key=f"{run_id}:landscape-x").options
    assert pixels[:2] == ["s[0] 0행 0열의 패들", "s[1] 0행 0열의 공"]
    for env_id, names in {
        "Taxi-v4": ["택시 0행 0열, 승객 위치 R, 목적지 R", "택시 0행 0열, 승객 위치 R, 목적지 G"],
        "Blackjack-v1": ["플레이어 합계 0", "플레이어 합계 1"],
        "FrozenLake-v1": ["0행 0열", "0행 1열"],
    }.items():
        train = AppTest.from_file(str(NAVIGATION), default_timeout=60)
        train.context = {"locale": "ko-KR"}
        train.query_params["env"] = env_id
        to_page(train, "train/page.py").run()
        (table,) = [each.value for each in train.table if "의미" in each.value]
        assert table["의미"].tolist()[:2] == names
