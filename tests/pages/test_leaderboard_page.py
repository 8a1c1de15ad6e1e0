from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import pages.server.process
from app_pages import to_page
from dqn_core.algorithm.compute import make_learner
from dqn_core.config import TrainingConfig
from dqn_core.events import WeightsReady
from dqn_core.runs.classes.leaderboard import EPISODES, FIRST_SEED, Leaderboard
from dqn_core.runs.jobs.service import Jobs
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from dqn_core.training.run_folder import RunFolder
from scripted_trainer import wait_for_end

Opened = Callable[..., AppTest]
NAVIGATION = Path(pages.__file__).with_name("navigation.py")
CONFIG = TrainingConfig(hidden_sizes=(4,), compute="torch-cpu")


@pytest.fixture
def jobs(manager: RunManager) -> Iterator[Jobs]:
    """The process's jobs, which take nothing on: evaluations are put there by hand."""
    own = Jobs(most_waiting=0)
    pages.server.process._jobs.append(own)
    yield own
    pages.server.process._jobs.clear()
    own.close()


@pytest.fixture
def over(manager: RunManager) -> str:
    """A run that is over and has weights."""
    run_id = manager.start(CONFIG)
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    learner, _ = make_learner(CONFIG, 4, 2, np.random.default_rng(0))
    snapshot = WeightsReady(kind="best", episode=1, env_step=4_321, eval_return=9.0, state=learner.state_dict())
    RunFolder.open(manager.run_folder(run_id)).write_snapshot(snapshot)
    return run_id


def evaluate(manager: RunManager, run_id: str, score: float) -> None:
    record = EvaluationRecord(
        made_at=datetime.now(UTC),
        weights="best",
        epsilon=0.0,
        seeds=tuple(range(FIRST_SEED, FIRST_SEED + EPISODES)),
        returns=(score,) * EPISODES,
        lengths=(1,) * EPISODES,
    )
    EvaluationStore(manager.store.database).add(run_id, record)


def open_leaderboard(locale: str = "en-US") -> AppTest:
    app = AppTest.from_file(str(NAVIGATION), default_timeout=30)
    app.context = {"locale": locale}
    to_page(app, "leaderboard/page.py").run()
    assert not app.exception
    return app


def tables(app: AppTest) -> list[str]:
    return [each.proto.body for each in app.get("html") if "ranking" in each.proto.body and "<table" in each.proto.body]


def test_an_empty_leaderboard_says_how_to_get_there(manager: RunManager, jobs: Jobs) -> None:
    app = open_leaderboard()
    assert "No entries yet" in [each.value for each in app.header]


def test_a_run_is_submitted_from_its_page_and_stands_there(
    open_app: Opened, manager: RunManager, jobs: Jobs, over: str
) -> None:
    app = open_app(run=over)
    app.text_input(key="leaderboard:name").set_value("<script>alert(1)</script>").run()
    app.button(key="leaderboard:submit").click().run()
    assert not app.exception
    assert app.button(key="leaderboard:withdraw")
    evaluate(manager, over, 480.0)
    score, speed = tables(open_leaderboard())
    assert '<span class="medal gold">1</span>' in score
    assert "&lt;script&gt;alert(1)" in score
    assert "<script>" not in score
    assert "480" in score
    assert "4,321" in speed
    assert over in score


def test_ones_own_row_is_told_from_the_others(open_app: Opened, manager: RunManager, jobs: Jobs, over: str) -> None:
    app = open_app(run=over)
    app.text_input(key="leaderboard:name").set_value("Ada").run()
    app.button(key="leaderboard:submit").click().run()
    evaluate(manager, over, 20.0)
    to_page(app, "leaderboard/page.py").run()
    assert '<tr class="own">' in tables(app)[0]
    assert "(you)" in tables(app)[0]
    assert '<tr class="own">' not in tables(open_leaderboard())[0]


def test_a_member_submits_under_the_nickname_and_under_no_others(
    open_app: Opened, manager: RunManager, jobs: Jobs, over: str
) -> None:
    code = manager.classes.open("Thursday", "teacher").code
    manager.classes.join(code, "one", "Mina")
    manager.classes.join(code, "two", "Ben")
    manager.store.update_run(over, owner="one")
    app = open_app(page="start/page.py")
    app.session_state["visitor_id"] = "one"
    app.query_params["run"] = over
    to_page(app, "train/page.py").run()
    assert app.text_input(key="leaderboard:name").value == "Mina"
    app.text_input(key="leaderboard:name").set_value("BEN").run()
    app.button(key="leaderboard:submit").click().run()
    assert "somebody's nickname" in "".join(each.value for each in app.error)
    assert Leaderboard(manager, jobs).environments() == {}
    app.text_input(key="leaderboard:name").set_value("mina").run()
    app.button(key="leaderboard:submit").click().run()
    assert Leaderboard(manager, jobs).environments() == {"CartPole-v1": 1}


def test_without_a_name_it_says_so_and_submits_nothing(
    open_app: Opened, manager: RunManager, jobs: Jobs, over: str
) -> None:
    app = open_app(run=over)
    app.button(key="leaderboard:submit").click().run()
    assert "Choose a name for the leaderboard." in [each.value for each in app.error]
    assert Leaderboard(manager, jobs).environments() == {}


def test_a_run_that_trains_offers_no_submission(open_app: Opened, manager: RunManager, jobs: Jobs) -> None:
    app = open_app(run=manager.start(CONFIG))
    assert not [each for each in app.button if each.key == "leaderboard:submit"]


def test_what_waits_is_shown_and_the_page_is_there_in_korean(manager: RunManager, jobs: Jobs, over: str) -> None:
    Leaderboard(manager, jobs).submit(over, "Ada *bold*")
    app = open_leaderboard("ko-KR")
    assert app.title[0].value == "리더보드"
    assert any("Ada \\*bold\\*" in str(each.proto) or "Ada" in str(each.proto) for each in app.get("progress"))
