from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from starlette.applications import Starlette

from asgi_client import Client
from dqn_core.config import TrainingConfig
from dqn_core.errors import StoreError
from dqn_core.events import EPISODE_COLUMNS, Event, RunState
from dqn_core.runs.manager import RunManager
from pages.train.routes import live_routes
from scripted_trainer import (
    Script,
    a_run_of,
    changed,
    ended,
    episode,
    following,
    frame,
    obedient,
    started,
    wait_for_end,
    wait_until,
)

_UNKNOWN = "20260401-143501-zzzz"
_LOCKED = "The database is locked"


class Lab:
    """A server's routes without the server, with a manager that can be started again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._manager: RunManager | None = None
        self.follow(a_run_of(3))
        self.client = Client(Starlette(routes=live_routes(lambda: self.manager)))

    @property
    def manager(self) -> RunManager:
        assert self._manager is not None
        return self._manager

    def follow(self, script: Script) -> None:
        """Start the manager again, as after a restart of the server, its trainers following ``script``."""
        self.close()
        self._manager = RunManager(self._path, trainer_factory=following(script), max_active_runs=3)

    def close(self) -> None:
        if self._manager is not None:
            self._manager.close()

    def finished(self, script: Script) -> str:
        """The id of a run that followed ``script`` to its end."""
        self.follow(script)
        run_id = self.manager.start(TrainingConfig(max_episodes=10))
        wait_for_end(self.manager, run_id)
        return run_id

    def messages(self, run_id: str, query: str = "", headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """What a run that is over sends to a viewer."""
        response = self.client.get(f"/live/runs/{run_id}/events{query}", headers)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [part.split("\n") for part in response.text.split("\n\n") if part]
        return [json.loads(data.removeprefix("data: ")) | {"id": first.removeprefix("id: ")} for first, data in events]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.mark.parametrize("is_of_an_earlier_server", [False, True])
def test_a_finished_run_is_sent_whole(lab: Lab, is_of_an_earlier_server: bool) -> None:
    run_id = lab.finished(a_run_of(3))
    if is_of_an_earlier_server:
        lab.follow(obedient())
    (sent,) = lab.messages(run_id)
    assert (sent["state"], sent["reason"], sent["over"], sent["id"]) == ("finished", "max_episodes", True, "3.0")
    assert sent["episodes"]["from"] == 0
    assert sent["episodes"]["columns"]["episode"] == [1, 2, 3]
    assert sent["progress"]["fraction"] == 0.3
    assert sent["progress"]["compute"] == "fused"


def test_a_viewer_goes_on_from_its_cursor(lab: Lab) -> None:
    run_id = lab.finished(a_run_of(3))
    (sent,) = lab.messages(run_id, "?rows=2&changes=0")
    assert (sent["episodes"]["from"], sent["episodes"]["columns"]["episode"]) == (2, [3])
    (sent,) = lab.messages(run_id, "?rows=0", {"Last-Event-ID": "1.0"})
    assert (sent["episodes"]["from"], sent["episodes"]["columns"]["episode"]) == (1, [2, 3])
    (sent,) = lab.messages(run_id, "?rows=3")
    assert (sent["episodes"]["columns"]["episode"], sent["over"]) == ([], True)


@pytest.mark.parametrize("is_of_an_earlier_server", [False, True])
def test_a_long_history_comes_in_messages_of_5000_rows(lab: Lab, is_of_an_earlier_server: bool) -> None:
    run_id = lab.finished(a_run_of(12_001))
    if is_of_an_earlier_server:
        lab.follow(obedient())
    sent = lab.messages(run_id)
    episodes = [number for each in sent for number in each["episodes"]["columns"]["episode"]]
    assert episodes == list(range(1, 12_002))
    assert max(len(each["episodes"]["columns"]["episode"]) for each in sent) <= 5_000
    assert [each["over"] for each in sent] == [False] * (len(sent) - 1) + [True]


def test_an_interrupted_run_is_over(lab: Lab) -> None:
    run_id = lab.finished(a_run_of(2))
    lab.manager.store.update_run(run_id, state=RunState.RUNNING, reason=None)
    lab.follow(obedient())
    (sent,) = lab.messages(run_id)
    assert (sent["state"], sent["reason"], sent["over"]) == ("interrupted", "interrupted", True)


def test_the_csv_of_a_run_is_complete_and_exact(lab: Lab) -> None:
    run_id = lab.finished(a_run_of(2_500))
    response = lab.client.get(f"/live/runs/{run_id}/episodes.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert f"{run_id}-episodes.csv" in response.headers["content-disposition"]
    table = pd.read_csv(io.StringIO(response.text))
    assert tuple(table.columns) == EPISODE_COLUMNS
    assert table["episode"].tolist() == list(range(1, 2_501))
    assert table["return"].tolist() == [episode(number).episode_return for number in range(1, 2_501)]
    assert math.isnan(table["loss_mean"][0])
    assert table["loss_mean"][2] == 1 / 3
    assert table["terminated"].dtype == bool
    assert table["truncated"].tolist() == [number % 3 == 0 for number in range(1, 2_501)]
    assert response.text.split("\n")[1].split(",")[EPISODE_COLUMNS.index("loss_mean")] == ""


def test_the_csv_of_the_changes(lab: Lab) -> None:
    def script(*_: object) -> Iterator[Event]:
        yield started()
        yield changed("gamma", 0.99, 1 / 3, env_step=5)
        yield changed("goal_score", None, 200.0, env_step=6)
        yield changed("loss", "mse", "huber", env_step=7)
        yield ended()

    run_id = lab.finished(script)
    response = lab.client.get(f"/live/runs/{run_id}/changes.csv")
    assert f"{run_id}-changes.csv" in response.headers["content-disposition"]
    table = pd.read_csv(io.StringIO(response.text), keep_default_na=False)
    assert list(table.columns) == ["wall_time_s", "env_step", "field", "old", "new"]
    assert table["env_step"].tolist() == [5, 6, 7]
    assert table["field"].tolist() == ["gamma", "goal_score", "loss"]
    assert table["old"].tolist() == ["0.99", "", "mse"]
    assert table["new"].tolist() == [repr(1 / 3), "200.0", "huber"]


def test_a_run_without_rows_has_its_headers(lab: Lab) -> None:
    run_id = lab.finished(a_run_of(0))
    assert lab.client.get(f"/live/runs/{run_id}/episodes.csv").text == ",".join(EPISODE_COLUMNS) + "\n"
    assert lab.client.get(f"/live/runs/{run_id}/changes.csv").text == "wall_time_s,env_step,field,old,new\n"


def test_frames_are_pictures_while_they_are_kept(lab: Lab) -> None:
    def script(*_: object) -> Iterator[Event]:
        yield started()
        for step in range(1, 41):
            yield frame(step)
        yield ended()

    run_id = lab.finished(script)
    response = lab.client.get(f"/live/runs/{run_id}/frames/40.jpg")
    assert response.content == frame(40).jpeg
    assert response.headers["content-type"] == "image/jpeg"
    assert "max-age" in response.headers["cache-control"]
    for name in ("8.jpg", "41.jpg", "-1.jpg", "x.jpg", "40.png", "9" * 50 + ".jpg"):
        response = lab.client.get(f"/live/runs/{run_id}/frames/{name}")
        assert response.status_code == 404
        assert name in response.json()["error"]
    lab.follow(obedient())
    assert lab.client.get(f"/live/runs/{run_id}/frames/40.jpg").status_code == 404


@pytest.mark.parametrize("run_id", [_UNKNOWN, "no-id", "%2e%2e%2f%2e%2e", "a" * 5_000])
@pytest.mark.parametrize("path", ["events", "events?frames=1", "episodes.csv", "changes.csv", "frames/1.jpg"])
def test_an_unknown_run_is_404_in_json(lab: Lab, run_id: str, path: str) -> None:
    response = lab.client.get(f"/live/runs/{run_id}/{path}")
    assert response.status_code == 404
    if "%2f" not in run_id:  # a path of more parts is no route at all
        assert "no run" in response.json()["error"]


@pytest.mark.parametrize(
    "query", ["rows=-1", "rows=x", "rows=1.5", "rows=", "rows=9999999999999999", "changes=1e3", "frames=yes", "rows=٣"]
)
def test_a_bad_query_is_400_in_json(lab: Lab, query: str) -> None:
    run_id = lab.finished(a_run_of(1))
    response = lab.client.get(f"/live/runs/{run_id}/events?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.json()["error"]


@pytest.mark.parametrize("last", ["x", "1", "1.2.3", "-1.0", "1.0x"])
def test_a_bad_last_event_id_is_400_in_json(lab: Lab, last: str) -> None:
    run_id = lab.finished(a_run_of(1))
    response = lab.client.get(f"/live/runs/{run_id}/events", headers={"Last-Event-ID": last})
    assert response.status_code == 400
    assert "Last-Event-ID" in response.json()["error"]


def test_a_cursor_beyond_the_end_is_answered(lab: Lab) -> None:
    run_id = lab.finished(a_run_of(3))
    (sent,) = lab.messages(run_id, "?rows=1000&changes=1000")
    assert (sent["episodes"]["from"], sent["changes"]["from"], sent["over"]) == (3, 0, True)


def test_a_database_that_fails_is_told_in_json(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError(_LOCKED)

    monkeypatch.setattr(lab.manager.store, "run", fail)
    response = lab.client.get(f"/live/runs/{_UNKNOWN}/events")
    assert (response.status_code, response.json()["error"]) == (503, _LOCKED)


def test_asking_for_the_headers_alone_opens_no_stream(lab: Lab) -> None:
    lab.follow(obedient())
    run_id = lab.manager.start(TrainingConfig())
    response = lab.client.head(f"/live/runs/{run_id}/events")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")


def test_the_last_rows_are_sent_before_the_end(lab: Lab) -> None:
    """A viewer of a run that goes on: the first message at once, the rest as it happens, the end last."""
    lab.follow(obedient())
    run_id = lab.manager.start(TrainingConfig())
    wait_until(lambda: lab.manager.snapshot(run_id).record.state is RunState.RUNNING)
    feed = lab.manager.feed(run_id)
    assert feed is not None
    on_read: list[Callable[[], None]] = [
        lambda: lab.manager.change(run_id, "gamma", 0.5),
        lambda: lab.manager.pause(run_id),
        lambda: lab.manager.stop(run_id),
    ]
    read = feed.read

    def read_and_go_on(*arguments: int) -> object:
        update = read(*arguments)
        if on_read:
            on_read.pop(0)()
        return update

    feed.read = read_and_go_on  # type: ignore[method-assign]
    sent = lab.messages(run_id, "?frames=1")
    assert sent[0]["state"] == "running"
    assert sent[-1]["state"] == "stopped"
    assert [each["over"] for each in sent] == [False] * (len(sent) - 1) + [True]
    assert [number for each in sent for number in each["episodes"]["columns"]["episode"]] == [1, 2, 3]
    (change,) = [item for each in sent for item in each["changes"]["items"]]
    assert change["changes"] == [{"field": "gamma", "old": 0.99, "new": 0.5}]
    assert any(each["frame"] for each in sent)  # the viewer asked for frames by being there
