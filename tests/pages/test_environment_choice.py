"""Which environment: the list of what is registered, people's own files among it, and ids that are typed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium as gym
import pytest
from streamlit.testing.v1 import AppTest

import pages.server.process
from dqn_core.config import EnvironmentChoice, TrainingConfig
from dqn_core.environments.make import make_environment
from dqn_core.environments.own import environment_files, use_folder
from dqn_core.runs.jobs.orders import check_order
from dqn_core.runs.manager import RunManager
from scripted_trainer import wait_until

WALK = """
import gymnasium as gym
import numpy as np

class Walk(gym.Env):
    def __init__(self, render_mode=None):
        self.observation_space = gym.spaces.Box(-9, 9, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.full(2, self.t / 9, np.float32), float(action), self.t >= 9, False, {}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "environments"
    path.mkdir()
    use_folder(path, looks_first=True)
    yield path
    use_folder(None)


def write(path: Path, text: str) -> None:
    """The file, with another date than the one before it, and read."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    if before:
        os.utime(path, ns=(before + 10**9, before + 10**9))
    environment_files(60.0)


def listed(app: AppTest) -> list[str]:
    return list(app.selectbox(key="new:environment").options)


def test_what_is_registered_is_listed_and_what_cannot_be_used_says_why(app: AppTest) -> None:
    options = listed(app)
    assert options[0] == "CartPole-v1"
    assert "CartPole-v0" in options
    assert "Pendulum-v1 ✕ continuous actions" in options
    assert "Ant-v5 ✕ needs gymnasium[mujoco]" in options
    assert not any(each.startswith("Ant-v2") for each in options)  # it only says where it has gone
    usable = [each for each in options if "✕" not in each]
    assert options[: len(usable) - 1] == usable[:-1]
    assert options[-1] == usable[-1] == "Another id ..."
    app.selectbox(key="new:environment").set_value("Pendulum-v1").run()
    assert any("Pendulum-v1 takes actions from Box" in each.value for each in app.error)
    assert app.button(key="start").disabled


def test_a_file_in_the_folder_is_listed_and_started(
    folder: Path, open_app: Callable[..., AppTest], manager: RunManager
) -> None:
    (folder / "walk.py").write_text(WALK)
    (folder / "broken.py").write_text("import nosuchpackage\n")
    environment_files(60.0)
    app = open_app()
    assert "Own/Walk-v0 · walk.py" in listed(app)
    assert [each.label for each in app.expander if "Environment files" in each.label] == [
        "Environment files that cannot be used: 1"
    ]
    assert any("broken.py imports nosuchpackage" in each.value for each in app.markdown)
    app.selectbox(key="new:environment").set_value("Own/Walk-v0").run()
    assert not app.error
    app.button(key="start").click().run()
    assert manager.list_runs()[0].config.env_id == "Own/Walk-v0"
    app = open_app(locale="ko-KR")
    assert any(each.label == "사용할 수 없는 환경 파일: 1개" for each in app.expander)


def test_an_environment_is_checked_before_its_first_run(
    folder: Path, open_app: Callable[..., AppTest], manager: RunManager
) -> None:
    def expanders(app: AppTest) -> list[str]:
        return [each.label for each in app.expander if "Check of" in each.label]

    (folder / "walk.py").write_text(WALK)
    environment_files(60.0)
    app = open_app()
    assert not expanders(app)  # Gymnasium's own need none
    app.selectbox(key="new:environment").set_value("Own/Walk-v0").run()
    assert expanders(app)
    jobs, order = pages.server.process.get_jobs(), check_order(EnvironmentChoice("Own/Walk-v0"))
    wait_until(lambda: (job := order.job(jobs)) is not None and job.state.is_over)
    app.run()
    (said,) = [each.value for each in app.markdown if "It observes Box" in each.value]
    assert "The same seed and actions give the same episode." in said
    assert "It has no pictures" in said
    app.button(key="start").click().run()
    assert not expanders(app)


def test_a_file_that_is_being_read_is_said_to_be(folder: Path, open_app: Callable[..., AppTest]) -> None:
    (folder / "slow.py").write_text("import time\ntime.sleep(60)\n")
    app = open_app()
    assert any("Reading slow.py" in each.value for each in app.caption)
    assert not app.button(key="start").disabled  # nobody waits for it


def test_a_module_is_imported_where_its_id_is_typed(
    open_app: Callable[..., AppTest], manager: RunManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app()
    (tmp_path / "page_walks.py").write_text(WALK + 'gym.register("PageWalk-v0", Walk)\n')
    monkeypatch.syspath_prepend(tmp_path)
    app.selectbox(key="new:environment").set_value("another").run()
    app.text_input(key="new:env_id").set_value("page_walks:PageWalk-v0").run()
    assert not app.error
    app.button(key="start").click().run()
    assert manager.list_runs()[0].config.env_id == "page_walks:PageWalk-v0"
    assert "PageWalk-v0" in listed(open_app())
    del gym.registry["PageWalk-v0"]


def test_a_run_whose_file_is_gone_is_shown_all_the_same(
    folder: Path, open_app: Callable[..., AppTest], manager: RunManager
) -> None:
    path = folder / "walk.py"
    write(path, WALK)
    run_id = manager.start(TrainingConfig(env_id="Own/Walk-v0"))
    manager.stop(run_id)
    wait_until(lambda: not manager.snapshot(run_id).is_active)
    make_environment("Own/Walk-v0").close()
    write(path, WALK.replace("Walk", "Jump"))
    for page in ("train/page.py", "replay/page.py", "inside/page.py", "play/page.py", "compare/page.py"):
        app = open_app(run=run_id, page=page)
        assert app.main.children, page
    app = open_app(run=run_id)
    assert any("There is no environment 'Own/Walk-v0'" in each.value for each in app.error)
    assert app.title[0].value == "Own/Walk-v0"
    assert app.button(key="start").disabled
    app.selectbox(key=f"{run_id}:environment").set_value("CartPole-v1").run()
    assert not app.error
    assert not app.button(key="start").disabled
