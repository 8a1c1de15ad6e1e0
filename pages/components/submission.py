"""The button of a run that is over: onto the leaderboard of the class."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dqn_core.errors import DqnLabError
from dqn_core.runs.leaderboard import NAME_LENGTH
from dqn_core.runs.manager import RunSnapshot
from pages.components.links import LEADERBOARD_PAGE, page_query
from pages.i18n import _, translate_error
from pages.identity import visitor
from pages.server import get_leaderboard

__all__ = ["submission"]

_NAME = "leaderboard:name"
_ERROR = "leaderboard:error"


def submission(snapshot: RunSnapshot) -> None:
    """A menu to submit the run under a name, or to take it back."""
    run_id = snapshot.record.run_id
    with st.popover(_("Leaderboard"), icon=":material/leaderboard:", type="tertiary", key="submission"):
        made = get_leaderboard().submission(run_id)
        if made is not None:
            st.markdown(_("On the leaderboard."))
            st.page_link(
                LEADERBOARD_PAGE, label=_("See its place"), icon=":material/leaderboard:", query_params=page_query()
            )
            st.button(_("Take it back"), on_click=_withdraw, args=(run_id,), key="leaderboard:withdraw")
        else:
            st.markdown(
                _("The server lets the run's best weights play 100 episodes and shows its place among the class's.")
            )
            st.text_input(
                _("Your name there"),
                max_chars=NAME_LENGTH,
                key=_NAME,
                placeholder=_("real or made up, all will see it"),
            )
            st.button(
                _("Submit"), type="primary", on_click=_submit, args=(run_id,), key="leaderboard:submit", width="stretch"
            )
        error = st.session_state.pop(_ERROR, None)
        if error is not None:
            st.error(translate_error(error), icon=":material/error:")


def _submit(run_id: str) -> None:
    _attempt(lambda: get_leaderboard().submit(run_id, st.session_state[_NAME], visitor().visitor_id))


def _withdraw(run_id: str) -> None:
    _attempt(lambda: get_leaderboard().withdraw(run_id))


def _attempt(do: Callable[[], object]) -> None:
    """Do what a button asked for; what keeps it from being done is said in the menu."""
    try:
        do()
    except DqnLabError as error:
        st.session_state[_ERROR] = error
