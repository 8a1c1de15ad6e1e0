"""What can be done with the runs that are chosen in the list of all runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dqn_core.errors import mark
from dqn_core.events import RunState
from dqn_core.runs.run_list import RunLine
from pages.runs.routes import MOST_ARCHIVED
from pages.runs.run_dialogs import ask_name, ask_tags, confirm_deletion
from pages.runs.run_selection import do_to_runs, show_outcome
from pages.server.process import get_manager
from pages.shared.export.downloads import download_link
from pages.shared.links import COMPARE_PAGE, INSIDE_PAGE, MOST_COMPARED, REPLAY_PAGE, TRAIN_PAGE, page_query
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import size_text
from pages.shared.visitor.identity import may_control

__all__ = ["run_actions"]

_ROOMS = (
    (TRAIN_PAGE, mark("Open"), ":material/open_in_new:"),
    (REPLAY_PAGE, mark("Watch"), ":material/slow_motion_video:"),
    (INSIDE_PAGE, mark("Inside"), ":material/neurology:"),
)
"""Pages that show one run."""


def run_actions(selected: Sequence[RunLine], lines: Sequence[RunLine]) -> None:
    """A row of buttons for the runs ``selected`` of ``lines``, and what came of the last of them."""
    ours = [line for line in selected if may_control(line)]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="run-actions"):
        _links(selected)
        _commands(ours)
        _labels(ours)
        _downloads(selected)
        if st.button(_("Delete"), icon=":material/delete:", disabled=not ours, key="runs-delete"):
            confirm_deletion(ours)
        _offer_all(lines)
    if len(ours) < len(selected):
        st.caption(_("Chosen but started by others: {n}. You can only view these.").format(n=len(selected) - len(ours)))
    show_outcome()


def _links(selected: Sequence[RunLine]) -> None:
    """Other pages with the runs chosen."""
    one = selected[0].run_id if len(selected) == 1 else None
    for page, label, icon in _ROOMS:
        _link(page, label, icon, page_query(run=one), is_possible=one is not None)
    run_ids = ",".join(line.run_id for line in selected[:MOST_COMPARED])
    compared = page_query() | {"runs": run_ids}
    _link(COMPARE_PAGE, mark("Compare"), ":material/stacked_line_chart:", compared, is_possible=bool(selected))


def _link(page: str, label: str, icon: str, query: dict[str, str], *, is_possible: bool) -> None:
    """A link; where it leads nowhere, a disabled button: a disabled link can still be reached by keyboard."""
    if is_possible:
        st.page_link(page, label=_(label), icon=icon, query_params=query)
    else:
        st.button(_(label), icon=icon, type="tertiary", disabled=True, key=f"runs-no-{label}")


def _commands(selected: Sequence[RunLine]) -> None:
    """What changes how runs stand."""
    over = [line for line in selected if not line.state.is_active]
    active = [line for line in selected if line.state.is_active]
    st.button(
        _("Resume"),
        icon=":material/resume:",
        help=_("Resume runs that are over from where they stopped"),
        disabled=not over,
        key="runs-resume",
        on_click=lambda: _resume(over),
    )
    st.button(_("Stop"), icon=":material/stop:", disabled=not active, key="runs-stop", on_click=lambda: _stop(active))


def _resume(lines: Sequence[RunLine]) -> None:
    do_to_runs(lines, get_manager().go_on, _("Resumed: {n}"))


def _stop(lines: Sequence[RunLine]) -> None:
    do_to_runs(lines, get_manager().stop, _("Stopped: {n}"))


def _labels(selected: Sequence[RunLine]) -> None:
    if st.button(_("Rename"), icon=":material/edit:", disabled=len(selected) != 1, key="runs-rename"):
        ask_name(selected[0])
    if st.button(_("Tags"), icon=":material/label:", disabled=not selected, key="runs-tags"):
        ask_tags(selected)


def _downloads(selected: Sequence[RunLine]) -> None:
    with st.popover(_("Download"), icon=":material/download:", disabled=not selected, key="runs-download"):
        if len(selected) > MOST_ARCHIVED:
            st.caption(_("At most {n} runs at once: choose fewer.").format(n=MOST_ARCHIVED))
            return
        run_ids = ",".join(line.run_id for line in selected)
        address = f"live/runs/everything.zip?runs={run_ids}"
        size = size_text(sum(line.size for line in selected))
        explanation = _("Settings, episodes, live changes and weights of what is chosen ({n}).").format(n=len(selected))
        download_link(_("Everything but checkpoints (ZIP)"), address, "runs.zip", explanation)
        download_link(
            _("Everything (ZIP)"),
            f"{address}&checkpoints=1",
            "runs.zip",
            _("Including the checkpoints to resume from: about {size}.").format(size=size),
        )


def _offer_all(lines: Sequence[RunLine]) -> None:
    """After a server's end there may be many runs to take up again, which nobody wants to look for one by one."""
    interrupted = [line for line in lines if line.state is RunState.INTERRUPTED and may_control(line)]
    if len(interrupted) > 1:
        label = _("Resume all interrupted runs ({n})").format(n=len(interrupted))
        st.button(
            label,
            icon=":material/resume:",
            type="tertiary",
            key="runs-resume-all",
            on_click=lambda: _resume(interrupted),
        )
