"""What visitors predicted: how many of the class made each choice of a lesson."""

from __future__ import annotations

import html

import streamlit as st

from dqn_core.lessons.lesson import Lesson
from dqn_core.runs.storage.predictions import PredictionStore
from pages.shared.errors import fragment
from pages.shared.texts.i18n import _
from pages.shared.texts.lesson_choices import choice_text, choices

__all__ = ["class_predictions"]


@fragment(run_every="15s")
def class_predictions(lesson: Lesson, store: PredictionStore) -> None:
    """How many visitors predicted what; for somebody who has made a prediction."""
    counts = store.counts(lesson.name)
    counted = {choice: counts.get(choice, 0) for choice in choices(lesson)}
    total = sum(counted.values())
    if total < 2:  # noqa: PLR2004  a class is more than oneself
        st.caption(_("You are the first to predict here. The predictions of others appear here as they come."))
        return
    most = max(counted, key=lambda choice: counted[choice])
    text = _("**{count} of {total}** predicted “{choice}”.")
    st.markdown(text.format(count=counted[most], total=total, choice=choice_text(lesson, most)))
    rows = "".join(
        f'<tr><th scope="row">{html.escape(choice_text(lesson, choice))}</th>'
        f'<td><span style="width:{100 * count / total:.0f}%"></span></td><td>{count}</td></tr>'
        for choice, count in counted.items()
    )
    st.html(
        f'<table class="class-predictions" aria-label="{html.escape(_("Predictions of the class"))}">{rows}</table>'
    )
