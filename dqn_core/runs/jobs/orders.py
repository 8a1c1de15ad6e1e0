"""What jobs can do: a video of an episode, an evaluation, a measurement, the check of an environment.

The same order twice is one job.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dqn_core.config import Arguments, EnvironmentChoice, TrainingConfig
from dqn_core.environments.own import source_version
from dqn_core.environments.settings import check_environment
from dqn_core.episodes.episode import Rollout, check_episode, check_evaluation, roll_out
from dqn_core.episodes.frames import MOST_VIDEO_STEPS
from dqn_core.episodes.overlay import NO_TRANSLATION
from dqn_core.episodes.recordings import read_recording
from dqn_core.episodes.video import PlayedEpisode, VideoOptions, video_comment
from dqn_core.errors import UnsupportedEnvironmentError
from dqn_core.events import RunState
from dqn_core.inside.measure import OverestimationMeasurement
from dqn_core.runs.executors.training_worker import portable_environment
from dqn_core.runs.jobs.service import Job, Jobs
from dqn_core.runs.jobs.tasks import EnvironmentTask, EvaluationShare, Plan, Task, Work, evaluation_shares, joined
from dqn_core.runs.jobs.videos import VideoTask, finished_video, keep_video, video_folder
from dqn_core.runs.manager import RunManager
from dqn_core.runs.policies import Policy, find_policy
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from dqn_core.training.budget import check_evaluation_steps, shortened
from dqn_core.training.evaluation import EvaluationResult
from dqn_core.training.run_folder import RunFolder

__all__ = [
    "MOST_EPISODES",
    "Order",
    "check_order",
    "evaluation_order",
    "overestimation_order",
    "recording_video_order",
    "rollout_video_order",
]

MOST_EPISODES = 1_000
"""Of one evaluation."""
_TRAINING = frozenset({RunState.STARTING, RunState.RUNNING})


@dataclass(frozen=True)
class Order:
    """Something that jobs can do."""

    key: str
    plan: Plan = field(compare=False)
    video_folder: Path | None = None
    """Where the video lies, for an order that makes one."""
    admit: Callable[[], object] = field(default=lambda: None, compare=False)
    """Raises what keeps it from being done at all: it would take for ever, say."""

    @property
    def video(self) -> Path | None:
        """The video, if it is made already."""
        return None if self.video_folder is None else finished_video(self.video_folder)

    def job(self, jobs: Jobs) -> Job | None:
        """The newest job for this order; None where there was none lately."""
        return jobs.latest(self.key)

    def submit(self, jobs: Jobs, owner: str = "") -> Job:
        """Have it done for ``owner``.

        Raises
        ------
        BusyError, LimitReachedError
            Too much waits already, or too much of the owner's.
        RolloutError
            It is an evaluation that would take too many env steps.
        """
        self.admit()
        return jobs.submit(self.key, self.plan, owner)


def rollout_video_order(  # noqa: PLR0913  each is a choice of the person who asks
    manager: RunManager,
    run_id: str,
    snapshot: str,
    seed: int,
    epsilon: float,
    *,
    kind: str,
    overlay: bool,
    translation: Mapping[str, str] = NO_TRANSLATION,
    env_kwargs: Arguments | None = None,
    beside: tuple[str, str] | None = None,
) -> Order:
    """The video, ``kind`` .mp4 or .gif, of the episode that a run's ``snapshot`` plays on ``seed``.

    It is played in the environment that the run is evaluated in, or in one with other ``env_kwargs``. With ``beside``,
    the id of a run in the same environment and its snapshot's name, that one's episode on ``seed`` is to the right.
    What is written on the pictures is in the language of ``translation``; each language has a video of its own.

    Raises
    ------
    UnknownRunError, RunFolderError, RolloutError
        There is no such run, the snapshot's name is none, or the seed or epsilon is out of range.
    """
    check_episode(seed, epsilon)
    run_folder = manager.run_folder(run_id)
    path, load = find_policy(run_folder, snapshot)
    played = _played_with(manager, run_id, env_kwargs)
    others: list[object] = [str(played)] if played else []
    if beside is not None:
        other_path, load_other = find_policy(manager.run_folder(beside[0]), beside[1])
        other_played = _played_with(manager, beside[0], env_kwargs)
        others += [*beside, _stamp(other_path), str(other_played)]
    written = _language_key(translation) if overlay else []
    folder = video_folder(run_folder, path.name, _stamp(path), seed, float(epsilon), kind, overlay, *others, *written)

    def rolled_out(policy: Policy, arguments: Arguments) -> tuple[TrainingConfig, Rollout]:
        config = policy.config.played_with(arguments)
        return config, roll_out(shortened(config, MOST_VIDEO_STEPS), policy.weights, seed, epsilon)

    def task() -> Task:
        config, rollout = rolled_out(load(), played)
        comment, other = video_comment(rollout, run=run_id, snapshot=snapshot), None
        if beside is not None:
            other = PlayedEpisode(*(right := rolled_out(load_other(), other_played)))
            comment += "; to the right " + video_comment(right[1], run=beside[0], snapshot=beside[1])
        options = VideoOptions(overlay=overlay, translation=translation, comment=comment, beside=other)
        return VideoTask(config=config, episode=rollout, options=options, kind=kind, folder=folder)

    return _video_order(folder, task)


def recording_video_order(
    manager: RunManager,
    run_id: str,
    name: str,
    *,
    kind: str = ".mp4",
    translation: Mapping[str, str] = NO_TRANSLATION,
) -> Order:
    """The video of one of a run's recorded episodes, with what is written on it in the language of ``translation``.

    Raises
    ------
    UnknownRunError, RunFolderError
        There is no such run, or it has no recording of this name.
    """
    run_folder = manager.run_folder(run_id)
    recording = read_recording(run_folder, name)
    written = _language_key(translation)
    folder = video_folder(run_folder, name, recording.env_step, recording.episode_return, kind, *written)
    comment = "greedy, of a new best evaluation" if recording.kind == "best" else "as it was trained on"
    options = VideoOptions(overlay=True, translation=translation, comment=comment)

    def task() -> Task:
        config = RunFolder.open(run_folder).config
        return VideoTask(config=config, episode=recording, options=options, kind=kind, folder=folder)

    return _video_order(folder, task)


def _language_key(translation: Mapping[str, str]) -> list[object]:
    """What tells videos in one language from those in another; nothing for English, which earlier versions wrote."""
    return [sorted(translation.items())] if translation else []


def _video_order(folder: Path, task: Callable[[], Task]) -> Order:
    def plan() -> Work:
        return Work(tasks=[task()], finish=lambda made: keep_video(*made))

    return Order(str(folder), plan, folder)


def evaluation_order(  # noqa: PLR0913  whose weights, which episodes; and when it is made at the earliest
    manager: RunManager,
    run_id: str,
    weights: str,
    episodes: int,
    seed: int,
    *,
    env_kwargs: Arguments | None = None,
    not_before: datetime | None = None,
) -> Order:
    """Greedy episodes of a run's snapshot called ``weights``, on ``seed`` and those after it; kept with the run.

    They are played in the environment that the run is evaluated in, or in one with other ``env_kwargs``. The job's
    result is the evaluation's place among the run's. It counts as made at ``not_before`` at the earliest, for a clock
    may be set back between the wish for it and its end.

    Raises
    ------
    UnknownRunError, RunFolderError, RolloutError
        There is no such run, the snapshot's name is none, or the number of episodes or a seed is out of range.
    """
    check_evaluation(episodes, seed, MOST_EPISODES)
    played = _played_with(manager, run_id, env_kwargs)
    path, load = find_policy(manager.run_folder(run_id), weights)

    def admit() -> None:
        check_evaluation_steps(manager.snapshot(run_id).record.config, episodes)

    def plan() -> Work:
        policy = load()
        config: TrainingConfig = policy.config.played_with(played)
        whole = EvaluationShare(config=config, weights=policy.weights, seed=seed, episodes=episodes)
        return Work(tasks=evaluation_shares(whole, max(1, manager.cores - _training_runs(manager))), finish=_keep)

    def _keep(results: list[EvaluationResult]) -> int:
        result = joined(results)
        record = EvaluationRecord(
            made_at=max(datetime.now(UTC), not_before or datetime.min.replace(tzinfo=UTC)),
            weights=weights,
            epsilon=0.0,
            seeds=tuple(range(seed, seed + episodes)),
            returns=result.returns,
            lengths=result.lengths,
            env_kwargs=played,
            shaped_returns=result.shaped_returns,
        )
        return EvaluationStore(manager.store.database).add(run_id, record)

    others = f" {played}" if played else ""
    return Order(f"evaluation {path} {_stamp(path)} {episodes} {seed}{others}", plan, admit=admit)


def overestimation_order(manager: RunManager, run_id: str, *, episodes: int, snapshots: int) -> Order:
    """Predicted and actual returns of a run's snapshots, as :mod:`dqn_core.inside.measure` keeps them in its folder.

    Raises :class:`~dqn_core.errors.UnknownRunError` where there is no such run.
    """
    folder = manager.run_folder(run_id)
    task = OverestimationMeasurement(folder=folder.resolve(), episodes=episodes, snapshots=snapshots)

    def admit() -> None:
        check_evaluation_steps(manager.snapshot(run_id).record.config, episodes * snapshots)

    return Order(f"overestimation {folder}", lambda: Work(tasks=[task], finish=sum), admit=admit)


def _played_with(manager: RunManager, run_id: str, env_kwargs: Arguments | None) -> Arguments:
    """All arguments of the environment that is played in, which a run's live changes may change.

    Raises :class:`~dqn_core.errors.ConfigError` for what the environment does not take.
    """
    config = manager.snapshot(run_id).record.config.played_with(env_kwargs)
    with contextlib.suppress(UnsupportedEnvironmentError):  # playing in it says more
        check_environment(config)
    return config.env_kwargs


def check_order(choice: EnvironmentChoice) -> Order:
    """An environment tried out: :func:`dqn_core.environments.check.checked`; again once its code has changed."""

    def plan() -> Work:
        task = EnvironmentTask(choice=choice, environment=portable_environment(choice.env_id))
        return Work(tasks=[task], finish=lambda found: found[0])

    return Order(f"check {choice} {source_version(choice.env_id)}", plan)


def _training_runs(manager: RunManager) -> int:
    """Runs that keep a core busy."""
    return sum(each.state in _TRAINING for each in manager.list_runs())


def _stamp(path: Path) -> int:
    """When a file changed last: a run that trains writes its best weights again and again. 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:  # reading it says so in words
        return 0
