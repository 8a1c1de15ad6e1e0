"""On the pages, an odd environment can be started or is refused in words, and the pages of its run are drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

import odd_environments as odd
import pages.server.process
from app_pages import to_page
from asgi_client import Client
from dqn_core.events import Frame, RunState
from dqn_core.runs.manager import RunManager
from inside_page import PARTS
from pages.shared.jobs.routes import job_routes
from scripted_trainer import wait_for_end, wait_until
from trainer_runs import short_config

NAVIGATION = Path(pages.__file__).with_name("navigation.py")
SHOWN = (
    "Named",
    "Picture",
    "Shares",
    "Stack",
    "States",
    "Parts",
    "Wide",
    "SeveralActions",
    "ManyActions",
    "RenderRaises",
    "RenderGrows",
    "HumanOnly",
    "NoRender",
    "GlobalRandom",
    "OldSeed",
)
"""Those whose runs are looked at on every page."""


@pytest.fixture(autouse=True)
def _odd_environments() -> Iterator[None]:
    odd.register()
    odd.Alone.is_open = False
    return


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(NAVIGATION), default_timeout=60)
    app.context = {"locale": "en-US"}
    for name, value in query.items():
        app.query_params[name] = value
    to_page(app, page).run()
    assert not app.exception
    return app


def test_the_train_page_offers_what_trains_and_says_why_the_rest_does_not(lab: RunManager) -> None:
    app = opened("train/page.py")
    for name in (*odd.TRAINS, *odd.REFUSED):
        app.selectbox(key="new:environment").set_value("another").run()
        app.text_input(key="new:env_id").set_value(odd.env_id(name)).run()
        assert not app.exception, name
        said = [each.value.replace("\\", "").replace("\u2060", "") for each in app.error]
        is_refused = name in odd.REFUSED
        assert app.button(key="start").disabled is is_refused, (name, said)
        assert any(odd.env_id(name) in each for each in said) is is_refused, (name, said)
        if is_refused:
            assert any(re.search(odd.REFUSED[name][1], each, re.DOTALL) for each in said), (name, said)


@pytest.mark.parametrize("name", SHOWN)
def test_every_page_of_its_run_is_drawn(name: str, lab: RunManager) -> None:
    config = short_config(
        env_id=odd.env_id(name), buffer_size=200, max_episodes=100_000, max_episode_steps=15, evaluate_every=2
    )
    run_id = lab.start(config)
    lab.watch(run_id, seconds=60.0)
    feed = lab.feed(run_id)
    assert feed is not None
    wait_until(lambda: feed.read(0, 0).frame_number >= 1 and lab.snapshot(run_id).record.episodes >= 6)
    assert isinstance(feed.read(0, 0).frame, Frame)
    opened("train/page.py", run=run_id)
    lab.stop(run_id)
    wait_for_end(lab, run_id)
    assert lab.store.run(run_id).state is RunState.STOPPED
    for page in ("train/page.py", "replay/page.py", "play/page.py", "compare/page.py", "runs/page.py"):
        app = opened(page, run=run_id)
        assert not app.error, (page, [each.value for each in app.error])
    for part in PARTS:
        app = opened("inside/page.py", run=run_id, part=part)
        assert not app.error, (part, [each.value for each in app.error])
    client = Client(Starlette(routes=job_routes(lambda: lab)))
    picture = client.get(f"/live/runs/{run_id}/recordings/episode-00000004.jpg")
    assert picture.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("env_id", ["highway-fast-v0", "MiniGrid-Empty-5x5-v0", odd.env_id("Named")])
def test_an_environment_of_another_package_is_started_from_the_page(env_id: str, lab: RunManager) -> None:
    app = opened("train/page.py")
    app.selectbox(key="new:environment").set_value("another").run()
    app.text_input(key="new:env_id").set_value(env_id).run()
    assert not app.error
    app.button(key="start").click().run()
    assert not app.exception
    run_id = str(app.query_params["run"])
    wait_until(lambda: lab.snapshot(run_id).record.env_steps > 20)
    lab.stop(run_id)
    wait_for_end(lab, run_id)
    assert (lab.store.run(run_id).config.env_id, lab.store.run(run_id).state) == (env_id, RunState.STOPPED)
