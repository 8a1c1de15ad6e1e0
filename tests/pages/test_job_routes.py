from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from starlette.applications import Starlette

import fake_environments as fake
from asgi_client import Client
from dqn_core.config import TrainingConfig
from dqn_core.runs.jobs.orders import recording_video_order
from dqn_core.runs.jobs.service import Jobs
from dqn_core.runs.jobs.tasks import Work
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from dqn_core.training.run_folder import RunFolder
from job_tasks import Fail, Say, Wait
from live_tab import heard
from pages.shared.jobs.routes import job_routes
from pages.shared.jobs.topic import job_topic
from pages.shared.texts.i18n import translate
from scripted_trainer import a_run_of, following, wait_for_end, wait_until
from trainer_runs import recorded, short_config


class Lab:
    """The routes of jobs over runs that trained nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manager = RunManager(path, trainer_factory=following(a_run_of(1)))
        self.jobs = Jobs(preload=("registered_environments",))
        self.client = Client(Starlette(routes=job_routes(lambda: self.manager)))
        self.topic = job_topic(lambda: self.jobs)

    def run(self, config: TrainingConfig) -> str:
        run_id = self.manager.start(config)
        wait_for_end(self.manager, run_id)
        return run_id

    def done(self, *tasks: Any) -> dict[str, Any]:
        """What the route says of a job with ``tasks`` that is over."""
        job = self.jobs.submit(str(tasks), lambda: Work(tasks=tasks, finish=lambda results: results))
        wait_until(lambda: job.state.is_over)
        return self.facts(job.job_id)

    def facts(self, job_id: str, language: str = "en") -> dict[str, Any]:
        """The last that a tab hears of a job."""
        last = heard(self.topic, job=job_id, language=language)[-1]
        assert last["over"]
        values: dict[str, Any] = last["data"]
        return values


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    fake.register()
    lab = Lab(tmp_path)
    yield lab
    lab.jobs.close()
    lab.manager.close()


def test_a_job_says_how_far_it_is_and_why_it_failed(lab: Lab, tmp_path: Path) -> None:
    assert lab.done(Say("x")) == {"state": "done", "share": 1.0, "jobs_ahead": 0, "error": None, "video": None}
    failed = lab.done(Fail("known", tmp_path / "cleared"))
    assert failed["state"] == "failed"
    assert "here" in failed["error"]
    assert "full" in failed["error"]
    assert lab.facts("none") == {"state": "gone"}


def test_why_a_job_failed_is_said_in_the_readers_language(lab: Lab, tmp_path: Path) -> None:
    job = lab.jobs.submit(
        "x", lambda: Work(tasks=(Fail("known", tmp_path / "cleared"),), finish=lambda results: results)
    )
    wait_until(lambda: job.state.is_over)
    assert job.error is not None
    english, korean = lab.facts(job.job_id)["error"], lab.facts(job.job_id, "ko")["error"]
    assert english == str(job.error)
    assert korean == translate("ko", job.error.template).format(**job.error.parameters)


def test_a_tab_follows_a_job_to_its_end(lab: Lab, tmp_path: Path) -> None:
    begun, end = tmp_path / "begun", tmp_path / "end"
    job = lab.jobs.submit("y", lambda: Work(tasks=(Wait(begun, end),), finish=list))
    wait_until(begun.exists)
    threading.Timer(0.5, end.touch).start()
    messages = heard(lab.topic, job=job.job_id)
    assert [each["over"] for each in messages] == [False] * (len(messages) - 1) + [True]
    assert (messages[0]["data"]["state"], messages[-1]["data"]["state"]) == ("working", "done")
    assert len(messages) < 6  # what is as it was is not said again


def test_a_video_is_to_be_had_whole_and_in_parts(lab: Lab) -> None:
    run_id = lab.run(short_config(env_id=fake.CORRIDOR))
    RunFolder.open(lab.manager.run_folder(run_id)).write_recording(recorded(12))
    job = recording_video_order(lab.manager, run_id, "episode-00000012").submit(lab.jobs)
    wait_until(lambda: job.state.is_over)
    video = lab.facts(job.job_id)["video"]
    assert video["name"] == "DqnLabTest-Corridor-v0-episode-00000012-return5.mp4"
    response = lab.client.get(video["url"])
    assert response.status_code == 200
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["content-encoding"] == "identity"
    assert len(response.content) == video["bytes"]
    earlier_address = video["url"].replace("/videos/", "/films/")
    assert lab.client.get(earlier_address).content == response.content
    part = lab.client.get(video["url"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    for wrong in (
        video["url"].replace("-return5", ""),
        video["url"].replace("/videos/", "/videos/x"),
        f"{video['url']}.part",
    ):
        assert lab.client.get(wrong).status_code == 404


@pytest.mark.parametrize("name", ["..%2f..%2fconfig.json", "%2e%2e", "config.json", "video.mp4"])
def test_no_other_file_is_given_away(name: str, lab: Lab) -> None:
    run_id = lab.run(short_config())
    for key in ("0123456789abcdef", "..", "%2e%2e"):
        for place in ("videos", "films"):
            assert lab.client.get(f"/live/runs/{run_id}/{place}/{key}/{name}").status_code == 404
    assert lab.client.get(f"/live/runs/{run_id}/recordings/{name}").status_code == 404
    assert lab.client.get(f"/live/runs/{run_id}/evaluations/{name}").status_code == 404


def test_a_recorded_episode_has_a_small_picture(lab: Lab) -> None:
    run_id = lab.run(short_config())
    folder = RunFolder.open(lab.manager.run_folder(run_id))
    folder.write_recording(recorded(3, actions=(0, 1, 0), episode_return=3.0))
    response = lab.client.get(f"/live/runs/{run_id}/recordings/episode-00000003.jpg?at=30")
    assert response.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(response.content)).size == (300, 200)
    missing = lab.client.get(f"/live/runs/{run_id}/recordings/episode-00000004.jpg")
    assert missing.status_code == 404
    assert "no longer recorded" in missing.json()["error"]
    assert lab.client.get("/live/runs/20260401-143501-none/recordings/episode-00000003.jpg").status_code == 404
    folder.write_config(folder.config.replace(env_id=fake.CORRIDOR))
    folder.write_recording(recorded(8, episode_return=99.0))
    said = lab.client.get(f"/live/runs/{run_id}/recordings/episode-00000008.jpg?at=80")
    assert said.status_code == 200  # its first 60 % can be repeated


def test_an_evaluation_is_a_table(lab: Lab) -> None:
    run_id = lab.run(short_config())
    record = EvaluationRecord(
        made_at=datetime(2026, 4, 1, 14, 35, 1, tzinfo=UTC),
        weights="best",
        epsilon=0.0,
        seeds=(7, 8),
        returns=(9.25, -1.0),
        lengths=(9, 3),
    )
    EvaluationStore(lab.manager.store.database).add(run_id, record)
    response = lab.client.get(f"/live/runs/{run_id}/evaluations/0.csv")
    assert f'filename="{run_id}-evaluation-0.csv"' in response.headers["content-disposition"]
    table = pd.read_csv(io.StringIO(response.text))
    assert table[["episode", "seed", "return", "length"]].to_numpy().tolist() == [[1, 7, 9.25, 9], [2, 8, -1.0, 3]]
    assert set(table["weights"]) == {"best"}
    assert lab.client.get(f"/live/runs/{run_id}/evaluations/1.csv").status_code == 404
    assert lab.client.get("/live/runs/20260401-143501-none/evaluations/0.csv").status_code == 404
