"""The top of each page: the views of its area, its title, what can be done there, and the state of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from dqn_core.errors import mark
from dqn_core.runs.storage.records import RunRecord
from pages.server.process import get_manager
from pages.shared.export.downloads import downloads
from pages.shared.links import (
    CLASS_PAGE,
    COMPARE_PAGE,
    EXPERIMENTS_PAGE,
    INSIDE_PAGE,
    LEADERBOARD_PAGE,
    PLAY_PAGE,
    REPLAY_PAGE,
    SEARCH_PAGE,
    TRAIN_PAGE,
    compare_query,
    language_switch,
    page_query,
)
from pages.shared.run_picker import run_picker
from pages.shared.run_status import run_status
from pages.shared.share.share import share
from pages.shared.texts.i18n import _
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.run_names import run_name
from pages.shared.visitor.class_strip import class_strip
from pages.shared.visitor.instructor import instructor_switch

__all__ = ["CONTENT_ID", "lab_header", "page_header"]

CONTENT_ID = "page-content"
"""Of the place, below a page's header, that the link at its very beginning leads to."""


@dataclass(frozen=True)
class _View:
    """One view of an area."""

    page: str
    label: str
    icon: str


_LAB = (
    _View(TRAIN_PAGE, mark("Train"), ":material/model_training:"),
    _View(REPLAY_PAGE, mark("Watch"), ":material/slow_motion_video:"),
    _View(PLAY_PAGE, mark("Play"), ":material/sports_esports:"),
    _View(INSIDE_PAGE, mark("Inside"), ":material/neurology:"),
)
"""Views of one run."""
_EXPERIMENTS = (
    _View(EXPERIMENTS_PAGE, mark("Vary a setting"), ":material/science:"),
    _View(SEARCH_PAGE, mark("Tune"), ":material/manage_search:"),
    _View(COMPARE_PAGE, mark("Compare"), ":material/stacked_line_chart:"),
)
"""Views of many runs."""
_CLASS = (
    _View(CLASS_PAGE, mark("Overview"), ":material/groups:"),
    _View(LEADERBOARD_PAGE, mark("Leaderboard"), ":material/leaderboard:"),
)
"""Views of a class."""
_AREAS = {"area-experiments": _EXPERIMENTS, "area-class": _CLASS}
"""Areas of several views, by their container's key."""


def page_header(page: str, title: str, *, links: Callable[[], None] | None = None) -> None:
    """Draw the top of ``page``; ``links`` draws those that it has of its own."""
    name, views = next(
        ((name, views) for name, views in _AREAS.items() if any(view.page == page for view in views)), ("", ())
    )
    class_strip(page)
    with st.container(key="page-header", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=name or None):
            if views:
                _views(views, run_id=None)
            else:
                st.title(title, anchor=False, width="content")
            with _links():
                if links is not None:
                    links()
                run_status()
                instructor_switch()
                language_switch(page)
        if views:
            st.title(title, anchor=False)
    _content_begins()


def lab_header(page: str, record: RunRecord | None, *, beside_title: Callable[[], None] | None = None) -> None:
    """Draw the top of a view of the run ``record``, or of the run to come; it stays when the page is scrolled."""
    run_id = record.run_id if record else None
    class_strip(page)
    with st.container(key="lab-header", gap=None):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _views(_LAB, run_id)
            with _links():
                run_picker(run_id or st.query_params.get("run") or None, page)
                if record is not None:
                    _compare_link(record)
                    downloads(record.run_id)
                share(record, page)
                instructor_switch()
                language_switch(page)
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="title"):
            title = escape_markdown(run_name(record)) if record else _("Train an agent")
            st.title(title, anchor=False, width="content")
            if record is not None:
                facts = _("seed {seed} · run {run_id}")
                st.caption(facts.format(seed=record.initial_config.seed, run_id=run_id), width="content")
            if beside_title is not None:
                beside_title()
            with st.container(horizontal=True, horizontal_alignment="right", key="run-status-place"):
                run_status(record if page != TRAIN_PAGE else None)  # the Train view's panel shows it
    _content_begins()


def _links() -> st.delta_generator.DeltaGenerator:
    return st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="links")


def _views(views: Sequence[_View], run_id: str | None) -> None:
    with st.container(horizontal=True, gap=None, key="views", width="content"):
        for view in views:
            st.page_link(view.page, label=_(view.label), icon=view.icon, query_params=page_query(run=run_id))


def _content_begins() -> None:
    with st.container(key="content-begins"):
        st.html(f'<span id="{CONTENT_ID}" tabindex="-1"></span>')


def _compare_link(record: RunRecord) -> None:
    """To the run beside the others of its experiment, if it is part of one."""
    records = get_manager().runs_of_experiment(record.experiment_id) if record.experiment_id else [record]
    query = compare_query(each.run_id for each in records)
    st.page_link(COMPARE_PAGE, label=_("Compare"), icon=":material/stacked_line_chart:", query_params=query)
