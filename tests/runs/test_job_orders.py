from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import fake_environments as fake
from dqn_core.config import Arguments, TrainingConfig
from dqn_core.episodes.episode import policy_with
from dqn_core.episodes.video import write_episode_video
from dqn_core.errors import ConfigError, DqnLabError, RolloutError, RunFolderError, UnknownRunError
from dqn_core.runs.jobs.orders import (
    Order,
    evaluation_order,
    overestimation_order,
    recording_video_order,
    rollout_video_order,
)
from dqn_core.runs.jobs.service import Job, Jobs, JobState
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.evaluations import EvaluationStore
from dqn_core.training.evaluation import evaluate
from dqn_core.training.run_folder import RunFolder
from policies import always, some_weights
from scripted_trainer import Managed, a_run_of, wait_for_end, wait_until
from trainer_runs import recorded, short_config, snapshot_of
from videos import read_video


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    fake.register()
    jobs = Jobs(preload=("registered_environments",))
    yield jobs
    jobs.close()


@pytest.fixture
def manager(managed: Managed) -> RunManager:
    return managed(a_run_of(1))


def run_with(manager: RunManager, config: TrainingConfig, weights: dict[str, np.ndarray] | None) -> str:
    """A run that is over and has kept ``weights`` as its best."""
    run_id = manager.start(config)
    wait_for_end(manager, run_id)
    if weights is not None:
        RunFolder.open(manager.run_folder(run_id)).write_snapshot(snapshot_of(weights))
    return run_id


def done(order: Order, jobs: Jobs) -> Job:
    job = order.submit(jobs)
    wait_until(lambda: job.state.is_over)
    return job


def test_an_episode_becomes_a_video_once_for_everybody_who_asks(manager: RunManager, jobs: Jobs) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    run_id = run_with(manager, config, always(1, config))

    def order(**changes: object) -> Order:
        values = {"seed": 4, "epsilon": 0.0, "kind": ".gif", "overlay": False} | changes
        return rollout_video_order(manager, run_id, "best", **values)

    assert order().video is None
    assert order().job(jobs) is None
    job = done(order(), jobs)
    assert job.state is JobState.DONE, job.error
    video = order().video
    assert video is not None
    assert video == job.result
    assert video.is_relative_to(manager.run_folder(run_id))
    assert f"run {run_id}, best snapshot" in read_video(video).text
    assert order() == order()
    assert order(seed=5) != order(overlay=True) != order(epsilon=0.5) != order(kind=".mp4") != order()
    assert order(seed=5).video is None
    RunFolder.open(manager.run_folder(run_id)).write_snapshot(snapshot_of(always(0, config)))
    assert order().video is None  # other weights play another episode


def test_two_agents_become_one_video(manager: RunManager, jobs: Jobs) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    left, right = (run_with(manager, config, always(action, config)) for action in (1, 0))

    def order(beside: tuple[str, str] | None) -> Order:
        return rollout_video_order(manager, left, "best", 4, 0.0, kind=".gif", overlay=False, beside=beside)

    job = done(order((right, "best")), jobs)
    assert job.state is JobState.DONE, job.error
    video = read_video(job.result)
    assert f"run {left}, best snapshot, greedy, 5 steps; to the right run {right}, best snapshot" in video.text
    assert video.size == (24, 8)
    assert order(None) != order((right, "best")) != order((left, "best"))
    with pytest.raises(UnknownRunError):
        order(("20260401-143501-none", "best"))
    job = done(order((right, "last")), jobs)
    assert isinstance(job.error, RunFolderError)


def test_each_language_has_a_video_of_its_own(manager: RunManager) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    run_id = run_with(manager, config, always(1, config))
    RunFolder.open(manager.run_folder(run_id)).write_recording(recorded(12))
    languages = ({}, {"Step {n}": "Schritt {n}"}, {"Step {n}": "Pas {n}"})

    def rollout(translation: dict[str, str], *, overlay: bool = True) -> str:
        values = {"kind": ".gif", "overlay": overlay, "translation": translation}
        return rollout_video_order(manager, run_id, "best", 4, 0.0, **values).key

    def recording(translation: dict[str, str]) -> str:
        return recording_video_order(manager, run_id, "episode-00000012", translation=translation).key

    for key in (rollout, recording):
        assert len({key(each) for each in languages}) == 3
        assert key(languages[1]) == key(dict(languages[1]))
    assert len({rollout(each, overlay=False) for each in languages}) == 1  # there is nothing to read on it


def test_a_recorded_episode_becomes_a_video(manager: RunManager, jobs: Jobs) -> None:
    config = short_config(env_id=fake.CORRIDOR)
    run_id = run_with(manager, config, None)
    RunFolder.open(manager.run_folder(run_id)).write_recording(recorded(12))
    order = recording_video_order(manager, run_id, "episode-00000012")
    job = done(order, jobs)
    assert job.state is JobState.DONE, job.error
    assert order.video == job.result
    assert len(read_video(job.result).frames) == 6
    with pytest.raises(RunFolderError, match="no longer recorded"):
        recording_video_order(manager, run_id, "episode-00000013")


def test_an_evaluation_is_kept_with_its_run_and_is_that_of_the_command_line(manager: RunManager, jobs: Jobs) -> None:
    config = short_config()
    weights = some_weights(config)
    run_id = run_with(manager, config, weights)
    job = done(evaluation_order(manager, run_id, "best", 6, 300), jobs)
    assert job.state is JobState.DONE, job.error
    record = EvaluationStore(manager.store.database).get(run_id, job.result)
    assert record is not None
    expected = evaluate(policy_with(config, weights), config.env_id, episodes=6, seed=300)
    assert (record.returns, record.lengths) == (expected.returns, expected.lengths)
    assert (record.seeds, record.weights, record.epsilon) == (tuple(range(300, 306)), "best", 0.0)


