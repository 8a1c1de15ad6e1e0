"""What a member of a class sees: the assignment, their own runs, and their nickname."""

from __future__ import annotations

import functools

import streamlit as st

from dqn_core.config import TrainingConfig
from dqn_core.runs.classes.classroom import NICKNAME_LENGTH, Assignment, Classroom
from pages.classroom.assignment_text import assignment_facts, open_facts
from pages.classroom.join import attempt, show_refusal
from pages.classroom.places import place_link
from pages.server.process import get_manager, get_run_list
from pages.shared.form_state import NEW_RUN, draft_form
from pages.shared.links import TRAIN_PAGE, new_run_query, page_query
from pages.shared.run_picker import run_facts, run_title
from pages.shared.texts.i18n import _
from pages.shared.texts.markdown import escape_markdown
from pages.shared.visitor.identity import visitor

__all__ = ["student_view"]

_NICKNAME = "class:new-nickname"
_SHOWN = 6


def student_view(classroom: Classroom) -> None:
    """Draw the class as its member sees it."""
    with st.container(border=True, key="class-assignment"):
        st.header(_("Assignment"), anchor=False)
        if classroom.assignment is None:
            st.markdown(_("Nothing is assigned yet. This page shows the assignment as soon as there is one."))
        else:
            _assignment(classroom.assignment)
    _own_runs(classroom)
    with st.expander(_("Your nickname"), icon=":material/badge:"):
        _nickname(classroom)


def _assignment(assignment: Assignment) -> None:
    if assignment.task:
        st.markdown(f"**{escape_markdown(assignment.task)}**")
    if assignment.config is not None:
        st.markdown("  \n".join(assignment_facts(assignment.config)))
        opened = open_facts(assignment)
        text = _("Yours to choose: {settings}. All else is locked.")
        st.markdown(text.format(settings=", ".join(opened)) if opened else _("All settings are locked."))
        if st.button(_("Start from here"), type="primary", icon=":material/play_arrow:", key="class:start-from-here"):
            _fill(assignment, assignment.config)
            st.switch_page(TRAIN_PAGE, query_params=new_run_query())
    if assignment.place is not None:
        place_link(assignment.place)


def _fill(assignment: Assignment, config: TrainingConfig) -> None:
    """Have the Lab's form of a new run begin as the assignment does."""
    draft_form(NEW_RUN, config, assignment).change(**config.to_dict())


def _own_runs(classroom: Classroom) -> None:
    who = visitor().visitor_id
    lines = get_run_list().lines(at_once=True)
    own = [each.run_id for each in lines if each.class_id == classroom.class_id and each.owner == who][:_SHOWN]
    if not own:
        return
    st.header(_("Your runs in this class"), anchor=False)
    for run in (get_manager().snapshot(run_id).record for run_id in own):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.page_link(TRAIN_PAGE, label=escape_markdown(run_title(run)), query_params=page_query(run=run.run_id))
            st.caption(" · ".join(run_facts(run)), width="content")


def _nickname(classroom: Classroom) -> None:
    nickname = get_manager().classes.nickname(visitor().visitor_id)
    st.text_input(_("Nickname"), nickname, key=_NICKNAME, max_chars=NICKNAME_LENGTH, autocomplete="nickname")
    with st.container(horizontal=True, gap="small"):
        st.button(_("Change"), on_click=functools.partial(_rename, classroom.class_id), key="class:rename")
        st.button(_("Leave the class"), icon=":material/logout:", on_click=_leave, key="class:leave")
    show_refusal("nickname")


def _rename(class_id: str) -> None:
    nickname = str(st.session_state.get(_NICKNAME) or "")
    attempt("nickname", lambda: get_manager().classes.rename(class_id, visitor().visitor_id, nickname))


def _leave() -> None:
    attempt("nickname", lambda: get_manager().classes.leave(visitor().visitor_id))
    st.query_params.pop("code", None)
