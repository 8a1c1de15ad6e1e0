from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load
from starlette.applications import Starlette

from asgi_client import Client
from dqn_core.config import TrainingConfig
from dqn_core.events import CheckpointReady, EndReason, RunState
from dqn_core.runs.examples import EXAMPLES_OWNER
from dqn_core.runs.manager import RunManager
from dqn_core.runs.run_list import ListUpdate, RunList
from dqn_core.training import checkpoint_frames
from dqn_core.training.run_folder import RunFolder
from live_tab import heard
from pages.runs.archive import archive
from pages.runs.routes import MOST_ARCHIVED, run_list_routes
from pages.shared.run_table import topic as topic_of_runs
from pages.shared.run_table.topic import run_list_topic
from scripted_trainer import a_run_of, following, wait_for_end

_UNKNOWN = "20260401-143501-zzzz"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    manager = RunManager(tmp_path, trainer_factory=following(a_run_of(3)))
    yield manager
    manager.close()


@pytest.fixture
def client(manager: RunManager) -> Client:
    return Client(Starlette(routes=run_list_routes(lambda: manager)))


def _run(manager: RunManager, name: str = "", owner: str = "") -> str:
    run_id = manager.start(TrainingConfig(seed=4), name, owner=owner)
    wait_for_end(manager, run_id)
    return run_id


def _opened(content: bytes) -> zipfile.ZipFile:
    opened = zipfile.ZipFile(io.BytesIO(content))
    assert opened.testzip() is None
    return opened


def test_the_list_and_then_what_is_new(manager: RunManager) -> None:
    run_id = _run(manager, "a <b>name</b>", owner="secret-cookie")
    runs = RunList(manager)
    topic = run_list_topic(lambda: runs)
    (message,) = heard(topic, most=1)
    whole = message["data"]
    assert whole["whole"]
    (line,) = whole["runs"]
    assert (line["id"], line["name"], line["seed"]) == (run_id, "a <b>name</b>", 4)
    assert (line["state"], line["reason"]) == (RunState.FINISHED, EndReason.MAX_EPISODES)
    assert line["episodes"] == 3
    assert line["best"] is None
    assert line["owner"]
    assert "secret" not in line["owner"]  # whoever has a visitor's id could be that visitor
    assert line["nickname"] == ""
    (again,) = heard(topic, most=1, cursor=message["cursor"])
    assert again["cursor"] == message["cursor"]
    assert (again["data"]["whole"], again["data"]["runs"], again["data"]["removed"]) == (False, [], [])
    manager.delete(run_id)
    (news,) = heard(topic, most=1, cursor=message["cursor"], fresh=True)
    assert (news["data"]["runs"], news["data"]["removed"]) == ([], [run_id])
    assert news["cursor"]["version"] > message["cursor"]["version"]


def test_a_run_of_a_class_has_its_students_nickname(manager: RunManager) -> None:
    opened = manager.classes.open("Thursday", "teacher")
    manager.classes.join(opened.code, "a student", "<b>Mina")
    _run(manager, owner="a student")
    manager.classes.leave("a student")
    runs = RunList(manager)
    (message,) = heard(run_list_topic(lambda: runs), most=1)
    assert [each["nickname"] for each in message["data"]["runs"]] == ["<b>Mina"]


def test_an_example_belongs_to_the_program(manager: RunManager) -> None:
    _run(manager, owner=EXAMPLES_OWNER)
    (message,) = heard(run_list_topic(lambda: RunList(manager)), most=1)
    assert [each["nickname"] for each in message["data"]["runs"]] == ["DQN Lab"]


def test_news_of_the_list_come_by_themselves(manager: RunManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_of_runs, "_EVERY_S", 0.05)
    ticks = iter(range(10_000))
    runs = RunList(manager, clock=lambda: 10.0 * next(ticks))  # what was read is old at once
    first = _run(manager)
    read = runs.since

    def read_and_go_on(version: int, *, at_once: bool) -> ListUpdate:
        update = read(version, at_once=at_once)
        if len(update.lines) == 1 and update.is_whole:
            manager.rename(first, "another name")
        return update

    monkeypatch.setattr(runs, "since", read_and_go_on)
    whole, news = heard(run_list_topic(lambda: runs), most=2)
    assert whole["data"]["whole"]
    assert not news["data"]["whole"]
    assert [line["name"] for line in news["data"]["runs"]] == ["another name"]


@pytest.mark.parametrize(
    ("cursor", "fresh", "named"),
    [({"version": -1}, False, "version"), ({"version": "x"}, False, "version"), ({}, 2, "fresh")],
)
def test_a_wish_that_is_none_is_refused(manager: RunManager, cursor: dict[str, Any], fresh: object, named: str) -> None:
    runs = RunList(manager)
    (message,) = heard(run_list_topic(lambda: runs), cursor=cursor, fresh=fresh)
    assert message["over"]
    assert named in message["error"]


