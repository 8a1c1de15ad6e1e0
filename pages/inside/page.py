"""Inside the agent: what a run has learned and how, by numbers and pictures.

The address says which run and which part: ``?run=...&part=update``. Everything is read from the run's newest
checkpoint and its snapshots; a run that trains is asked for a fresh checkpoint, and goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from dqn_core.errors import DqnLabError, RunFolderError, UnknownRunError, UnsupportedEnvironmentError, mark
from dqn_core.runs.manager import RunSnapshot
from dqn_core.runs.storage.records import RunRecord
from pages.inside.checks import checks
from pages.inside.environment import environment
from pages.inside.landscape import landscape_part
from pages.inside.memory import memory
from pages.inside.network import network
from pages.inside.overestimation import overestimation
from pages.inside.study import Study, fresh_look, snapshot_text, study_of
from pages.inside.table import table
from pages.inside.update import update
from pages.server.process import get_manager
from pages.shared.errors import fragment, show_errors
from pages.shared.held_values import hold, unless_stale
from pages.shared.links import INSIDE_PAGE, TRAIN_PAGE, last_run, page_query
from pages.shared.page_header import lab_header
from pages.shared.run_picker import run_title
from pages.shared.texts.distinct_texts import distinct_texts
from pages.shared.texts.i18n import _, current_language, translate_error

_RUNS = 200
_RETRY_S = 1.5
# Title, icon, and what draws it of a run; None for the part that needs no run. (A string here would show on the page.)
_PARTS: dict[str, tuple[str, str, Callable[[Study], None] | None]] = {
    "environment": (mark("Environment"), ":material/public:", environment),
    "network": (mark("Network"), ":material/hub:", network),
    "update": (mark("One update"), ":material/functions:", update),
    "table": (mark("Q-table"), ":material/grid_on:", table),
    "landscape": (mark("Q landscape"), ":material/landscape:", landscape_part),
    "memory": (mark("Replay memory"), ":material/inventory_2:", memory),
    "overestimation": (mark("Overestimation"), ":material/balance:", overestimation),
    "checks": (mark("Implementation checks"), ":material/fact_check:", None),
}
_FORMER_PARTS = {
    "honesty": "overestimation"
}  # by the word in addresses of earlier versions; a string would show here too


def inside_page() -> None:
    """Draw the page of the run in the address."""
    runs = get_manager().list_runs(_RUNS)
    run_id = st.query_params.get("run") or last_run() or (runs[0].run_id if runs else None)
    snapshot, complaint = _snapshot(run_id)
    if snapshot and "run" not in st.query_params:
        st.query_params["run"] = snapshot.record.run_id
    study = _study(snapshot) if snapshot else None
    lab_header(INSIDE_PAGE, snapshot.record if snapshot else None)
    if snapshot:
        _run_line(runs, snapshot, study)
    if complaint:
        st.warning(complaint, icon=":material/search_off:")
    parts = _parts(study)
    for tab, name in zip(_tabs(parts), parts, strict=True):
        if tab.open:
            with tab, st.container(key=f"part-{name}"):
                _part(_PARTS[name][2], study, snapshot)


def _parts(study: Study | str | None) -> tuple[str, ...]:
    """Those that there are of the run: few environments have so few states that all fit into a table."""
    has_table = isinstance(study, Study) and study.report.n_states is not None
    return tuple(name for name in _PARTS if name != "table" or has_table)


def _part(draw: Callable[[Study], None] | None, study: Study | str | None, snapshot: RunSnapshot | None) -> None:
    if draw is None:
        checks()
    elif isinstance(study, Study):
        _draw(draw, study)
    elif study is None:
        _nothing_yet()
    elif snapshot is not None and snapshot.is_active:
        _wait_for_checkpoint(snapshot.record.run_id, study)
    else:
        st.info(study, icon=":material/hourglass_empty:")


def _draw(draw: Callable[[Study], None], study: Study) -> None:
    """Draw a part; what keeps it from being drawn (an environment whose code fails) is said in its place."""
    try:
        draw(study)
    except DqnLabError as error:
        st.error(translate_error(error), icon=":material/error:")


def _snapshot(run_id: str | None) -> tuple[RunSnapshot | None, str]:
    if run_id is None:
        return None, ""
    try:
        return get_manager().snapshot(run_id), ""
    except UnknownRunError as error:
        return None, translate_error(error)


def _study(snapshot: RunSnapshot) -> Study | str:
    """What is looked into, or why that is not possible."""
    run_id = snapshot.record.run_id
    if st.session_state.get("inside-opened") != run_id:
        st.session_state["inside-opened"] = run_id
        fresh_look(snapshot)
    try:
        return study_of(snapshot)
    except UnsupportedEnvironmentError as error:
        return translate_error(error)
    except RunFolderError as error:
        return translate_error(error)


@fragment(run_every=_RETRY_S)
def _wait_for_checkpoint(run_id: str, why: str) -> None:
    """Until a run that has just begun leaves its first checkpoint; then the page is drawn."""
    st.info(why, icon=":material/hourglass:")
    st.caption(_("The run has just begun: this page keeps checking."))
    if isinstance(_study(get_manager().snapshot(run_id)), Study):
        st.rerun()


def _run_line(runs: list[RunRecord], snapshot: RunSnapshot, study: Study | str | None) -> None:
    """Which run, when its agent was as it is shown, and a button for a fresher one."""
    run_id = snapshot.record.run_id
    names = distinct_texts({record.run_id: run_title(record) for record in (*runs, snapshot.record)})
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="inside-run"):
        _run_choice(names, run_id)
        if snapshot.is_active:
            st.button(
                _("Refresh"),
                icon=":material/refresh:",
                key="fresh-look",
                on_click=fresh_look,
                args=(snapshot,),
                help=_("The run continues: it saves its current state, and this page shows it."),
            )
        if isinstance(study, Study):
            st.caption(
                _("The agent at {snapshot}.").format(snapshot=snapshot_text(study.checkpoint.agent)), width="content"
            )


def _run_choice(names: Mapping[str, str], run_id: str) -> None:
    """The list of runs, which shows the one in the address and writes another into it."""
    key = hold("inside-run-choice", run_id)

    def choose() -> None:
        st.query_params["run"] = st.session_state.get(key, run_id)

    st.selectbox(
        _("Run"),
        list(names),
        format_func=names.__getitem__,
        key=key,
        persist_state="page",
        on_change=unless_stale(key, choose),
        width=360,
    )


def _tabs(parts: Sequence[str]) -> Sequence[Any]:
    titles = {name: f"{_PARTS[name][1]} {_(_PARTS[name][0])}" for name in parts}
    part = st.query_params.get("part", "")
    wanted = _FORMER_PARTS.get(part, part)
    key = f"inside-part-{current_language()}-{len(parts)}"

    def tell() -> None:
        st.query_params["part"] = next(
            (name for name, title in titles.items() if title == st.session_state.get(key)), ""
        )

    default = titles.get(wanted, next(iter(titles.values())))
    return st.tabs(list(titles.values()), default=default, key=key, on_change=tell)


def _nothing_yet() -> None:
    with st.container(border=True, key="welcome"):
        st.header(_("No agent to look into yet"), anchor=False)
        st.markdown(
            _("Train one first: a minute is enough for CartPole. You can look inside while it trains, and afterwards.")
        )
        st.page_link(TRAIN_PAGE, label=_("Train an agent"), icon=":material/model_training:", query_params=page_query())


show_errors(inside_page)
