"""No route changes what has an owner: they answer questions, but for one's own role and one's own game."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute

from asgi_client import Client
from dqn_core.runs.manager import RunManager
from live_tab import heard
from pages.classroom.routes import class_routes
from pages.classroom.topic import roster_topic
from pages.classroom.wall import wall_topic
from pages.compare.routes import compare_routes
from pages.experiments.topic import experiment_topic
from pages.play.socket import play_routes
from pages.replay.routes import replay_routes
from pages.runs.routes import run_list_routes
from pages.server.browser_code import browser_routes
from pages.server.settings import settings
from pages.server.visitor_cookies import Signer, visitor_routes
from pages.shared.browser.live_socket import Topic, live_socket_routes
from pages.shared.browser.server_watch import server_topic
from pages.shared.export.export_routes import export_routes
from pages.shared.jobs.routes import job_routes
from pages.shared.jobs.topic import job_topic
from pages.shared.run_status import active_topic
from pages.shared.run_table.topic import run_list_topic
from pages.shared.visitor.class_strip import class_topic
from pages.shared.visitor.identity import member_mark, signer
from pages.train.routes import live_routes
from pages.train.stream import run_topic
from two_visitors import PAGES, Stage


@pytest.fixture
def stage(manager: RunManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("DQN_LAB_INSTRUCTOR_CODE", "chalk-and-sponge")
    settings.cache_clear()
    yield Stage(manager, tmp_path)
    (tmp_path / "end").touch()
    settings.cache_clear()


def _routes() -> list[BaseRoute]:
    """Every route beside the pages."""
    return [
        *browser_routes(),
        *live_socket_routes(_topics()),
        *live_routes(),
        *export_routes(),
        *replay_routes(),
        *play_routes(),
        *compare_routes(),
        *job_routes(),
        *run_list_routes(),
        *class_routes(),
        *visitor_routes(lambda: Signer(b"0" * 32, "chalk-and-sponge")),
    ]


def _topics() -> dict[str, Topic]:
    """Everything that a tab can follow."""
    return {
        "server": server_topic(),
        "run": run_topic(),
        "runs": run_list_topic(),
        "active": active_topic(),
        "job": job_topic(),
        "experiments": experiment_topic(),
        "class": class_topic(),
        "roster": roster_topic(),
        "wall": wall_topic(),
    }


@pytest.mark.parametrize("kind", ["_routes", "_topic"])
def test_this_file_knows_every_route_and_topic_of_the_server(kind: str) -> None:
    tree = ast.parse(PAGES.with_name("app.py").read_text("utf-8"))
    made = {each.func.id for each in ast.walk(tree) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)}
    own = {name for name in globals() if name.endswith(kind) and not name.startswith("_")}
    assert {name for name in made if name.endswith(kind) and not name.startswith("_")} == own


def test_only_ones_own_role_is_sent_to_a_route_and_a_game_is_ones_own() -> None:
    asking = [each for each in _routes() if isinstance(each, Route) and (each.methods or set()) <= {"GET", "HEAD"}]
    others = [each for each in _routes() if not any(each.path == one.path for one in asking)]  # type: ignore[attr-defined]
    assert {each.path: type(each) for each in others} == {  # type: ignore[attr-defined]
        "/role": Route,
        "/live/play": WebSocketRoute,
        "/live/socket": WebSocketRoute,
    }


@pytest.mark.parametrize(
    "path",
    sorted(each.path for each in _routes() if isinstance(each, Route) and "GET" in (each.methods or ())),
)
def test_what_a_route_answers_changes_nothing(stage: Stage, path: str) -> None:
    run_id = stage.over()
    paths = {
        "{run_id}": run_id,
        "{replay_id}": "none",
        "{format}": "csv",
        "{key}": "none",
        "{path:path}": "none",
        "{position}": "0",
        "{name}": "0.jpg" if "frames" in path else "class.zip" if "class" in path else "0.csv",
    }
    class_id = _class(stage.manager)
    for name, value in paths.items():
        path = path.replace(name, value)
    assert "{" not in path
    experiment_id = stage.experiment()
    before = stage.world()
    answer = Client(Starlette(routes=_routes())).get(
        f"{path}?frames=1&runs={run_id}&ids={experiment_id}&ticket={signer().collect_ticket(class_id)}"
    )
    assert answer.status_code < 500
    assert stage.world() == before


def _class(manager: RunManager) -> str:
    """A class with one member."""
    opened = manager.classes.open("theirs", "another")
    manager.classes.join(opened.code, "a student", "Mina")
    return opened.class_id


@pytest.mark.parametrize("name", _topics())
def test_what_a_tab_follows_changes_nothing(stage: Stage, name: str) -> None:
    run_id, experiment_id, class_id = stage.over(), stage.experiment(), _class(stage.manager)
    of_class = {"class": class_id, "member": member_mark(class_id, "a student"), "seen": []}
    of_class["ticket"] = signer().class_ticket(class_id)
    before = stage.world()
    (message,) = heard(
        _topics()[name],
        most=1,
        run=run_id,
        frames=True,
        fresh=True,
        job="none",
        process="none",
        experiments=[experiment_id],
        **of_class,
    )
    assert "data" in message
    assert stage.world() == before
