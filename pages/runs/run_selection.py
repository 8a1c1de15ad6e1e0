"""The runs that are selected in the table of all runs, and what came of what was done to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from dqn_core.errors import DqnLabError
from dqn_core.runs.run_list import RunLine
from pages.server.process import get_run_list
from pages.shared.texts.i18n import _, translate_error
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.run_names import run_name
from pages.shared.visitor.identity import require_control

__all__ = ["do_to_runs", "runs_stamp", "select_runs", "selected_run_ids", "show_outcome"]

_SELECTED_KEY, _STAMP_KEY, _DONE_KEY, _REFUSED_KEY = "runs-selected", "runs-stamp", "runs-done", "runs-refused"
_REFUSALS_SHOWN = 5


def select_runs(run_ids: Sequence[str]) -> None:
    """Select these runs and no others."""
    st.session_state[_SELECTED_KEY] = tuple(run_ids)


def selected_run_ids() -> tuple[str, ...]:
    """Ids of the runs that are selected; one of them may be deleted by now."""
    return tuple(st.session_state.get(_SELECTED_KEY, ()))


def runs_stamp() -> int:
    """Another number each time that something was done to runs here."""
    return int(st.session_state.get(_STAMP_KEY, 0))


def do_to_runs(lines: Sequence[RunLine], act: Callable[[str], object], done: str) -> None:
    """Call ``act`` with the id of each run that is the visitor's; :func:`show_outcome` shows what came of it.

    ``done`` says what was done to the ``{n}`` runs that did not refuse.
    """
    refused: list[tuple[RunLine, DqnLabError]] = []
    for line in lines:
        try:
            require_control(line)
            act(line.run_id)
        except DqnLabError as error:
            refused.append((line, error))
    get_run_list().lines(at_once=True)  # so that the script that follows shows what has become of them
    st.session_state[_STAMP_KEY] = runs_stamp() + 1
    count = len(lines) - len(refused)
    st.session_state[_DONE_KEY] = done.format(n=count) if count else ""
    st.session_state[_REFUSED_KEY] = refused


def show_outcome() -> None:
    """Say, once, what came of what was done last."""
    if done := st.session_state.pop(_DONE_KEY, ""):
        st.toast(done, icon=":material/check:")
    refused = st.session_state.pop(_REFUSED_KEY, [])
    if refused:
        lines = [
            f"- **{escape_markdown(run_name(line))}**: {translate_error(error)}"
            for line, error in refused[:_REFUSALS_SHOWN]
        ]
        if len(refused) > _REFUSALS_SHOWN:
            lines.append(_("- and {n} more").format(n=len(refused) - _REFUSALS_SHOWN))
        st.error("\n".join(lines), icon=":material/block:")
