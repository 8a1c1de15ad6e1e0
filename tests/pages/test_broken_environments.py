"""An environment whose own code fails is named on every page, and no page ends in a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import fake_environments as fake
import pages.server.process
from app_pages import to_page
from dqn_core.environments.make import environment_picture, inspect_environment
from dqn_core.runs.manager import RunManager
from inside_page import PARTS, finished

NAVIGATION = Path(pages.__file__).with_name("navigation.py")
BREAKABLE = "DqnLabTest/Breakable-v0"
STUDENT = "DqnLabTest/Student-v0"
PARTS_OF_IT = ("reset", "step", "render", "close", "__init__")
BROKEN: set[str] = set()


class Breakable(fake.Corridor):
    """Fails in the methods that are in :data:`BROKEN`."""

    def __init__(self, render_mode: str | None = None) -> None:
        self._work("__init__")
        super().__init__(render_mode=render_mode)

    def reset(self, **options: Any) -> tuple[np.ndarray, dict]:
        self._work("reset")
        return super().reset(**options)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self._work("step")
        return super().step(action)

    def render(self) -> np.ndarray:
        self._work("render")
        return super().render()

    def close(self) -> None:
        self._work("close")

    def _work(self, name: str) -> None:
        if name in BROKEN:
            message = f"{name} is *on fire*"
            raise RuntimeError(message)


class Student(gym.Env[np.ndarray, int]):
    """Takes a render mode, as Gymnasium's guide says, and has no ``render``."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012  Gymnasium's own way

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        return np.zeros(2, np.float32), 1.0, False, False, {}


if BREAKABLE not in gym.registry:
    gym.register(BREAKABLE, Breakable, max_episode_steps=20)
    gym.register(STUDENT, Student, max_episode_steps=20)


@pytest.fixture
def break_it() -> Iterator[Callable[[str], None]]:
    """Have a method fail from here on, until the test's end."""

    def forget() -> None:
        for cached in (inspect_environment, environment_picture):
            cached.cache_clear()

    def broken(name: str) -> None:
        BROKEN.add(name)
        forget()

    forget()
    yield broken
    BROKEN.clear()
    forget()


@pytest.fixture(scope="module")
def run_id(lab: RunManager) -> str:
    return finished(lab, env_id=BREAKABLE, max_episodes=8, evaluate_every=2, evaluation_episodes=1)


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(NAVIGATION), default_timeout=60)
    app.context = {"locale": "en-US"}
    for name, value in query.items():
        app.query_params[name] = value
    to_page(app, page).run()
    assert not app.exception
    return app


def typed(env_id: str) -> AppTest:
    """The Train page of a new run in another environment."""
    app = opened("train/page.py")
    app.selectbox(key="new:environment").set_value("another").run()
    app.text_input(key="new:env_id").set_value(env_id).run()
    assert not app.exception
    return app


@pytest.mark.parametrize("name", PARTS_OF_IT)
def test_every_page_of_its_run_is_drawn(break_it: Callable[[str], None], run_id: str, name: str) -> None:
    break_it(name)
    for page in (
        "train/page.py",
        "replay/page.py",
        "play/page.py",
        "compare/page.py",
        "experiments/page.py",
        "runs/page.py",
    ):
        opened(page, run=run_id)
    for part in PARTS[:-1]:
        opened("inside/page.py", run=run_id, part=part)


def test_one_that_cannot_be_drawn_is_offered_with_the_reason(break_it: Callable[[str], None], lab: RunManager) -> None:
    break_it("render")
    app = typed(BREAKABLE)
    said = r"cannot be drawn (render() raised RuntimeError: render is \*on fire\*). It can still be trained."
    assert [said in each.value for each in app.warning].count(True) == 1
    assert not app.button(key="start").disabled


@pytest.mark.parametrize("name", ["reset", "step", "__init__"])
def test_the_start_page_says_what_fails_and_offers_no_start(
    break_it: Callable[[str], None], lab: RunManager, name: str
) -> None:
    break_it(name)
    app = typed(BREAKABLE)
    (said,) = (each.value for each in app.error if BREAKABLE in each.value)
    shown = name.replace("_", r"\_")
    assert f"fails in {shown}" in said
    assert rf"{shown} is \*on fire\*" in said
    assert app.button(key="start").disabled


def test_one_that_fails_to_close_is_as_good_as_any(break_it: Callable[[str], None], lab: RunManager) -> None:
    break_it("close")
    app = typed(BREAKABLE)
    assert not app.warning
    assert not app.error
    assert not app.button(key="start").disabled
    assert not app.toggle(key="watch").disabled


def test_an_environment_without_render_trains(break_it: Callable[[str], None], lab: RunManager) -> None:
    app = typed(STUDENT)
    assert any("cannot be drawn" in each.value for each in app.warning)
    app.button(key="start").click().run()
    assert not app.exception
    run_id = str(app.query_params["run"])
    assert app.toggle(key="watch").value
    lab.stop(run_id)
