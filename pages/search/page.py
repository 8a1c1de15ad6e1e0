"""The page where settings are searched for: trials by Optuna, each a run like any other."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dqn_core.errors import DqnLabError, mark, mark_plural
from dqn_core.runs.experiments.searches import Searches, SearchStatus
from pages.search import charts
from pages.search.search_form import SearchDraft, search_form
from pages.server.process import get_searches
from pages.shared.advice import show_warning
from pages.shared.errors import fragment, show_errors
from pages.shared.figure.figure import show_figure
from pages.shared.held_values import held_key, hold
from pages.shared.links import SEARCH_PAGE, TRAIN_PAGE, new_run_query
from pages.shared.page_header import page_header
from pages.shared.texts.fields import FIELDS
from pages.shared.texts.i18n import _, problem_text, translate_error
from pages.shared.texts.numbers import number_text
from pages.shared.texts.value_text import value_text
from pages.shared.visitor.identity import may_control, require_control, visitor

_ERROR, _SHOWN = "search:error", "search:shown"
_STATES = {
    "complete": mark("done"),
    "pruned": mark("stopped early"),
    "running": mark("training"),
    "fail": mark("without a result"),
}


def search_page() -> None:
    """Draw the page."""
    page_header(SEARCH_PAGE, _("Tune"))
    form, shown = st.columns([5, 7], gap="medium")
    with form, st.container(border=True):
        st.header(_("New search"), anchor=False)
        _start(search_form(st.query_params.get("run")))
    with shown:
        error = st.session_state.pop(_ERROR, None)
        if error is not None:
            st.error(translate_error(error), icon=":material/error:")
        _searches()


def _start(draft: SearchDraft) -> None:
    if draft.spec is None:
        st.error("\n".join(f"- {problem_text(problem)}" for problem in draft.problems), icon=":material/error:")
    else:
        show_warning(draft.spec.unfinished_exploration())
    st.caption(
        _(
            "TPE suggests settings from the results of earlier trials. The objective is the mean evaluation over the "
            "env steps of a trial; a trial below the median of the others at the same point is stopped early."
        )
    )
    # No callback: it would start what was drawn before a press that leaves the field typed in last.
    is_pressed = st.button(
        _("Start search"),
        type="primary",
        icon=":material/search:",
        disabled=draft.spec is None,
        width="stretch",
    )
    if is_pressed and draft.spec is not None:
        spec = draft.spec

        def start(searches: Searches) -> None:
            hold(_SHOWN, searches.start(spec, draft.name, visitor().visitor_id))

        _attempt(start)


def _searches() -> None:
    listed = dict(get_searches().listed())
    if not listed:
        with st.container(border=True):
            st.header(_("No search yet"), anchor=False)
            st.markdown(
                _(
                    "Choose the settings to tune and their ranges. Trials run one after another, and each result "
                    "shows where good values lie. The best settings can be opened on the Train page."
                )
            )
        return
    shown = st.session_state.get(held_key(_SHOWN))
    key = hold(_SHOWN, shown if shown in listed else next(iter(listed)))
    search_id = st.selectbox(
        _("Search"), listed, format_func=lambda each: f"{listed[each]} · {each}", key=key, persist_state="page"
    )
    status = get_searches().status(search_id)
    if status.is_active:
        _live(search_id)
    else:
        _result(status)


@fragment(run_every="1s")
def _live(search_id: str) -> None:
    status = get_searches().status(search_id)
    if not status.is_active:
        st.rerun()
    _result(status)


def _result(status: SearchStatus) -> None:
    total = status.spec.trials
    template = mark_plural("{done} of {total} trial", "{done} of {total} trials", total)
    text = _(template).format(done=status.done, total=total)
    st.progress(min(1.0, status.done / total), text=text)
    if status.error is not None:
        st.error(translate_error(status.error), icon=":material/error:")
    _buttons(status)
    if status.best is None:
        st.caption(_("No trial has finished yet.") if status.is_active else _("No trial has a result yet."))
    else:
        _figures(status)
    _table(status)


def _buttons(status: SearchStatus) -> None:
    best = status.best_config()
    with st.container(horizontal=True):
        if best is not None and st.button(
            _("Open the best settings on the Train page"), type="primary", icon=":material/model_training:"
        ):
            st.session_state["new:draft"] = best.to_dict()
            st.switch_page(TRAIN_PAGE, query_params=new_run_query())
        if status.is_active:
            _button(_("Stop"), ":material/stop:", status, lambda searches: searches.stop(status.search_id))
            return
        if status.done < status.spec.trials:
            _button(_("Resume"), ":material/resume:", status, lambda searches: searches.resume(status.search_id))
        with st.popover(_("Delete"), icon=":material/delete:"):
            st.markdown(_("The search and all its runs are deleted; this cannot be undone."))
            with st.container(key="search-delete"):
                _button(
                    _("Delete everything"),
                    ":material/delete:",
                    status,
                    lambda searches: searches.remove(status.search_id),
                )


def _button(label: str, icon: str, status: SearchStatus, act: Callable[[Searches], None]) -> None:
    """A button for whoever controls the search."""

    def checked(searches: Searches) -> None:
        require_control(status)
        act(searches)

    st.button(label, icon=icon, on_click=_attempt, args=(checked,), disabled=not may_control(status))


def _attempt(act: Callable[[Searches], None]) -> None:
    """Do what a button asked for; what keeps it from being done is said above the results."""
    try:
        act(get_searches())
    except DqnLabError as error:
        st.session_state[_ERROR] = error


def _figures(status: SearchStatus) -> None:
    value = _("Mean evaluation")
    labels = {each.field: _(FIELDS[each.field].label) for each in status.spec.ranges}
    search_id = status.search_id
    left, right = st.columns(2)
    with left:
        show_figure(
            charts.history(status, x_title=_("Trial"), y_title=value),
            "search-history",
            title=_("Trials"),
            hint=_("Hollow: stopped early. Line: best so far."),
            file_stem=search_id,
            key=f"{search_id}:history",
        )
    with right:
        title = _("Importance of each setting")
        if status.importances:
            shares = {labels[name]: share for name, share in status.importances.items()}
            show_figure(
                charts.importance(shares),
                "search-importance",
                title=title,
                hint=_("PED-ANOVA (Watanabe et al. 2023) over completed trials."),
                file_stem=search_id,
                key=f"{search_id}:importance",
            )
        else:
            with st.container(border=True):
                st.markdown(f"**{title}**")
                st.caption(_("Appears after four trials with different results."))
    show_figure(
        charts.parallel(status, labels, value_label=value, text=lambda field, each: value_text(field, each, _)),
        "search-parallel",
        title=_("All settings at a glance"),
        hint=_("Drag along an axis to select trials."),
        file_stem=search_id,
        height=340,
        key=f"{search_id}:parallel",
    )


def _table(status: SearchStatus) -> None:
    rows = [
        {
            "#": trial.number,
            _("State"): _(_STATES.get(trial.state, trial.state)),
            _("Mean evaluation"): "–" if trial.value is None else number_text(round(trial.value, 1)),
            **{_(FIELDS[name].label): value_text(name, _rounded(value), _) for name, value in trial.changes.items()},
        }
        for trial in sorted(status.trials, key=lambda trial: -(trial.value if trial.value is not None else -1e18))
    ]
    if rows:
        st.dataframe(rows, hide_index=True, key="search:table")


def _rounded(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


show_errors(search_page)
