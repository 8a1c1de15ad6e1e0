"""The page where runs are laid over each other: which ones, which curves, and what they say together.

The runs (``?runs=ID,ID``) and all choices stand in the address.
"""

from __future__ import annotations

from typing import cast

import streamlit as st

from dqn_core.analysis.comparison import X_AXES, Y_AXES, Choices, XAxis, YAxis
from pages.compare.query import WINDOWS
from pages.compare.view import compare_view
from pages.compare.words import X_LABELS, Y_LABELS
from pages.shared.address_choices import AddressChoice, AddressFlag
from pages.shared.errors import fragment, show_errors
from pages.shared.links import COMPARE_PAGE, MOST_COMPARED, last_run
from pages.shared.page_header import page_header
from pages.shared.run_table.table import run_table
from pages.shared.texts.i18n import _

_COLUMNS = ("name", "env", "preset", "seed", "state", "episodes", "best", "started")
_X = AddressChoice("x", X_AXES)
_Y = AddressChoice("y", Y_AXES)
_WINDOW = AddressChoice("window", tuple(map(str, WINDOWS)))
_GROUPS = AddressFlag("groups", default=True)
_SINGLES = AddressFlag("singles")
_BEYOND = AddressFlag("beyond")
_LOG = AddressFlag("log")


def compare_page() -> None:
    """Draw the page of the runs in the address."""
    run_ids = _run_ids()
    with st.sidebar:
        st.header(_("Runs to compare"), anchor=False)
        run_table(
            run_ids,
            _choose,
            key="compare-runs",
            title=_("Runs to compare"),
            columns=_COLUMNS,
            most=MOST_COMPARED,
        )
    page_header(COMPARE_PAGE, _("Compare runs"))
    if not run_ids:
        _welcome()
        return
    _comparison(run_ids)


@fragment
def _comparison(run_ids: tuple[str, ...]) -> None:
    """The choices and what they show: another choice runs this part alone, not the list of runs."""
    choices = _choices()
    compare_view(run_ids, choices, log_y=_LOG.value)
    _explanation(choices)


def _run_ids() -> tuple[str, ...]:
    """The runs in the address; where it names none, the one that this tab showed last."""
    if "runs" not in st.query_params and (run_id := last_run()):
        st.query_params["runs"] = run_id
    return tuple(dict.fromkeys(each for each in st.query_params.get("runs", "").split(",") if each))[:MOST_COMPARED]


def _choose(run_ids: tuple[str, ...]) -> None:
    st.query_params["runs"] = ",".join(run_ids)


def _choices() -> Choices:
    """The row of widgets above the figure."""
    with st.container(horizontal=True, vertical_alignment="top", key="compare-choices"):
        st.selectbox(
            _("Curve"), Y_AXES, format_func=_y_text, key=_Y.hold(), persist_state="page", on_change=_Y.take, width=190
        )
        st.segmented_control(
            _("X axis"),
            X_AXES,
            format_func=_x_text,
            key=_X.hold(),
            persist_state="page",
            on_change=_X.take,
            required=True,
            width="content",
        )
        st.select_slider(
            _("Smoothing"),
            _WINDOW.values,
            format_func=_window_text,
            key=_WINDOW.hold(),
            persist_state="page",
            on_change=_WINDOW.take,
            help=_(
                "Replaces each value by the mean of the latest values up to it. The unsmoothed curve stays "
                "faintly visible."
            ),
            width=260,
        )
    with st.container(horizontal=True, key="compare-flags"):
        over_steps = _X.value == "env_step"
        st.toggle(
            _("Mean and band"),
            key=_GROUPS.hold(),
            persist_state="page",
            on_change=_GROUPS.take,
            disabled=not over_steps,
            help=_(
                "Draws runs that differ only in their seed as one curve, over env steps only: there they are "
                "comparable."
            ),
        )
        st.toggle(
            _("Each run"), key=_SINGLES.hold(), persist_state="page", on_change=_SINGLES.take, disabled=not over_steps
        )
        st.toggle(
            _("Extend past the first finished run"),
            key=_BEYOND.hold(),
            persist_state="page",
            on_change=_BEYOND.take,
            disabled=not (over_steps and _GROUPS.value),
            help=_("Means continue where only some runs reach; the number of runs left is shown there."),
        )
        st.toggle(_("Log scale"), key=_LOG.hold(), persist_state="page", on_change=_LOG.take)
    return Choices(
        x=cast("XAxis", _X.value),
        y=cast("YAxis", _Y.value),
        window=int(_WINDOW.value),
        shows_groups=_GROUPS.value,
        shows_runs=_SINGLES.value,
        beyond_shortest=_BEYOND.value,
    )


def _x_text(name: str) -> str:
    return _(X_LABELS[name])


def _y_text(name: str) -> str:
    return _(Y_LABELS[name])


def _window_text(window: str) -> str:
    return _("none") if window == "1" else _("mean of {n}").format(n=window)


def _explanation(choices: Choices) -> None:
    if choices.has_bands:
        st.caption(
            _(
                "Runs that differ only in their seed form one group. Line: the mean of its n runs at equal env "
                "steps, interpolated linearly between the ends of episodes. Band: 95 % bootstrap interval of that "
                "mean. With few runs it is too narrow: with 3 it covers the true mean three times in four, with 10 "
                "nine times in ten. Runs whose settings were changed are kept apart."
            )
        )
    else:
        st.caption(
            _(
                "Draws each run on its own. Means and bands are drawn over env steps only, where all runs have "
                "had the same amount of experience."
            )
        )


def _welcome() -> None:
    with st.container(border=True):
        st.header(_("Choose runs in the list"), anchor=False)
        st.markdown(
            _(
                "The curves of the chosen runs appear here in one figure. Runs that differ only in their seed are "
                "drawn as their mean with a band: one lucky run is misleading, several show what is typical."
            )
        )


show_errors(compare_page)