def test_one_run_as_an_archive_that_needs_nothing_else(client: Client, manager: RunManager) -> None:
    run_id = _run(manager, "my run", owner="secret-cookie")
    folder = RunFolder.open(manager.run_folder(run_id))
    weights = np.arange(4, dtype=np.float32)
    (folder.path / "best.safetensors").write_bytes(weights.tobytes())
    (folder.path / "checkpoint.safetensors").write_bytes(b"large" * 200_000)
    (folder.path / ".config.json.half").write_bytes(b"half written")
    answer = client.get(f"/live/runs/{run_id}/everything.zip")
    assert answer.headers["content-disposition"] == f'attachment; filename="{run_id}.zip"'
    opened = _opened(answer.content)
    names = ["run.json", "episodes.csv", "changes.csv", "best.safetensors", "config.json"]
    assert opened.namelist() == [f"{run_id}/{name}" for name in names]
    about = json.loads(opened.read(f"{run_id}/run.json"))
    assert (about["name"], about["state"], about["initial_config"]["seed"]) == ("my run", "finished", 4)
    assert b"secret" not in answer.content
    rows = list(csv.DictReader(io.StringIO(opened.read(f"{run_id}/episodes.csv").decode())))
    assert [row["episode"] for row in rows] == ["1", "2", "3"]
    assert opened.read(f"{run_id}/best.safetensors") == weights.tobytes()
    assert TrainingConfig.from_dict(json.loads(opened.read(f"{run_id}/config.json"))) == folder.config

    whole = _opened(client.get(f"/live/runs/{run_id}/everything.zip?checkpoints=1").content)
    assert len(whole.read(f"{run_id}/checkpoint.safetensors")) == 1_000_000


def test_several_runs_in_one_archive_each_once(client: Client, manager: RunManager) -> None:
    first, second = _run(manager), _run(manager)
    opened = _opened(client.get(f"/live/runs/everything.zip?runs={first},{second},{first}").content)
    assert {name.split("/")[0] for name in opened.namelist()} == {first, second}
    assert len(opened.namelist()) == len(set(opened.namelist()))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/live/runs/{_UNKNOWN}/everything.zip", 404),
        ("/live/runs/..%2f..%2fetc/everything.zip", 404),
        ("/live/runs/everything.zip", 400),
        (f"/live/runs/everything.zip?runs={_UNKNOWN}", 404),
        (f"/live/runs/everything.zip?runs={','.join([_UNKNOWN] * (MOST_ARCHIVED + 1))}", 400),
    ],
)
def test_what_cannot_be_archived_is_said_before_anything_is_sent(client: Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    if path.count("..") == 0:
        assert answer.json()["error"]


def test_an_archive_is_never_in_memory_as_a_whole(manager: RunManager) -> None:
    run_id = _run(manager)
    (manager.run_folder(run_id) / "video.mp4").write_bytes(bytes(10_000_000))
    pieces = [len(piece) for piece in archive(manager, [run_id], with_checkpoints=False)]
    assert sum(pieces) > 10_000_000
    assert max(pieces) < 300_000


def test_a_file_that_cannot_be_opened_is_left_out(manager: RunManager, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = _run(manager)
    (manager.run_folder(run_id) / "gone.mp4").touch()
    open_file = Path.open

    def refuse(path: Path, *arguments: object) -> object:
        if path.name == "gone.mp4":
            raise FileNotFoundError
        return open_file(path, *arguments)

    monkeypatch.setattr(Path, "open", refuse)
    opened = _opened(b"".join(archive(manager, [run_id], with_checkpoints=False)))
    assert f"{run_id}/config.json" in opened.namelist()
    assert f"{run_id}/gone.mp4" not in opened.namelist()


def test_a_checkpoint_of_pictures_is_one_file_in_an_archive(
    client: Client, manager: RunManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_frames, "SEGMENT_BYTES", 40)
    run_id = _run(manager)
    arrays = {
        "replay.frames": np.arange(200, dtype=np.uint8).reshape(50, 4),
        "replay.first_frame": np.array([7]),
    }
    folder = RunFolder.open(manager.run_folder(run_id))
    folder.write_checkpoint(CheckpointReady(episode=1, env_step=50, arrays=arrays, values={}))
    assert any(folder.path.glob("checkpoint-frames/*"))
    answer = client.get(f"/live/runs/{run_id}/everything.zip")
    assert not any("checkpoint" in name for name in _opened(answer.content).namelist())
    whole = _opened(client.get(f"/live/runs/{run_id}/everything.zip?checkpoints=1").content)
    (name,) = (name for name in whole.namelist() if "checkpoint" in name)
    np.testing.assert_array_equal(load(whole.read(name))["replay.frames"], arrays["replay.frames"])
