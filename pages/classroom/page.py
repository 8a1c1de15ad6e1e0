"""The page of a class: to open or join one, and what its teacher and its members see."""

from __future__ import annotations

import streamlit as st

from dqn_core.runs.classes.classroom import Classroom, tidy_code
from pages.classroom.join import join_form, lead_form, open_form, show_refusal
from pages.classroom.student import student_view
from pages.classroom.teacher import past_classes, teacher_view
from pages.server.process import get_manager
from pages.server.settings import settings
from pages.shared.errors import show_errors
from pages.shared.links import CLASS_PAGE
from pages.shared.page_header import page_header
from pages.shared.texts.i18n import _
from pages.shared.visitor.identity import class_taught, may_open_class, may_teach, own_class


def class_page() -> None:
    """Draw the page; an address may have a code to join a class with (``?code=CDFH``), or a teacher's ``?lead=...``."""
    page_header(CLASS_PAGE, _("Class"))
    classes, mine = get_manager().classes, own_class()
    taught = [each for each in classes.open_classes() if may_teach(each)]
    code = tidy_code(st.query_params.get("code", ""))
    if code and (mine is None or mine.code != code) and not any(each.code == code for each in taught):
        join_form(code)
    ticket = st.query_params.get("lead", "")
    is_led_to = bool(ticket) and lead_form(ticket)
    if mine is not None:
        student_view(mine)
    if taught:
        teacher_view(_chosen(taught))
    if mine is None and not taught and not code and not is_led_to:  # whoever followed a link has one thing to do
        _beginning()
    elif taught and may_open_class():
        with st.expander(_("Open another class"), icon=":material/add:"):
            open_form()
    past_classes([each for each in classes.archived() if may_teach(each)])
    show_refusal()  # of something that is not drawn any more


def _chosen(taught: list[Classroom]) -> Classroom:
    """The class to show: the one in the address, or the newest of the visitor's own."""
    by_id = {each.class_id: each for each in taught}
    if len(taught) == 1:
        return taught[0]
    wanted = by_id.get(st.query_params.get("class", "")) or class_taught() or taught[0]
    key = "class:shown"
    if st.session_state.get(key) not in by_id:
        st.session_state[key] = wanted.class_id
    chosen = st.selectbox(
        _("Class"),
        list(by_id),
        format_func=lambda class_id: f"{by_id[class_id].title or _('Class')} · {by_id[class_id].code}",
        key=key,
        persist_state="page",
    )
    return by_id[chosen]


def _beginning() -> None:
    """For a visitor who is in no class and leads none."""
    join, lead = st.columns(2, gap="medium")
    with join, st.container(border=True):
        st.header(_("Join a class"), anchor=False)
        join_form("")
    with lead, st.container(border=True):
        st.header(_("Lead a class"), anchor=False)
        if may_open_class():
            st.markdown(
                _(
                    "Students join with a code, each under a nickname. You see who is there, give them settings to "
                    "start from, and pause or stop all of their runs at once."
                )
            )
            open_form()
        else:
            text = _("Enter the instructor's code at the top of the page to open a class.")
            st.markdown(text if settings().instructor_code else _("Leave the class first to open one of your own."))


show_errors(class_page)
