"""One update, step by step, on the run's own replay memory."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.inside import charts
from pages.inside.batch import Batch, choose_batch
from pages.inside.formula import formula_colors, particulars
from pages.inside.study import Study
from pages.inside.update_steps import STEPS, formula_so_far
from pages.shared.figure.figure import show_figure
from pages.shared.headings import heading
from pages.shared.texts.i18n import _

__all__ = ["update"]

_FOUR_DIGITS = st.column_config.NumberColumn(format="%.4f")


def update(study: Study) -> None:
    """Draw the part."""
    if len(study.checkpoint.replay) == 0:
        st.info(_("The replay memory is still empty: there is nothing to learn from yet."), icon=":material/hourglass:")
        return
    st.caption(
        _(
            "This is the next update that the run's learner would make, computed by the same learner on a batch from "
            "the run's own replay memory. The run is not changed."
        )
    )
    for sentence in particulars(study.config):
        st.markdown(f":material/info: {sentence}")
    batch = choose_batch(study)
    step = _steps(study)
    left, right = st.columns([3, 2], gap="large")
    with left:
        formula_colors()
        formula_so_far(batch, step)
        STEPS[step][1](batch)
    with right:
        _scatter(batch, has_happened=step == len(STEPS) - 1)
    _table(batch)


def _steps(study: Study) -> int:
    """The stepper: which step of the update is shown."""
    key = f"{study.run_id}:update-step"
    titles = [_(title) for title, _draws in STEPS]
    st.session_state.setdefault(key, 0)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="update-steps"):
        step = st.segmented_control(
            _("Steps of the update"),
            list(range(len(titles))),
            format_func=lambda number: f"{number + 1} {titles[number]}",
            key=key,
            persist_state="page",
            required=True,
            label_visibility="collapsed",
        )
        step = int(step or 0)
        is_last = step == len(titles) - 1
        st.button(
            _("Next step"),
            icon=":material/arrow_forward:",
            type="primary",
            key=f"{key}-next",
            disabled=is_last,
            on_click=lambda: st.session_state.update({key: step + 1}),
        )
    return step


def _scatter(batch: Batch, *, has_happened: bool) -> None:
    told, replay = batch.told, batch.study.checkpoint.replay
    taken = np.arange(len(batch.indices)), replay.actions[batch.indices].astype(np.int64)
    labels = {
        "target": _("target y"),
        "error": _("TD error δ = y - Q(s, a)"),
        "before": _("before the update"),
        "after": _("after"),
        "row": _("selected row"),
    }
    after = told.terms.targets - told.q_after[taken] if has_happened else None
    show_figure(
        charts.update_figure(told.terms.targets, told.terms.td_errors, after, batch.row, labels),
        "update",
        title=_("The whole batch"),
        hint=_(
            "On the line, predictions match their targets. The update moves the dots a little, most of them towards it."
        ),
        file_stem=batch.study.run_id,
        height=430,
    )


def _table(batch: Batch) -> None:
    import pandas as pd

    told, replay, indices = batch.told, batch.study.checkpoint.replay, batch.indices
    actions = replay.actions[indices].astype(np.int64)
    taken = np.arange(len(indices)), actions
    before, after = told.terms.q_values[taken], told.q_after[taken]
    rows = pd.DataFrame(
        {
            _("in memory"): indices,
            "a": np.array(batch.study.action_names)[actions],
            "r": replay.rewards[indices],
            "d": replay.terminated[indices].astype(np.int64),
            "Q(s, a)": before,
            "Q_target(s', a')": told.terms.next_values,
            "y": told.terms.targets,
            "δ": told.terms.td_errors,
            _("loss"): told.terms.losses,
            _("Q(s, a) after"): after,
            _("change"): after - before,
        }
    )
    if batch.drawn.weights is not None:
        rows["w"] = batch.drawn.weights
    heading(_("All rows of the batch"), _("click one to select it"))
    key = f"{batch.study.run_id}:update"
    st.dataframe(
        rows,
        height=260,
        key=f"{key}-rows",
        on_select=lambda: _select(key),
        selection_mode="single-row",
        column_config={str(name): _FOUR_DIGITS for name in rows.select_dtypes("float32")},
    )


def _select(key: str) -> None:
    selection = (st.session_state.get(f"{key}-rows") or {}).get("selection") or {}
    if rows := selection.get("rows"):
        st.session_state[f"{key}-row"] = rows[0]
