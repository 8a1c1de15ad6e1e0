from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import fake_environments as fake
from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import policy_with, roll_out
from dqn_core.episodes.video import VideoOptions
from dqn_core.errors import BusyError, DqnLabError, LimitReachedError, RunFolderError, mark
from dqn_core.runs.jobs.service import Job, Jobs, JobState
from dqn_core.runs.jobs.tasks import EvaluationShare, Plan, Task, Work, evaluation_shares, joined
from dqn_core.runs.jobs.videos import VideoTask, finished_video, keep_video, video_bytes, video_folder
from dqn_core.training.evaluation import evaluate
from job_tasks import Fail, Say, Wait
from policies import always, some_weights
from scripted_trainer import wait_until
from trainer_runs import recorded, short_config
from videos import read_video


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    fake.register()
    jobs = Jobs(preload=("registered_environments",), most_waiting=2)
    yield jobs
    jobs.close()


def plan(*tasks: Task) -> Plan:
    return lambda: Work(tasks=tasks, finish=lambda results: results)


def over(job: Job) -> Job:
    wait_until(lambda: job.state.is_over)
    return job


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# ------------------------------------------------------------------------------------------------------ the service


def test_tasks_are_done_in_processes_that_give_way(jobs: Jobs) -> None:
    job = jobs.submit("a", plan(Say("one"), Say({"two": 2})))
    assert over(job).state is JobState.DONE, job.error
    values, pids, niceness = zip(*job.result, strict=True)
    assert values == ("one", {"two": 2})
    assert len({*pids, os.getpid()}) == 3
    assert all(each >= os.nice(0) + 10 or each == 19 for each in niceness)
    assert job.share == 1.0
    assert not any(map(lives, pids))
    assert jobs.find(job.job_id) is job
    assert jobs.find("another") is None


def test_one_job_at_a_time_in_the_order_asked(jobs: Jobs, tmp_path: Path) -> None:
    first = jobs.submit("first", plan(Wait(tmp_path / "begun", tmp_path / "end")))
    wait_until((tmp_path / "begun").exists)
    second, third = jobs.submit("second", plan(Say(2))), jobs.submit("third", plan(Say(3)))
    assert first.state is JobState.WORKING
    wait_until(lambda: first.share == 0.25)
    assert [jobs.jobs_ahead(each) for each in (first, second, third)] == [0, 1, 2]
    assert jobs.submit("first", plan(Say("other"))) is first
    assert jobs.submit("third", plan(Say("other"))) is third
    with pytest.raises(BusyError, match="at its limit"):
        jobs.submit("fourth", plan(Say(4)))
    (tmp_path / "end").touch()
    assert over(third).result[0][0] == 3
    assert first.result == ["waited"]
    assert second.result[0][0] == 2
    assert jobs.submit("first", plan(Say("again"))) is not first


def test_a_cancelled_job_ends_its_process_and_leaves_nothing(jobs: Jobs, tmp_path: Path) -> None:
    at_work = jobs.submit("a", plan(Wait(tmp_path / "begun", tmp_path / "end")))
    waiting = jobs.submit("b", plan(Say(1)))
    wait_until((tmp_path / "begun").exists)
    pid = int((tmp_path / "begun").read_text())
    jobs.cancel(waiting.job_id)
    assert waiting.state is JobState.CANCELLED
    jobs.cancel(at_work.job_id)
    assert over(at_work).state is JobState.CANCELLED
    wait_until(lambda: not lives(pid))
    assert not (tmp_path / "begun").exists()
    jobs.cancel(at_work.job_id)
    jobs.cancel("unknown")
    assert over(jobs.submit("a", plan(Say("fresh")))).state is JobState.DONE


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("known", "The video could not be written to here (full)."),
        ("strange", "This could not be done (RuntimeError: a motor on fire)."),
        ("leaving", "This could not be done (SystemExit: 3)."),
        ("crash", "ended without a message (exit status 7)"),
    ],
)
def test_a_failure_is_said_ends_the_other_processes_and_is_cleared_up(
    how: str, says: str, jobs: Jobs, tmp_path: Path
) -> None:
    job = jobs.submit("a", plan(Fail(how, tmp_path / "cleared"), Wait(tmp_path / "begun", tmp_path / "never")))
    assert over(job).state is JobState.FAILED
    assert says in str(job.error)
    assert (tmp_path / "cleared").read_text() == "cleared"
    assert not (tmp_path / "begun").exists()
    assert over(jobs.submit("a", plan(Say(1)))).state is JobState.DONE


def test_a_plan_that_fails_fails_its_job_alone(jobs: Jobs) -> None:
    def missing() -> Work:
        raise RunFolderError(mark("There are no weights."))

    def broken() -> Work:
        raise ZeroDivisionError

    assert "no weights" in str(over(jobs.submit("a", missing)).error)
    assert "ZeroDivisionError" in str(over(jobs.submit("b", broken)).error)
    assert over(jobs.submit("c", plan())).result == []


def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    jobs = Jobs(preload=("no_such_module",))
    try:
        job = jobs.submit("a", plan(Wait(tmp_path / "begun", tmp_path / "end")))
        assert "no_such_module" in str(over(job).error)
    finally:
        jobs.close()


def test_closing_ends_the_job_at_work(tmp_path: Path) -> None:
    jobs = Jobs()
    job = jobs.submit("a", plan(Wait(tmp_path / "begun", tmp_path / "end")))
    wait_until((tmp_path / "begun").exists)
    pid = int((tmp_path / "begun").read_text())
    jobs.close()
    assert job.state is JobState.CANCELLED
    assert not lives(pid)
    assert "jobs" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(BusyError):
        jobs.submit("b", plan(Say(1)))


