"""What a trainer says of itself: its numbers as events."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dqn_core.algorithm.exploration import epsilon_at
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import render_jpeg
from dqn_core.errors import DqnLabError, mark
from dqn_core.events import (
    Change,
    EndReason,
    EpisodeEnded,
    EpisodeRecorded,
    Frame,
    HyperparametersChanged,
    Notice,
    Progress,
    RunEnded,
)

if TYPE_CHECKING:
    from dqn_core.training.evaluation import Evaluator
    from dqn_core.training.running_episode import RunningEpisode
    from dqn_core.training.trainer import Trainer

__all__ = [
    "best_recording",
    "changed",
    "episode_ended",
    "frame",
    "notices_at_resume",
    "progress",
    "run_ended",
    "training_recording",
]


def progress(trainer: Trainer) -> Progress:
    """Where the run stands."""
    running = trainer.running
    return Progress(
        wall_time_s=trainer.stopwatch.seconds,
        env_step=trainer.env_step,
        updates=trainer.updates,
        episode=trainer.episode,
        phase=trainer.phase,
        epsilon=trainer.epsilon,
        steps_per_s=trainer.stopwatch.rate(trainer.env_step),
        episode_return=running.episode_return if running else 0.0,
        buffer_fill=len(trainer.replay),
    )


def episode_ended(trainer: Trainer, running: RunningEpisode, eval_return: float) -> EpisodeEnded:
    """The finished episode as a row of the log; takes the episode's averages."""
    loss_mean, q_mean = trainer.averages.take()
    config = trainer.config
    return EpisodeEnded(
        episode=trainer.episode,
        env_step=trainer.env_step,
        wall_time_s=trainer.stopwatch.seconds,
        episode_return=running.episode_return,
        length=running.length,
        loss_mean=loss_mean,
        q_mean=q_mean,
        epsilon=trainer.epsilon,
        gamma=config.gamma,
        learning_rate=config.learning_rate,
        buffer_size=config.buffer_size,
        buffer_fill=len(trainer.replay),
        eval_return=eval_return,
        terminated=running.terminated,
        truncated=running.truncated,
    )


def changed(trainer: Trainer, old: TrainingConfig) -> HyperparametersChanged:
    """What became of ``old``, the config before a live change."""
    differences = old.differences(trainer.config)
    return HyperparametersChanged(
        wall_time_s=trainer.stopwatch.seconds,
        env_step=trainer.env_step,
        episode=trainer.episode,
        changes=tuple(Change(field=name, old=before, new=now) for name, before, now in differences),
    )


def run_ended(trainer: Trainer, reason: EndReason, error: DqnLabError | None) -> RunEnded:
    """The last event: where the run stands, and why it ended."""
    return RunEnded(
        reason=reason,
        wall_time_s=trainer.stopwatch.seconds,
        episodes=trainer.finished_episodes,
        env_steps=trainer.env_step,
        updates=trainer.updates,
        best_eval=trainer.keeper.best_eval,
        template=error.template if error else "",
        parameters=error.parameters if error else {},
    )


def frame(trainer: Trainer, running: RunningEpisode) -> Frame | None:
    """A picture of the state that the pending action was chosen in; None where the environment cannot draw."""
    jpeg = render_jpeg(trainer.environment)
    if jpeg is None or running.pending is None:
        return None
    action, is_greedy = running.pending
    return Frame(
        episode=trainer.episode,
        env_step=trainer.env_step,
        episode_step=running.length,
        episode_return=running.episode_return,
        jpeg=jpeg,
        q_values=tuple(map(float, trainer.learner.q_values(running.observation[None])[0])),
        action=action,
        is_greedy=is_greedy,
    )


def notices_at_resume(trainer: Trainer, old: TrainingConfig, *, repeats: bool) -> Iterator[Notice]:
    """What a person should know of a run that goes on, with settings other than ``old`` perhaps.

    ``repeats``: whether the episode that ran could be played up to where it stood.
    """
    new, episode = trainer.config, trainer.finished_episodes
    if not repeats:
        template = mark("{env_id} did not repeat itself: the running episode begins anew.")
        yield Notice(template=template, parameters={"env_id": new.env_id})
    changes = old.differences(new)
    if not changes:
        return
    listed = ", ".join(f"{name} {before} → {now}" for name, before, now in changes)
    yield Notice(template=mark("The run goes on with other settings: {changes}."), parameters={"changes": listed})
    if new.epsilon_schedule != "episode_exponential" or old.max_episodes == new.max_episodes or new.noisy_nets:
        return
    stood_at, goes_on_at = epsilon_at(old, episode, 0), epsilon_at(new, episode, 0)
    if math.isclose(stood_at, goes_on_at, rel_tol=1e-6):
        template = mark("Exploration goes on from where it stood, at epsilon {epsilon}, for its schedule was adjusted.")
        yield Notice(template=template, parameters={"epsilon": f"{goes_on_at:.4g}"})
    else:
        template = mark("Exploration goes on at epsilon {epsilon} instead of {before}, as these settings say.")
        yield Notice(template=template, parameters={"epsilon": f"{goes_on_at:.4g}", "before": f"{stood_at:.4g}"})


def training_recording(played: RunningEpisode, ended: EpisodeEnded) -> EpisodeRecorded:
    """A training episode that has ended."""
    return EpisodeRecorded(
        kind="training",
        episode=ended.episode,
        env_step=ended.env_step,
        episode_return=ended.episode_return,
        eval_return=ended.eval_return,
        seed=played.seed,
        generator=played.generator,
        actions=tuple(played.actions),
    )


def best_recording(evaluator: Evaluator, ended: EpisodeEnded) -> Iterator[EpisodeRecorded]:
    """The first episode of the evaluation that followed ``ended``, if this trainer played it."""
    if evaluator.first is not None:
        seed, played = evaluator.first
        yield EpisodeRecorded(
            kind="best",
            episode=ended.episode,
            env_step=ended.env_step,
            episode_return=played.episode_return,
            eval_return=ended.eval_return,
            seed=seed,
            generator=None,
            actions=tuple(played.actions),
        )
