"""Train the guided experiments; write the results that come with the program, and docs/lessons.md.

python -m benchmarks.lessons                               all of them
python -m benchmarks.lessons --lessons discount-factor     one of them
python -m benchmarks.lessons --lessons                     none: docs/lessons.md anew from what is kept
"""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.lessons_page import write_lessons_page
from benchmarks.machine import machine_summary
from dqn_core.analysis.episode_table import EpisodeTable
from dqn_core.events import EpisodeEnded, RunEnded, WeightsReady
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.results import LessonRun, lesson_run, verdict, weights_wanted
from dqn_core.lessons.shipped import DATA, write_shipped
from dqn_core.runs.experiments.spec import Cell
from dqn_core.training.trainer import Trainer

DOCS = Path(__file__).parent.parent / "docs" / "lessons.md"


@dataclass(frozen=True, kw_only=True)
class Study:
    """Which guided experiments to train."""

    lessons: tuple[str, ...] = tuple(LESSONS)
    """Names of the lessons."""
    out: Path = DATA
    """Folder of the results."""
    page: Path = DOCS
    """The page that tells them."""
    env_steps: int | None = None
    """Env steps of each run at most, for a look; None for the lesson's own."""
    workers: int = os.cpu_count() or 1
    """Processes that train at the same time."""


def train_cell(lesson: Lesson, cell: Cell, env_steps: int | None) -> tuple[LessonRun, float]:
    """Train one run: what counts of it, and the seconds that it took; raises RuntimeError where it fails."""
    began = time.process_time()
    config = cell.config if env_steps is None else cell.config.replace(max_env_steps=env_steps)
    trainer = Trainer(config)
    episodes, end = [], None
    wanted, weights = weights_wanted(lesson), None
    for event in trainer.events():
        match event:
            case EpisodeEnded():
                episodes.append(event)
            case WeightsReady(kind=kind) if kind == wanted:
                weights = event.weights
            case RunEnded():
                end = event
    if end is None or end.template:
        raise RuntimeError(end.template.format(**end.parameters) if end else "The trainer fell silent.")
    run = lesson_run(
        lesson,
        config,
        cell.variant,
        EpisodeTable.of(episodes),
        weights,
        env_steps=end.env_steps,
        updates=end.updates,
    )
    return run, time.process_time() - began


def make(lesson: Lesson, study: Study, pool: ProcessPoolExecutor) -> None:
    """Train ``lesson`` and write its result."""
    futures = [pool.submit(train_cell, lesson, cell, study.env_steps) for cell in lesson.spec.cells]
    runs, seconds = zip(*(future.result() for future in futures), strict=True)
    limit = "" if study.env_steps is None else f" --env-steps {study.env_steps}"
    command = f"python -m benchmarks.lessons --lessons {lesson.name}{limit}"
    write_shipped(lesson, runs, command=command, machine=machine_summary(), cpu_s=sum(seconds), folder=study.out)
    found = verdict(lesson, runs)
    numbers = "  ".join(
        f"{label}: {each.mean:.3g} [{each.low:.3g}, {each.high:.3g}]"
        for label, each in zip(lesson.labels, found.estimates, strict=True)
    )
    answer = "no clear difference" if found.answer is None else lesson.labels[found.answer]
    print(f"{lesson.name} ({sum(seconds):.0f} s): {numbers}  ->  {answer}", flush=True)


def main(study: Study) -> None:
    """Train the lessons one after the other, the runs of each side by side."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=study.workers, mp_context=context) as pool:
        for name in study.lessons:
            make(LESSONS[name], study, pool)
    write_lessons_page(study.page, study.out)


if __name__ == "__main__":
    main(tyro.cli(Study))
