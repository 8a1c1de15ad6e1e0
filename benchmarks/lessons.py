"""Train the guided experiments and write the results that come with the program.

python -m benchmarks.lessons                      all of them
python -m benchmarks.lessons --lessons gamma      one of them
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.machine import machine_summary
from dqn_core.analysis.episode_table import EpisodeTable
from dqn_core.config import TrainingConfig
from dqn_core.events import EpisodeEnded, RunEnded
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.results import LessonRun, overestimation, verdict
from dqn_core.lessons.shipped import DATA, write_shipped
from dqn_core.runs.experiment_spec import Cell
from dqn_core.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class Study:
    """Which guided experiments to train."""

    lessons: tuple[str, ...] = tuple(LESSONS)
    """Names of the lessons."""
    out: Path = DATA
    """Folder of the results."""
    env_steps: int | None = None
    """Env steps of each run at most, for a look; None for the lesson's own."""
    workers: int = os.cpu_count() or 1
    """Processes that train at the same time."""


def train_cell(cell: Cell, env_steps: int | None, *, with_overestimation: bool) -> LessonRun:
    """Train one run; raises RuntimeError where it fails."""
    config = cell.config if env_steps is None else cell.config.replace(max_env_steps=env_steps)
    trainer = Trainer(config)
    episodes, end = [], None
    for event in trainer.events():
        match event:
            case EpisodeEnded():
                episodes.append(event)
            case RunEnded():
                end = event
    if end is None or end.template:
        raise RuntimeError(end.template.format(**end.parameters) if end else "The trainer fell silent.")
    return LessonRun(
        variant=cell.variant,
        seed=config.seed,
        episodes=EpisodeTable.of(episodes),
        overestimation=_overestimation(config, trainer) if with_overestimation else float("nan"),
    )


def _overestimation(config: TrainingConfig, trainer: Trainer) -> float:
    return overestimation(config, trainer.state.learner.weights())


def make(lesson: Lesson, study: Study, pool: ProcessPoolExecutor) -> None:
    """Train ``lesson`` and write its result."""
    asked = lesson.measure == "overestimation"
    futures = [pool.submit(train_cell, cell, study.env_steps, with_overestimation=asked) for cell in lesson.spec.cells]
    runs = [future.result() for future in futures]
    limit = "" if study.env_steps is None else f" --env-steps {study.env_steps}"
    command = f"python -m benchmarks.lessons --lessons {lesson.name}{limit}"
    write_shipped(lesson, runs, command, machine_summary(), study.out)
    found = verdict(lesson, runs)
    numbers = "  ".join(
        f"{label}: {each.mean:.3g} [{each.low:.3g}, {each.high:.3g}]"
        for label, each in zip(lesson.labels, found.estimates, strict=True)
    )
    answer = "no clear difference" if found.answer is None else lesson.labels[found.answer]
    print(f"{lesson.name}: {numbers}  ->  {answer}", flush=True)


def main(study: Study) -> None:
    """Train the lessons one after the other, the runs of each side by side."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=study.workers, mp_context=context) as pool:
        for name in study.lessons:
            make(LESSONS[name], study, pool)


if __name__ == "__main__":
    main(tyro.cli(Study))
