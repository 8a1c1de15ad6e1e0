"""The button of a run that is over: onto the leaderboard of the class."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dqn_core.errors import DqnLabError
from dqn_core.runs.classes.leaderboard import NAME_LENGTH
from dqn_core.runs.classes.submissions import Submission
from dqn_core.runs.manager import RunSnapshot
from dqn_core.runs.storage.records import RunRecord
from pages.server.process import get_leaderboard, get_manager
from pages.shared.links import LEADERBOARD_PAGE, page_query
from pages.shared.texts.i18n import _, translate_error
from pages.shared.texts.markdown import escape_markdown
from pages.shared.visitor.identity import Owned, may_control, owner_text, require_control, visitor

__all__ = ["submission"]

_NAME = "leaderboard:name"
_ERROR = "leaderboard:error"


def submission(snapshot: RunSnapshot) -> None:
    """A menu to submit the run under a name, or to take it back; others than its owner only see where it stands."""
    run_id = snapshot.record.run_id
    with st.popover(_("Leaderboard"), icon=":material/leaderboard:", type="tertiary", key="submission"):
        made = get_leaderboard().submission(run_id)
        is_ours = may_control(snapshot.record)
        if made is not None:
            st.markdown(_("On the leaderboard."))
            st.page_link(
                LEADERBOARD_PAGE, label=_("See its rank"), icon=":material/leaderboard:", query_params=page_query()
            )
            st.button(
                _("Withdraw"),
                on_click=_withdraw,
                args=(run_id,),
                key="leaderboard:withdraw",
                disabled=not may_control(_decided_by(snapshot.record, made)),
            )
        else:
            st.markdown(
                _("The server plays 100 episodes with the best weights of the run and shows its rank in the class.")
            )
            nickname = get_manager().classes.nickname(visitor().visitor_id)
            if nickname and not st.session_state.get(_NAME):
                st.session_state[_NAME] = nickname
            st.text_input(
                _("Display name"),
                max_chars=NAME_LENGTH,
                key=_NAME,
                placeholder=_("real name or nickname, visible to everyone"),
                disabled=not is_ours,
            )
            st.button(
                _("Submit"),
                type="primary",
                on_click=_submit,
                args=(run_id,),
                key="leaderboard:submit",
                width="stretch",
                disabled=not is_ours,
            )
            if not is_ours:
                text = _("This run was started by {owner}: only they and the instructor can submit it.")
                st.caption(text.format(owner=escape_markdown(owner_text(snapshot.record))))
        error = st.session_state.pop(_ERROR, None)
        if error is not None:
            st.error(translate_error(error), icon=":material/error:")


def _submit(run_id: str) -> None:
    name = str(st.session_state.get(_NAME) or "")
    _attempt(run_id, lambda: get_leaderboard().submit(run_id, name, visitor().visitor_id))


def _withdraw(run_id: str) -> None:
    _attempt(run_id, lambda: get_leaderboard().withdraw(run_id))


def _decided_by(run: RunRecord, made: Submission | None) -> Owned:
    """Whose the decision over the run's entry is: the run's owner's; of a run without one, whoever submitted it."""
    return run if run.owner or made is None else made


def _attempt(run_id: str, do: Callable[[], object]) -> None:
    """Do what a button asked for; what keeps it from being done is said in the menu."""
    try:
        require_control(_decided_by(get_manager().snapshot(run_id).record, get_leaderboard().submission(run_id)))
        do()
    except DqnLabError as error:
        st.session_state[_ERROR] = error
