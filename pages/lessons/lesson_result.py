"""What came out of a guided experiment, in pictures, numbers and one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from dqn_core.analysis.metrics import Estimate
from dqn_core.errors import mark
from dqn_core.lessons.lesson import Lesson, Measure
from dqn_core.lessons.results import LessonRun, Verdict, lesson_curve, verdict
from pages.lessons import charts
from pages.shared.figure.figure import show_figure
from pages.shared.i18n import _
from pages.shared.numbers import number_text

__all__ = ["lesson_result"]

_HEIGHT = 340
_NONE = "–"

Source = Literal["shipped", "server"]
"""Who trained the runs of a result: they come with the program, or were trained on this server."""

_MEASURES: dict[Measure, tuple[str, str]] = {
    "mean_eval": (
        mark("Mean evaluation"),
        mark("Area under the curve of the evaluations over env steps, divided by the env steps."),
    ),
    "overestimation": (
        mark("Overestimation: predicted minus actual return"),
        mark("Value of an episode's first state minus the discounted return from it; mean over episodes that ended."),
    ),
    "progress": (
        mark("Mean normalized return"),
        mark("0 is the return of a random policy, 1 the score that counts as solved; mean over env steps."),
    ),
}


def lesson_result(lesson: Lesson, runs: Sequence[LessonRun], predicted: int | None, *, source: Source) -> None:
    """Draw the result of ``runs`` and compare it with what was ``predicted``: a variant, or None for no difference.

    ``source`` says who trained the runs: a page may show a result of each.
    """
    place = "" if source == "shipped" else f"-{source}"  # part of every key: two elements may not share one
    labels = [_(label) for label in lesson.labels]
    found = verdict(lesson, runs)
    _answer(found, labels, predicted)
    title, explanation = (_(text) for text in _MEASURES[lesson.measure])
    left, right = st.columns([3, 2])
    with left:
        curves = [[lesson_curve(lesson, run) for run in runs if run.variant == place] for place in range(len(labels))]
        show_figure(
            charts.curves(
                curves,
                [f"{label} (n = {each.n})" for label, each in zip(labels, found.estimates, strict=True)],
                x_title=_("Env steps"),
                y_title=_("Normalized return (0: random, 1: solved)")
                if lesson.measure == "progress"
                else _("Evaluation"),
            ),
            f"lesson-curves{place}",
            title=_("Evaluation while learning"),
            hint=_("Mean and 95 % bootstrap band over the seeds."),
            file_stem=lesson.name,
            height=_HEIGHT,
            key=f"lesson:{lesson.name}:curves{place}",
        )
    with right:
        show_figure(
            charts.measure(found, labels, y_title=title, column=lesson.measure),
            f"lesson-measure{place}",
            title=title,
            hint=explanation,
            file_stem=lesson.name,
            height=_HEIGHT,
            key=f"lesson:{lesson.name}:measure{place}",
        )
    _table(found, labels, title, f"lesson:{lesson.name}:table{place}")


def _answer(found: Verdict, labels: Sequence[str], predicted: int | None) -> None:
    if not math.isfinite(found.lead.low):
        text = _("Too few of these runs can be compared: every variant needs results for at least two seeds.")
        st.info(text, icon=":material/info:")
        return
    lead = _interval(found.lead)
    if found.answer is None:
        text = _("**No clear difference in this data.** “{label}” leads by {lead}, an interval that contains 0.")
    else:
        text = _("**A clear effect: “{label}”** is the highest, ahead of the next by {lead}.")
    said = text.format(label=labels[found.highest], lead=lead)
    if predicted == found.answer:
        st.success(f"{said} {_('As you predicted.')}", icon=":material/check_circle:")
    else:
        own = _("no clear difference") if predicted is None else labels[predicted]
        st.info(f"{said} {_('You predicted: {prediction}.').format(prediction=own)}", icon=":material/lightbulb:")


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
    return number_text(float(f"{value:.3g}")) if math.isfinite(value) else _NONE
