"""The pages that a class can be led to."""

from __future__ import annotations

import streamlit as st

from dqn_core.errors import mark
from dqn_core.lessons.catalog import LESSONS
from dqn_core.runs.classes.classroom import Place
from pages.shared.links import (
    COMPARE_PAGE,
    EXPERIMENTS_PAGE,
    LEADERBOARD_PAGE,
    LESSONS_PAGE,
    PLAY_PAGE,
    REPLAY_PAGE,
    START_PAGE,
    TRAIN_PAGE,
    page_query,
)
from pages.shared.texts.i18n import _

__all__ = ["LESSON", "PLACES", "place_link", "place_of", "place_text"]

LESSON = "lessons"
PLACES = {
    "train": (TRAIN_PAGE, mark("Train")),
    LESSON: (LESSONS_PAGE, mark("Learn")),
    "replay": (REPLAY_PAGE, mark("Watch")),
    "play": (PLAY_PAGE, mark("Play")),
    "experiments": (EXPERIMENTS_PAGE, mark("Experiments")),
    "compare": (COMPARE_PAGE, mark("Compare")),
    "leaderboard": (LEADERBOARD_PAGE, mark("Leaderboard")),
    "": (START_PAGE, mark("Start")),
}
"""By their part of the address: the page, and what it is called."""


def place_of(page: str, *, lesson: str = "", run: str = "") -> Place:
    """The page, with a lesson or a run where it shows one."""
    parameters = {"lesson": lesson} if page == LESSON and lesson else {"run": run} if run else {}
    return Place(page=page, parameters=parameters)


def place_text(place: Place) -> str:
    """What the place is called."""
    lesson = place.parameters.get("lesson", "")
    if lesson in LESSONS:
        return _("Lesson: {title}").format(title=_(LESSONS[lesson].title))
    name = _(PLACES[place.page][1]) if place.page in PLACES else place.page
    run = place.parameters.get("run")
    return f"{name} ({run})" if run else name


def place_link(place: Place) -> None:
    """A link to it."""
    if place.page in PLACES:
        query = page_query() | dict(place.parameters)
        st.page_link(
            PLACES[place.page][0], label=place_text(place), icon=":material/arrow_forward:", query_params=query
        )
