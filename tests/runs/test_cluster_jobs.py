"""Videos and evaluations of a laboratory whose runs train on a cluster: they are made there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dqn_core.episodes.episode import roll_out
from dqn_core.episodes.video import VideoOptions
from dqn_core.errors import ClusterError
from dqn_core.runs.executors.ray_cluster import RayCluster, RayTaskWorker
from dqn_core.runs.jobs.service import Job, Jobs, JobState
from dqn_core.runs.jobs.tasks import EvaluationShare, Plan, Task, Work, joined
from dqn_core.runs.jobs.videos import VideoTask, finished_video, video_folder
from local_cluster import LocalCluster
from policies import some_weights
from scripted_trainer import wait_until
from trainer_runs import short_config

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Here:
    """Says in which process it is done; waits for a file, if one is named."""

    waits_for: Path | None = None
    begun: Path | None = None

    def run(self, report: Callable[[float], object]) -> int:
        report(0.5)
        if self.begun is not None and self.waits_for is not None:
            self.begun.write_text(str(os.getpid()), "ascii")
            wait_until(self.waits_for.exists)
        return os.getpid()

    def clear(self) -> None:
        """Nothing is left."""


class Anywhere(Here):
    """The same, on another machine."""

    def elsewhere(self) -> Task:
        return self

    def received(self, result: int) -> tuple[str, int]:
        return "from elsewhere", result


@pytest.fixture
def on_cluster(tmp_path: Path, local_cluster: LocalCluster) -> Iterator[Jobs]:
    with closing(RayCluster(local_cluster.address, tmp_path / "data")) as cluster:
        jobs = Jobs(elsewhere=lambda niceness: RayTaskWorker(cluster, niceness))
        yield jobs
        jobs.close()


def _done(jobs: Jobs, *tasks: Task, finish: Callable[[list[Any]], Any] = lambda results: results) -> Any:
    job = _over(jobs.submit("one", _plan(*tasks, finish=finish)))
    assert job.state is JobState.DONE, job.error
    return job.result


def _plan(*tasks: Task, finish: Callable[[list[Any]], Any] = lambda results: results) -> Plan:
    return lambda: Work(tasks=tasks, finish=finish)


def _over(job: Job) -> Job:
    wait_until(lambda: job.state.is_over)
    return job


def test_evaluations_and_videos_are_the_same_as_here(on_cluster: Jobs, tmp_path: Path) -> None:
    config = short_config()
    weights = some_weights(config)
    shares = [EvaluationShare(config=config, weights=weights, seed=seed, episodes=2) for seed in (5, 7)]
    rollout = roll_out(config, weights, seed=3)
    videos = [
        VideoTask(config=config, episode=rollout, options=VideoOptions(), kind=".gif", folder=video_folder(path, 1))
        for path in (tmp_path / "here", tmp_path / "there")
    ]
    with closing(Jobs()) as here:
        assert _done(on_cluster, *shares, finish=joined) == _done(here, *shares, finish=joined)
        local, sent = _done(here, videos[0])[0], _done(on_cluster, videos[1])[0]
    assert sent == finished_video(videos[1].folder)
    assert (sent.name, sent.read_bytes()) == (local.name, local.read_bytes())


def test_what_needs_the_folder_is_done_here_and_a_cancelled_task_ends_there(on_cluster: Jobs, tmp_path: Path) -> None:
    (there, far), near = _done(on_cluster, Anywhere(), Here())
    assert there == "from elsewhere"
    assert len({far, near, os.getpid()}) == 3
    job = on_cluster.submit("two", _plan(Anywhere(tmp_path / "never", tmp_path / "begun")))
    wait_until(lambda: job.share == 0.5)
    wait_until(lambda: (tmp_path / "begun").exists() and (tmp_path / "begun").read_text("ascii") != "")
    on_cluster.cancel(job.job_id)
    assert _over(job).state is JobState.CANCELLED
    pid = int((tmp_path / "begun").read_text("ascii"))
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
    assert _done(on_cluster, Anywhere())[0][0] == "from elsewhere"


def test_a_cluster_without_machines_says_so(tmp_path: Path) -> None:
    with closing(LocalCluster()) as head, closing(RayCluster(head.address, tmp_path)) as cluster:
        with pytest.raises(ClusterError, match="has no machine at the moment"):
            RayTaskWorker(cluster)
        with closing(Jobs(elsewhere=lambda niceness: RayTaskWorker(cluster, niceness))) as jobs:
            job = _over(jobs.submit("one", _plan(Anywhere())))
            assert "has no machine at the moment" in str(job.error)
            assert isinstance(_done(jobs, Here())[0], int)
