"""What came out of a guided experiment, in one sentence, pictures and numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from dqn_core.analysis.metrics import Estimate
from dqn_core.errors import mark
from dqn_core.lessons.lesson import Lesson, Measure, Shown
from dqn_core.lessons.results import LessonRun, Verdict, verdict
from pages.lessons import charts
from pages.shared.figure.figure import show_figure
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["lesson_answer", "lesson_figures"]

_HEIGHT = 300
_NONE = "–"
_DIGITS = 6
"""Behind the point; what is left of 0 in an interval is 0."""

Source = Literal["shipped", "server"]
"""Who trained the runs of a result: they come with the program, or were trained on this server."""

_MEASURES: dict[Measure, tuple[str, str]] = {
    "mean_eval": (
        mark("Mean evaluation"),
        mark("Area under the curve of the evaluations over env steps, divided by the env steps."),
    ),
    "mean_return": (
        mark("Mean return while learning"),
        mark("Area under the curve of the training episodes' returns over env steps, divided by the env steps."),
    ),
    "best_excess": (
        mark("Best evaluation minus new episodes"),
        mark("The highest evaluation of a run minus the mean return of the same network in 20 new episodes."),
    ),
    "first_value": (
        mark("Value of the first state"),
        mark("The highest Q-value of an episode's first state, by the trained network; mean over 10 episodes."),
    ),
    "overestimation": (
        mark("Overestimation: predicted minus actual return"),
        mark("Value of a state minus the discounted return that follows; mean over the states of episodes that ended."),
    ),
}
_SHOWN: dict[Shown, tuple[str, str]] = {
    "eval_return": (mark("Evaluation while learning"), mark("Evaluation")),
    "episode_return": (mark("Return while learning"), mark("Return, mean of 10 episodes")),
}


def lesson_answer(lesson: Lesson, runs: Sequence[LessonRun], predicted: int | None) -> None:
    """Say what ``runs`` say, and compare it with what was ``predicted``: a variant, or None for no difference."""
    found = verdict(lesson, runs)
    if not found.can_compare:
        text = _("Too few of these runs can be compared: every variant needs results for at least two seeds.")
        st.info(text, icon=":material/info:")
        return
    if found.is_clear:
        text = _("**A clear effect.** “{label}” is highest with {best}, ahead of “{next}” with {second}.")
    else:
        text = _("**No clear difference.** “{label}” has {best}, “{next}” {second}: the intervals overlap.")
    said = text.format(
        label=_(lesson.labels[found.highest]),
        best=_interval(found.estimates[found.highest]),
        next=_(lesson.labels[found.second]),
        second=_interval(found.estimates[found.second]),
    )
    if predicted == found.answer:
        st.success(f"{said} {_('As you predicted.')}", icon=":material/check_circle:")
    else:
        own = _("no clear difference") if predicted is None else _(lesson.labels[predicted])
        st.info(f"{said} {_('You predicted: {prediction}.').format(prediction=own)}", icon=":material/lightbulb:")


def lesson_figures(lesson: Lesson, runs: Sequence[LessonRun], *, source: Source) -> None:
    """Draw the numbers of ``runs`` and their curves; ``source`` says who trained them, for a page may show both."""
    place = "" if source == "shipped" else f"-{source}"  # part of every key: two elements may not share one
    labels = [_(label) for label in lesson.labels]
    found = verdict(lesson, runs)
    title, explanation = (_(text) for text in _MEASURES[lesson.measure])
    reference = None if lesson.reference is None else (lesson.reference[0], _(lesson.reference[1]))
    show_figure(
        charts.measure(found, labels, y_title=title, column=lesson.measure, reference=reference),
        f"lesson-measure{place}",
        title=title,
        hint=f"{explanation} {_('Points are seeds, diamonds their means with 95 % intervals.')}",
        file_stem=lesson.name,
        height=_HEIGHT,
        key=f"lesson:{lesson.name}:measure{place}",
    )
    curves = [[run.curve for run in runs if run.variant == variant] for variant in range(len(labels))]
    curves_title, y_title = (_(text) for text in _SHOWN[lesson.shown])
    show_figure(
        charts.curves(
            curves,
            [f"{label} (n = {len(own)})" for label, own in zip(labels, curves, strict=True)],
            x_title=_("Env steps"),
            y_title=y_title,
        ),
        f"lesson-curves{place}",
        title=curves_title,
        hint=_("Mean and 95 % bootstrap band over the seeds."),
        file_stem=lesson.name,
        height=_HEIGHT,
        key=f"lesson:{lesson.name}:curves{place}",
    )
    _table(found, labels, title, f"lesson:{lesson.name}:table{place}")


def _table(found: Verdict, labels: Sequence[str], title: str, key: str) -> None:
    rows = [
        {_("Variant"): label, title: _short(each.mean), _("95 % interval"): _ends(each), "n": each.n}
        for label, each in zip(labels, found.estimates, strict=True)
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key=key)


def _interval(estimate: Estimate) -> str:
    return f"{_short(estimate.mean)} {_ends(estimate)}".strip()


def _ends(estimate: Estimate) -> str:
    return f"[{_short(estimate.low)}, {_short(estimate.high)}]" if math.isfinite(estimate.low) else _NONE


def _short(value: float) -> str:
    return number_text(float(f"{round(value, _DIGITS):.3g}") + 0.0) if math.isfinite(value) else _NONE
