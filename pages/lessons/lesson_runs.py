"""A guided experiment trained on this very server: its one experiment, and what came of its runs."""

from __future__ import annotations

import streamlit as st

from dqn_core.analysis.episode_table import EpisodeTable
from dqn_core.errors import DqnLabError
from dqn_core.events import RunState
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.results import LessonRun, overestimation
from dqn_core.runs.experiments import Experiments, ExperimentStatus
from dqn_core.runs.records import RunRecord
from dqn_core.training.run_folder import RunFolder
from pages.server.process import get_manager
from pages.shared.i18n import _
from pages.shared.identity import may_control, visitor

__all__ = ["latest_experiment", "lesson_runs", "start_lesson"]

_LOOKED_THROUGH = 100


def latest_experiment(lesson: Lesson) -> ExperimentStatus | None:
    """The newest experiment that trains just what the lesson does; None where there is none."""
    latest = Experiments(get_manager()).latest(_LOOKED_THROUGH)
    return next((each for each in latest if each.record.spec == lesson.spec), None)


def start_lesson(lesson: Lesson) -> None:
    """Train the lesson here, or go on where an own experiment of it stood. Raises what keeps it from that."""
    experiments, status = Experiments(get_manager()), latest_experiment(lesson)
    if status is not None and status.can_resume and may_control(status.record):
        experiments.resume(status.record.experiment_id)
    else:
        experiments.start(lesson.spec, _(lesson.title), visitor().visitor_id)


def lesson_runs(lesson: Lesson, status: ExperimentStatus) -> tuple[LessonRun, ...]:
    """The runs that have ended by their own rule."""
    variants = {cell.config: cell.variant for cell in lesson.spec.cells}
    return tuple(
        LessonRun(
            variant=variants[record.initial_config],
            seed=record.initial_config.seed,
            episodes=EpisodeTable.of(get_manager().store.episodes(record.run_id)),
            overestimation=_overestimation(record) if lesson.measure == "overestimation" else float("nan"),
        )
        for record in status.runs
        if record.state is RunState.FINISHED and record.initial_config in variants
    )


def _overestimation(record: RunRecord) -> float:
    """Of the weights at the run's end; NaN where they are gone."""
    try:
        return _measured(record.run_id)
    except DqnLabError:
        return float("nan")


@st.cache_data(max_entries=200, show_spinner=False)
def _measured(run_id: str) -> float:
    manager = get_manager()
    config = manager.snapshot(run_id).record.config
    return overestimation(config, RunFolder.open(manager.run_folder(run_id)).snapshot_weights("last"))
