"""Every state of a small world on its map: what the agent would do there, what it expects, and what is best."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dqn_core.environments.maps import Grid, StateMap
from dqn_core.inside.table import StateTable, state_table
from pages.inside.charts import Cells, map_figure
from pages.inside.study import Study, snapshot_text
from pages.shared.figure.figure import frame_names, show_figure
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["table"]

_SNAPSHOTS = 24
_AS_GOOD = 1e-6
"""An action counts as optimal where its optimal Q-value is no further below the best, of their range."""
_ROW, _EDGE, _LEAST, _MOST = 58, 110, 300, 1_100
"""Pixels of a row, of what is around them, and of the whole figure."""


def table(study: Study) -> None:
    """Draw the part."""
    found = study.kept(("table",), lambda: state_table(study.config), 1_000_000)
    if found is None:
        st.info(_("The states of this environment cannot be listed."), icon=":material/info:")
        return
    st.caption(
        _(
            "Each cell is a state: the greedy action, and max Q(s, a), the discounted return that is expected from "
            "there. Move the slider, or play it, to see how the values spread from the rewards."
        )
    )
    optimal = _comparable(study, found)
    grid, view = _choices(study, found.map, compares=optimal is not None)
    agents = study.agents(_SNAPSHOTS)
    q_values = study.kept(
        ("table", "q", len(agents)),
        lambda: [agent.learner().q_values(found.map.vectors).astype(np.float64) for agent in agents],
        8 * len(found.map.vectors) * study.report.n_actions * len(agents),
    )
    names = frame_names([snapshot_text(agent) for agent in agents])
    drawn = _Drawn(study, found, grid)
    left, right = st.columns(2, gap="medium")
    with left:
        frames = [(name, drawn.greedy(each)) for name, each in zip(names, q_values, strict=True)]
        _show(study, grid, found.map, frames, "table", _("What the agent has learned"), _("Greedy action and max Q."))
    with right:
        if optimal is not None:
            title, hint, frames = _beside(view, drawn, optimal, list(zip(names, q_values, strict=True)))
            is_difference = view == "difference"
            _show(study, grid, found.map, frames, f"table-{view}", title, hint, is_difference=is_difference)
    if optimal is not None:
        _verdict(found, q_values[-1], optimal)


def _choices(study: Study, states: StateMap, *, compares: bool) -> tuple[Grid, str]:
    """The grid of what is chosen where the states fill several, and what the agent is compared with."""
    chosen: list[int] = []
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="table-choices"):
        for number, choice in enumerate(states.choices):
            options = [_(each) for each in choice.options]
            chosen.append(
                st.selectbox(
                    _(choice.name),
                    range(len(options)),
                    index=min(number, len(options) - 1),  # a passenger who is at the destination is no state to look at
                    format_func=options.__getitem__,
                    key=f"{study.run_id}:table-{number}",
                    width=180,
                )
            )
        views = {"optimal": _("Optimal values"), "difference": _("Difference")}
        view = "optimal"
        if compares:
            view = st.segmented_control(
                _("Compared with"),
                list(views),
                default=view,
                required=True,
                format_func=views.__getitem__,
                key=f"{study.run_id}:table-view",
            )
    return states.grids[tuple(chosen)], view


def _comparable(study: Study, found: StateTable) -> NDArray[np.float64] | None:
    """The optimal values; None, with the reason, where they are not of what the agent learns."""
    if found.optimal is None:
        st.caption(_("The environment does not give its transitions, so that the optimal values are not known."))
        return None
    if study.config.reward_formula.strip():
        st.caption(_("The agent learns from a reward formula: its values are not those of the environment's reward."))
        return None
    return found.optimal


def _beside(
    view: str, drawn: _Drawn, optimal: NDArray[np.float64], learned: list[tuple[str, NDArray[np.float64]]]
) -> tuple[str, str, list[tuple[str, Cells]]]:
    """Title, hint and frames of what stands beside the agent's values."""
    if view == "difference":
        frames = [(name, drawn.difference(each, optimal)) for name, each in learned]
        return _("Difference"), _("max Q of the agent less that of value iteration."), frames
    hint = _("By value iteration, with the same discount and without a time limit.")
    return _("Optimal values"), hint, [("", drawn.greedy(optimal))]


def _show(  # noqa: PLR0913, PLR0917  each is one plain fact about the figure
    study: Study,
    grid: Grid,
    states: StateMap,
    frames: list[tuple[str, Cells]],
    name: str,
    title: str,
    hint: str,
    *,
    is_difference: bool = False,
) -> None:
    labels = {
        "value": _("difference") if is_difference else "max Q",
        "row": _(states.row_title) if states.row_title else "",
        "column": _(states.column_title) if states.column_title else "",
    }
    show_figure(
        map_figure(grid, frames, labels, is_difference=is_difference),
        name,
        title=title,
        hint=hint,
        file_stem=study.run_id,
        height=int(np.clip(_ROW * len(grid.rows) + _EDGE, _LEAST, _MOST)),
        group="table",
    )


class _Drawn:
    """What is drawn of the states of one grid; the others of the table are left out."""

    def __init__(self, study: Study, found: StateTable, grid: Grid) -> None:
        self._reached, self._symbols, self._names = found.reached, found.map.symbols, study.action_names
        names = study.observation_names
        self._shown = {
            state: ", ".join(names[number] for number in np.flatnonzero(found.map.vectors[state]))
            for state in grid.states[grid.states >= 0].tolist()
        }
        """What each state is, by its number."""

    def greedy(self, q_values: NDArray[np.float64]) -> Cells:
        """Greedy actions and max Q where an episode can be."""
        best, texts, hovers = q_values.argmax(axis=1), [""] * len(q_values), [""] * len(q_values)
        for state, what in self._shown.items():
            hovers[state] = what
            if self._reached[state]:
                texts[state] = self._symbols[best[state]]
                lines = (f"{name} {value:.4g}" for name, value in zip(self._names, q_values[state], strict=True))
                hovers[state] = "<br>".join((what, *lines))
        return Cells(values=np.where(self._reached, q_values.max(axis=1), np.nan), texts=texts, hovers=hovers)

    def difference(self, q_values: NDArray[np.float64], optimal: NDArray[np.float64]) -> Cells:
        """How far max Q is above the optimal one."""
        values = np.where(self._reached, q_values.max(axis=1) - optimal.max(axis=1), np.nan)
        hovers = [""] * len(values)
        for state, what in self._shown.items():
            hovers[state] = f"{what}<br>{values[state]:.4g}" if self._reached[state] else what
        return Cells(values=values, texts=[""] * len(values), hovers=hovers, digits=2)


def _verdict(found: StateTable, q_values: NDArray[np.float64], optimal: NDArray[np.float64]) -> None:
    """In how many states the greedy action is a best one, and how far the values are off."""
    reached = found.reached
    taken = np.take_along_axis(optimal, q_values.argmax(axis=1)[:, None], axis=1)[:, 0]
    best = optimal.max(axis=1)
    slack = _AS_GOOD * max(1.0, float(np.ptp(optimal)))
    right = int(((best - taken <= slack) & reached).sum())
    error = float(np.abs(q_values.max(axis=1) - best)[reached].mean())
    text = _("The greedy action is optimal in {right} of {count} states; max Q is off by {error} on average.")
    st.markdown(text.format(right=right, count=int(reached.sum()), error=number_text(float(f"{error:.3g}"))))
