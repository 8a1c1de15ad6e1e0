"""The small door for whoever knows the instructor's code."""

from __future__ import annotations

import streamlit as st

from dqn_core.errors import AccessError
from dqn_core.json_text import json_text
from pages.server.settings import settings
from pages.server.visitor_cookies import ROLE_ADDRESS
from pages.shared.texts.i18n import _, translate_error
from pages.shared.visitor.identity import become_instructor, grant_for_browser, leave_instructor, visitor

__all__ = ["instructor_switch"]

_CODE_KEY, _ERROR_KEY, _IS_NEWS_KEY = "instructor_code", "instructor_error", "instructor_is_news"


def instructor_switch() -> None:
    """Draw it, on a server that has a code."""
    if not settings().instructor_code:
        return
    if st.session_state.pop(_IS_NEWS_KEY, False):
        _tell_browser()
    is_instructor = visitor().is_instructor
    icon = ":material/school:" if is_instructor else ":material/lock:"
    with st.popover(_("Instructor"), icon=icon, key="instructor"):
        if is_instructor:
            st.markdown(_("You control every run on this server."))
            st.button(_("Leave instructor mode"), icon=":material/logout:", on_click=_leave)
        else:
            _ask()


def _ask() -> None:
    with st.form("instructor-form", border=False, enter_to_submit=True):
        st.text_input(_("Instructor's code"), type="password", key=_CODE_KEY, autocomplete="off", max_chars=200)
        st.form_submit_button(_("I am the instructor"), icon=":material/key:", on_click=_enter)
    error = st.session_state.pop(_ERROR_KEY, None)
    if error is not None:
        st.error(translate_error(error), icon=":material/block:")


def _enter() -> None:
    try:
        become_instructor(str(st.session_state.get(_CODE_KEY) or ""))
    except AccessError as error:
        st.session_state[_ERROR_KEY] = error
    else:
        st.session_state[_IS_NEWS_KEY] = True
    finally:
        st.session_state[_CODE_KEY] = ""


def _leave() -> None:
    leave_instructor()
    st.session_state[_IS_NEWS_KEY] = True


def _tell_browser() -> None:
    """Have the browser keep its new role for its other tabs and for next time."""
    grant = grant_for_browser()
    if grant is None:
        return
    with st.container(key="preload-role"):
        script = (
            f"fetch({json_text(ROLE_ADDRESS)}, {{ method: 'POST', body: {json_text(grant)} }}).catch(() => undefined);"
        )
        st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)
