"""Into a class: a member by its code and a nickname, a teacher by opening one or by the link of one who leads it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dqn_core.errors import AccessError, ClassError, DqnLabError, mark
from dqn_core.runs.classes.classroom import NICKNAME_LENGTH, TITLE_LENGTH
from pages.server.process import get_manager
from pages.server.settings import settings
from pages.shared.texts.i18n import _, translate_error
from pages.shared.texts.markdown import escape_markdown
from pages.shared.visitor.identity import may_open_class, may_teach, signer, visitor

__all__ = ["attempt", "has_refusal", "join_form", "lead_form", "open_form", "show_refusal"]

_CODE, _NICKNAME, _TITLE, _ERROR = "class:code", "class:nickname", "class:title", "class:error"


def join_form(code: str) -> None:
    """Ask for the code, which the address may have, and a nickname."""
    with st.form("class-join", border=bool(code)):
        if code:
            st.header(_("Join the class"), anchor=False)
        st.text_input(_("Code of the class"), code, key=_CODE, max_chars=12, autocomplete="off")
        st.text_input(
            _("Your nickname"),
            key=_NICKNAME,
            max_chars=NICKNAME_LENGTH,
            autocomplete="nickname",
            placeholder=_("visible to everyone in the class"),
        )
        st.form_submit_button(_("Join"), type="primary", icon=":material/login:", on_click=_join)
    show_refusal("join")


def open_form() -> None:
    """Ask for a title."""
    with st.form("class-open", border=False):
        st.text_input(_("Title of the class"), key=_TITLE, max_chars=TITLE_LENGTH, autocomplete="off")
        st.form_submit_button(_("Open the class"), type="primary", icon=":material/co_present:", on_click=_open)
    show_refusal("open")


def lead_form(ticket: str) -> bool:
    """Offer the class of a teacher's link to be led in this browser; False where the link leads to none."""
    class_id = signer().class_to_lead(ticket)
    if class_id is None:
        st.error(_("This link leads to no class: copy the whole of it."), icon=":material/error:")
        return False
    try:
        classroom = get_manager().classes.get(class_id)
    except ClassError as error:
        st.error(translate_error(error), icon=":material/error:")
        return False
    if may_teach(classroom):
        return True
    with st.container(border=True, key="class-lead"):
        st.header(_("Lead a class"), anchor=False)
        if settings().instructor_code:
            st.markdown(_("On this server, the instructor's code makes a teacher: enter it at the top of the page."))
        else:
            title = escape_markdown(classroom.title or _("Class"))
            st.markdown(_("This link lets you lead this class in this browser: {title}").format(title=f"**{title}**"))
            icon = ":material/co_present:"
            st.button(_("Lead the class"), type="primary", icon=icon, on_click=_lead, args=(ticket,))
            show_refusal("lead")
    return True


def attempt(place: str, do: Callable[[], object]) -> bool:
    """Do what was asked for; what keeps it from being done is said at ``place``, see :func:`show_refusal`."""
    st.session_state.pop(_ERROR, None)
    try:
        do()
    except DqnLabError as error:
        st.session_state[_ERROR] = (place, error)
        return False
    return True


def has_refusal(place: str) -> bool:
    """Whether the last thing that was asked for at ``place`` was not done, and that was not said yet."""
    where, _error = st.session_state.get(_ERROR, ("", None))
    return bool(where == place)


def show_refusal(place: str | None = None) -> None:
    """Say, once, what kept the last thing that was asked for at ``place`` from being done; without one, at any."""
    where, error = st.session_state.get(_ERROR, ("", None))
    if error is not None and place in {None, where}:
        del st.session_state[_ERROR]
        st.error(translate_error(error), icon=":material/error:")


def _join() -> None:
    code, nickname = (str(st.session_state.get(key) or "") for key in (_CODE, _NICKNAME))
    if attempt("join", lambda: get_manager().classes.join(code, visitor().visitor_id, nickname)):
        st.session_state.pop(_CODE, None)


def _lead(ticket: str) -> None:
    def do() -> None:
        class_id = signer().class_to_lead(ticket)
        if class_id is None or settings().instructor_code:
            raise AccessError(mark("Only a teacher of this class can do this."))
        get_manager().classes.add_teacher(class_id, visitor().visitor_id)
        st.query_params.pop("lead", None)

    attempt("lead", do)


def _open() -> None:
    attempt("open", _open_class)


def _open_class() -> None:
    if not may_open_class():
        raise AccessError(mark("Only a teacher can open a class."))
    get_manager().classes.open(str(st.session_state.get(_TITLE) or ""), visitor().visitor_id)