def test_few_jobs_are_remembered() -> None:
    jobs = Jobs(most_kept=2)
    try:
        done = [over(jobs.submit(str(number), plan())) for number in range(5)]
        assert [jobs.find(each.job_id) is not None for each in done] == [False, False, True, True, True]
    finally:
        jobs.close()


# -------------------------------------------------------------------------------------------------------- evaluations


def share(config: TrainingConfig, episodes: int = 20) -> EvaluationShare:
    return EvaluationShare(config=config, weights=some_weights(config), seed=500, episodes=episodes)


@pytest.mark.parametrize(
    ("episodes", "free_cores", "parts"),
    [(20, 4, [5, 5, 5, 5]), (20, 2, [10, 10]), (20, 1, [20]), (7, 8, [7]), (1, 8, [1]), (23, 3, 3)],
)
def test_an_evaluation_takes_the_free_cores(episodes: int, free_cores: int, parts: Sequence[int] | int) -> None:
    shares = evaluation_shares(share(short_config(), episodes), free_cores)
    counts = [each.episodes for each in shares]
    assert len(counts) == parts if isinstance(parts, int) else counts == parts
    seeds = [each.seed + number for each in shares for number in range(each.episodes)]
    assert seeds == list(range(500, 500 + episodes))


def test_episodes_played_in_processes_are_those_of_evaluate(jobs: Jobs) -> None:
    whole = share(short_config(), episodes=11)
    shares = evaluation_shares(whole, 2)
    assert len(shares) == 2
    job = jobs.submit("a", lambda: Work(tasks=shares, finish=joined))
    assert over(job).state is JobState.DONE, job.error
    policy = policy_with(whole.config, whole.weights)
    assert job.result == evaluate(policy, whole.config.env_id, episodes=11, seed=500)


# -------------------------------------------------------------------------------------------------------------- videos


def test_a_video_is_made_in_a_process_and_found_again(jobs: Jobs, tmp_path: Path) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    rollout = roll_out(config, always(1, config), seed=3)
    folder = video_folder(tmp_path, "best", 3, 0.0)
    task = VideoTask(config=config, episode=rollout, options=VideoOptions(), kind=".gif", folder=folder)
    assert finished_video(folder) is None
    job = over(jobs.submit("a", lambda: Work(tasks=[task], finish=lambda made: keep_video(*made))))
    assert job.state is JobState.DONE, job.error
    assert finished_video(folder) == job.result
    assert len(read_video(job.result).frames) == 6
    assert video_bytes(tmp_path) == job.result.stat().st_size
    assert video_folder(tmp_path, "best", 3, 0.0) == folder
    assert video_folder(tmp_path, "best", 3, 0.5) != folder


def test_an_environment_that_is_gone_fails_the_video_and_leaves_nothing(jobs: Jobs, tmp_path: Path) -> None:
    config = short_config()
    rollout = roll_out(config, some_weights(config), seed=3)
    task = VideoTask(
        config=config.replace(env_id="Gone-v0"),
        episode=rollout,
        options=VideoOptions(),
        kind=".mp4",
        folder=video_folder(tmp_path, 1),
    )
    job = over(jobs.submit("a", lambda: Work(tasks=[task], finish=lambda made: made)))
    assert isinstance(job.error, DqnLabError)
    assert "There is no environment 'Gone-v0'" in str(job.error)
    assert list(tmp_path.rglob("*.*")) == []


def video_of(run_folder: Path, number: int, size: int) -> Path:
    path = video_folder(run_folder, number) / f"video{number}.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(size))
    os.utime(path.parent, (number, number))
    return path


def test_the_oldest_videos_go_where_they_would_take_too_much(tmp_path: Path) -> None:
    videos = [video_of(tmp_path, number, 100) for number in range(5)]
    (video_folder(tmp_path, "crashed")).mkdir()
    (video_folder(tmp_path, "crashed") / ".video.mp4.part").write_bytes(bytes(10))
    assert keep_video(videos[4], limit=300) == videos[4]
    assert [each.exists() for each in videos] == [False, False, True, True, True]
    assert video_bytes(tmp_path) == 300
    assert keep_video(videos[2], limit=10) == videos[2]  # the newest is wanted, however large
    assert [each.exists() for each in videos] == [False, False, True, False, False]


def test_a_recorded_episode_is_shown_with_its_number(jobs: Jobs, tmp_path: Path) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    folder = video_folder(tmp_path, "episode-00000012")
    options = VideoOptions(overlay=True)
    task = VideoTask(config=config, episode=recorded(12), options=options, kind=".mp4", folder=folder)
    job = over(jobs.submit("a", lambda: Work(tasks=[task], finish=lambda made: made[0])))
    assert job.state is JobState.DONE, job.error
    assert job.result.name == "DqnLabTest-Corridor-v0-episode-00000012-return5.mp4"
    video = read_video(job.result)
    assert len(video.frames) == 6
    assert "episode 12, return 5" in video.text


def test_one_visitor_does_not_fill_the_queue(tmp_path: Path) -> None:
    jobs = Jobs(most_waiting=10, most_of_one=2)
    try:
        first = jobs.submit("first", plan(Wait(tmp_path / "begun", tmp_path / "end")), "ann")
        wait_until((tmp_path / "begun").exists)
        for key in ("second", "third"):
            jobs.submit(key, plan(Say(key)), "ann")
        with pytest.raises(LimitReachedError, match="You have 2"):
            jobs.submit("fourth", plan(Say(4)), "ann")
        same = jobs.submit("third", plan(Say(3)), "ann")
        assert jobs.submit("fourth", plan(Say(4)), "ben").state is JobState.WAITING
        jobs.cancel(same.job_id)
        assert jobs.submit("fifth", plan(Say(5)), "ann").state is JobState.WAITING
        assert first.state is JobState.WORKING
    finally:
        jobs.close()
