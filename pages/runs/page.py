"""The page of all runs: find some, open, resume, name, tag, download or delete them."""

from __future__ import annotations

import streamlit as st

from pages.runs.run_actions import run_actions
from pages.runs.run_selection import runs_stamp, select_runs, selected_run_ids
from pages.server.process import get_run_list
from pages.shared.errors import fragment, show_errors
from pages.shared.links import RUNS_PAGE, TRAIN_PAGE, page_query
from pages.shared.page_header import page_header
from pages.shared.run_table.table import run_table
from pages.shared.texts.i18n import _

_OPEN_KEY = "runs-open"


def runs_page() -> None:
    """Draw the page."""
    page_header(RUNS_PAGE, _("Runs"))
    if get_run_list().lines():
        _workbench()
    else:
        _welcome()


@fragment
def _workbench() -> None:
    """The table and what can be done with the runs chosen in it; a choice runs this part of the page alone."""
    if opened := st.session_state.pop(_OPEN_KEY, None):
        st.switch_page(TRAIN_PAGE, query_params=page_query(run=opened))
    lines = {line.run_id: line for line in get_run_list().lines()}
    selected = [lines[run_id] for run_id in selected_run_ids() if run_id in lines]
    run_actions(selected, list(lines.values()))
    run_table(
        [line.run_id for line in selected],
        select_runs,
        key="runs-table",
        title=_("All runs"),
        on_open=_open,
        stamp=runs_stamp(),
    )


def _open(run_id: str) -> None:
    st.session_state[_OPEN_KEY] = run_id


def _welcome() -> None:
    with st.container(border=True):
        st.header(_("No runs yet"), anchor=False)
        st.markdown(_("Every agent trained on this server, with its settings and results."))
        st.page_link(
            TRAIN_PAGE, label=_("Train the first one"), icon=":material/model_training:", query_params=page_query()
        )


show_errors(runs_page)
