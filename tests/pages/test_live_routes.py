from __future__ import annotations

import io
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
from live_tab import heard
from pages.shared.browser import live_socket
from pages.train.routes import live_routes
from pages.train.stream import run_topic
from scripted_trainer import (
    Script,
    a_run_of,
    changed,
    ended,
    episode,
    following,
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

    def messages(self, run_id: str, *, frames: bool = False, **cursor: int) -> list[dict[str, Any]]:
        """What a run that is over sends to a viewer."""
        return heard(run_topic(lambda: self.manager), run=run_id, frames=frames, cursor=cursor)


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
    (message,) = lab.messages(run_id)
    assert (message["over"], message["cursor"]) == (True, {"rows": 3, "changes": 0, "frame": 0})
    sent = message["data"]
    assert (sent["state"], sent["reason"]) == ("finished", "max_episodes")
    assert sent["episodes"]["from"] == 0
    assert sent["episodes"]["columns"]["episode"] == [1, 2, 3]
    assert sent["progress"]["fraction"] == 0.3
    assert sent["progress"]["compute"] == "CPU (compiled)"


def test_a_viewer_goes_on_from_its_cursor(lab: Lab) -> None:
    run_id = lab.finished(a_run_of(3))
    (message,) = lab.messages(run_id, rows=2, changes=0)
    sent = message["data"]
    assert (sent["episodes"]["from"], sent["episodes"]["columns"]["episode"]) == (2, [3])
    (message,) = lab.messages(run_id, rows=3)
    assert (message["data"]["episodes"]["columns"]["episode"], message["over"]) == ([], True)


@pytest.mark.parametrize("is_of_an_earlier_server", [False, True])
def test_a_long_history_comes_in_messages_of_5000_rows(lab: Lab, is_of_an_earlier_server: bool) -> None:
    run_id = lab.finished(a_run_of(12_001))
    if is_of_an_earlier_server:
        lab.follow(obedient())
    sent = lab.messages(run_id)
    portions = [each["data"]["episodes"]["columns"]["episode"] for each in sent]
    assert [number for portion in portions for number in portion] == list(range(1, 12_002))
    assert max(map(len, portions)) <= 5_000
    assert [each["over"] for each in sent] == [False] * (len(sent) - 1) + [True]


def test_an_interrupted_run_is_over(lab: Lab) -> None:
    run_id = lab.finished(a_run_of(2))
    lab.manager.store.update_run(run_id, state=RunState.RUNNING, reason=None)
    lab.follow(obedient())
    (message,) = lab.messages(run_id)
    assert message["over"]
    assert (message["data"]["state"], message["data"]["reason"]) == ("interrupted", "interrupted")


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


@pytest.mark.parametrize("run_id", [_UNKNOWN, "no-id", "%2e%2e%2f%2e%2e", "a" * 5_000])
@pytest.mark.parametrize("path", ["episodes.csv", "changes.csv"])
def test_an_unknown_run_is_404_in_json(lab: Lab, run_id: str, path: str) -> None:
    response = lab.client.get(f"/live/runs/{run_id}/{path}")
    assert response.status_code == 404
    if "%2f" not in run_id:  # a path of more parts is no route at all
        assert "no run" in response.json()["error"]


@pytest.mark.parametrize("run_id", [_UNKNOWN, "no-id", "../..", "a" * 5_000])
@pytest.mark.parametrize("frames", [False, True])
def test_an_unknown_run_is_said_in_the_readers_language(lab: Lab, run_id: str, frames: bool) -> None:
    topic = run_topic(lambda: lab.manager)
    (message,) = heard(topic, run=run_id, frames=frames)
    assert message["over"]
    assert "no run" in message["error"]
    (message,) = heard(topic, run=run_id, frames=frames, language="ko")
    assert "실행" in message["error"]


@pytest.mark.parametrize("name", ["rows", "changes", "frame"])
@pytest.mark.parametrize("value", [-1, "x", 1.5, "", None, 10**16, [3]])
def test_a_bad_cursor_is_refused(lab: Lab, name: str, value: object) -> None:
    run_id = lab.finished(a_run_of(1))
    (message,) = heard(run_topic(lambda: lab.manager), run=run_id, cursor={name: value})
    assert message["over"]
    assert f"{name} in the cursor" in message["error"]


@pytest.mark.parametrize(("parameters", "named"), [({}, "run"), ({"run": 3}, "run"), ({"frames": "yes"}, "frames")])
def test_bad_parameters_are_refused(lab: Lab, parameters: dict[str, Any], named: str) -> None:
    run_id = lab.finished(a_run_of(1))
    given = {"run": run_id, **parameters} if parameters else {}
    (message,) = heard(run_topic(lambda: lab.manager), **given)
    assert message["over"]
    assert named in message["error"]


def test_a_cursor_beyond_the_end_is_answered(lab: Lab) -> None:
    run_id = lab.finished(a_run_of(3))
    (message,) = lab.messages(run_id, rows=1000, changes=1000)
    assert (message["data"]["episodes"]["from"], message["data"]["changes"]["from"], message["over"]) == (3, 0, True)


def test_a_database_that_fails_is_told_and_tried_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_socket, "_RETRY_S", 0.01)
    run_id = lab.finished(a_run_of(3))
    lab.follow(obedient())
    read, failures = lab.manager.store.run, [1, 2, 3]

    def fail_at_first(asked: str) -> object:
        if failures and failures.pop():
            raise StoreError(_LOCKED)
        return read(asked)

    monkeypatch.setattr(lab.manager.store, "run", fail_at_first)
    told, message = lab.messages(run_id)
    assert (told["error"], told["over"]) == (_LOCKED, False)
    assert message["data"]["episodes"]["columns"]["episode"] == [1, 2, 3]


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
    messages = lab.messages(run_id, frames=True)
    assert [each["over"] for each in messages] == [False] * (len(messages) - 1) + [True]
    sent = [each["data"] for each in messages]
    assert sent[0]["state"] == "running"
    assert sent[-1]["state"] == "stopped"
    assert [number for each in sent for number in each["episodes"]["columns"]["episode"]] == [1, 2, 3]
    (change,) = [item for each in sent for item in each["changes"]["items"]]
    assert change["text"] == "Discount factor γ 0.99 → 0.5"
    assert change["changes"] == [{"field": "gamma", "old": 0.99, "new": 0.5}]
    assert any(each["frame"] for each in sent)  # the viewer asked for frames by being there