def test_the_environment_that_is_played_in_may_have_other_arguments(manager: RunManager, jobs: Jobs) -> None:
    config = short_config(
        env_kwargs={"gravity": 1.6}, evaluation_env_kwargs={"gravity": 24.8}, reward_formula="2*reward"
    )
    weights = some_weights(config)
    run_id = run_with(manager, config, weights)
    returns = set()
    for given, played in (
        (None, {"gravity": 24.8}),
        (Arguments({"pole_length": 9}), {"gravity": 1.6, "pole_length": 9}),
    ):
        job = done(evaluation_order(manager, run_id, "best", 6, 300, env_kwargs=given), jobs)
        assert job.state is JobState.DONE, job.error
        record = EvaluationStore(manager.store.database).get(run_id, job.result)
        assert record is not None
        expected = evaluate(
            policy_with(config, weights), config.env_id, episodes=6, seed=300, env_kwargs=Arguments(played)
        )
        assert (record.returns, record.env_kwargs) == (expected.returns, Arguments(played))
        assert record.shaped_returns == tuple(2 * each for each in expected.returns)
        returns.add(record.returns)
    assert len(returns) == 2
    videos = {
        rollout_video_order(manager, run_id, "best", 1, 0.0, kind=".gif", overlay=False, env_kwargs=given).key
        for given in (None, Arguments({"gravity": 24.8}), Arguments({"pole_length": 9}))
    }
    assert len(videos) == 2  # the second is what the first is
    with pytest.raises(ConfigError, match="must be from 0"):
        evaluation_order(manager, run_id, "best", 6, 300, env_kwargs=Arguments({"gravity": -1}))


def test_what_cannot_be_ordered_is_said(manager: RunManager) -> None:
    run_id = run_with(manager, short_config(), None)
    with pytest.raises(UnknownRunError):
        rollout_video_order(manager, "20260401-143501-none", "best", 1, 0.0, kind=".mp4", overlay=False)
    with pytest.raises(RunFolderError, match="no snapshot's name"):
        rollout_video_order(manager, run_id, "../best", 1, 0.0, kind=".mp4", overlay=False)
    with pytest.raises(RolloutError, match="whole number from 0"):
        rollout_video_order(manager, run_id, "best", -1, 0.0, kind=".mp4", overlay=False)
    for episodes in (0, 1_001):
        with pytest.raises(RolloutError, match="1 to 1000 episodes"):
            evaluation_order(manager, run_id, "best", episodes, 0)
    with pytest.raises(RolloutError, match="first episode's seed"):
        evaluation_order(manager, run_id, "best", 20, 2**31 - 10)


@pytest.mark.parametrize("is_foreign", [False, True])
def test_missing_and_foreign_weights_fail_the_job_in_words(is_foreign: bool, manager: RunManager, jobs: Jobs) -> None:
    config = short_config()
    foreign = {"layers.0.weight": np.zeros((3, 3), np.float32)}
    run_id = run_with(manager, config, foreign if is_foreign else None)
    for order in (
        rollout_video_order(manager, run_id, "best", 1, 0.0, kind=".mp4", overlay=False),
        evaluation_order(manager, run_id, "best", 5, 1),
    ):
        job = done(order, jobs)
        assert job.state is JobState.FAILED
        assert isinstance(job.error, DqnLabError)
        assert ("layers" if is_foreign else "no weights") in str(job.error)
        assert order.video is None
    assert not list(manager.run_folder(run_id).glob("films/*"))


def test_an_environment_that_is_gone_fails_the_job_in_words(manager: RunManager, jobs: Jobs, tmp_path: Path) -> None:
    config = short_config()
    run_id = run_with(manager, config, some_weights(config))
    folder = RunFolder.open(manager.run_folder(run_id))
    folder.write_config(config.replace(env_id="Gone-v0"))
    job = done(rollout_video_order(manager, run_id, "best", 1, 0.0, kind=".mp4", overlay=False), jobs)
    assert "There is no environment 'Gone-v0'" in str(job.error)


def test_an_evaluation_that_would_block_all_jobs_is_refused_before_it_waits(manager: RunManager, jobs: Jobs) -> None:
    config = short_config(max_episode_steps=1_000_000)
    run_id = run_with(manager, config, some_weights(config))
    for order in (
        evaluation_order(manager, run_id, "best", 1_000, 0),
        overestimation_order(manager, run_id, episodes=10, snapshots=24),
    ):
        with pytest.raises(RolloutError, match="at most 5 episodes"):
            order.submit(jobs)
        assert order.job(jobs) is None
    evaluation_order(manager, run_id, "best", 1, 0).admit()


def test_videos_of_endless_episodes_end(manager: RunManager, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dqn_core.runs.jobs.orders.MOST_VIDEO_STEPS", 12)
    config = short_config(env_id=fake.CORRIDOR, max_episode_steps=1_000_000)
    run_id = run_with(manager, config, always(0, config))
    video = done(rollout_video_order(manager, run_id, "best", 1, 0.0, kind=".gif", overlay=False), jobs)
    assert video.state is JobState.DONE, video.error
    assert len(read_video(video.result).frames) == 13


def test_a_recording_of_an_endless_episode_is_shown_up_to_a_videos_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.register()
    recording = recorded(1, actions=(0,) * 50, episode_return=0.0, seed=1)
    monkeypatch.setattr("dqn_core.episodes.video.MOST_VIDEO_STEPS", 7)
    config = short_config(env_id=fake.CORRIDOR, max_episode_steps=100)
    write_episode_video(config, recording, tmp_path / "video.gif")
    assert len(read_video(tmp_path / "video.gif").frames) == 8
