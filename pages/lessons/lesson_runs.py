"""A guided experiment trained on this very server: its one experiment, and what came of its runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from dqn_core.analysis.episode_table import EpisodeTable
from dqn_core.errors import DqnLabError
from dqn_core.events import RunState
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.results import LessonRun, lesson_run, weights_wanted
from dqn_core.runs.experiments.service import Experiments, ExperimentStatus
from dqn_core.training.run_folder import RunFolder
from pages.server.process import get_manager
from pages.shared.texts.i18n import _
from pages.shared.visitor.identity import may_control, visitor

__all__ = ["latest_experiment", "lesson_runs", "start_lesson"]


def latest_experiment(lesson: Lesson) -> ExperimentStatus | None:
    """The newest experiment that trains just what the lesson does; None where there is none."""
    return Experiments(get_manager()).newest_of(lesson.spec)


def start_lesson(lesson: Lesson) -> None:
    """Train the lesson here, or go on where an own experiment of it stood. Raises what keeps it from that."""
    experiments, status = Experiments(get_manager()), latest_experiment(lesson)
    if status is not None and status.can_resume and may_control(status.record):
        experiments.resume(status.record.experiment_id, is_lesson=True)
    else:
        experiments.start(lesson.spec, _(lesson.title), visitor().visitor_id, is_lesson=True)


def lesson_runs(lesson: Lesson, status: ExperimentStatus) -> tuple[LessonRun, ...]:
    """The runs that have ended by their own rule."""
    variants = {cell.config: cell.variant for cell in lesson.spec.cells}
    return tuple(
        _lesson_run(lesson.name, record.run_id, variants[record.initial_config])
        for record in status.runs
        if record.state is RunState.FINISHED and record.initial_config in variants
    )


@st.cache_data(max_entries=500, show_spinner=False)
def _lesson_run(name: str, run_id: str, variant: int) -> LessonRun:
    """What counts of a run that has ended; kept, for some measures play episodes."""
    lesson, manager = LESSONS[name], get_manager()
    record = manager.snapshot(run_id).record
    return lesson_run(
        lesson,
        record.initial_config,
        variant,
        EpisodeTable.of(manager.store.episodes(run_id)),
        _weights(lesson, run_id),
        env_steps=record.env_steps,
        updates=record.updates,
    )


def _weights(lesson: Lesson, run_id: str) -> Mapping[str, np.ndarray] | None:
    """Those that the lesson asks for; None where they are gone, or it asks for none."""
    wanted = weights_wanted(lesson)
    try:
        return wanted and RunFolder.open(get_manager().run_folder(run_id)).weights(wanted)
    except DqnLabError:
        return None
