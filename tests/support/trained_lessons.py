"""A data folder in which somebody has trained a lesson to its end, without the time that takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from dqn_core.config import TrainingConfig
from dqn_core.events import Event
from dqn_core.lessons.lesson import Lesson
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.manager import RunManager
from learning_runs import episodes_of
from scripted_trainer import Mailbox, ended, following, started, wait_until

EPISODES = 40


def train_lesson(data_dir: Path, lesson: Lesson, owner: str = "", *, name: str = "") -> None:
    """Leave the experiment of ``lesson`` in ``data_dir``, all its runs finished, and nothing that goes on."""
    manager = RunManager(data_dir, trainer_factory=following(_short_run))
    try:
        experiments = Experiments(manager)
        experiment_id = experiments.start(lesson.spec, name or lesson.title, owner)
        wait_until(lambda: not experiments.status(experiment_id).is_active)
    finally:
        manager.close()


def _short_run(config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
    yield started()
    episodes = episodes_of(config.replace(max_episodes=EPISODES))
    yield from episodes
    evaluations = [each.eval_return for each in episodes if not math.isnan(each.eval_return)]
    yield ended(episodes=EPISODES, env_steps=episodes[-1].env_step, best_eval=max(evaluations))
