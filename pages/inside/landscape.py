"""Q over a plane of states, over the training: what is expected where, what would be done, where the agent has been."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dqn_core.algorithm.normalization import network_only
from dqn_core.inside.agent import Agent
from dqn_core.inside.landscape import Landscape, Plane, landscape, visited_range
from pages.inside import charts
from pages.inside.axes import axes_choice, first_axes
from pages.inside.states import ChosenState, state_picker
from pages.inside.study import Study, snapshot_text
from pages.shared.figure.figure import frame_names, show_figure
from pages.shared.texts.i18n import _

__all__ = ["landscape_part"]

_POINTS = 41
"""Along each side."""
_SNAPSHOTS, _LEAST_SNAPSHOTS = 24, 3
_WORK = 4e9
"""Points times snapshots times weights: of a large network, fewer snapshots are asked. About three seconds."""
_VISITS = 900
_MOST_SLIDERS = 40
"""Of an observation with more numbers, the first that vary in the replay memory can be moved."""
_CARTPOLE_PLANE = (0, 2)
"""Position and angle: what the eye sees of the pole."""


def landscape_part(study: Study) -> None:
    """Draw the part."""
    if study.report.observation_size < 2:  # noqa: PLR2004  a plane has two sides
        st.info(_("This environment observes a single number: there is no plane to draw."), icon=":material/info:")
        return
    if len(study.checkpoint.replay) == 0:
        st.info(_("The replay memory is still empty: no states are known yet."), icon=":material/info:")
        return
    st.caption(
        _(
            "Two numbers of the state vary over the plane, the others are fixed. Move the slider, or play it, to see "
            "how the agent's predictions developed. Far from the visited states, they are guesses."
        )
    )
    left, right = st.columns(2, gap="medium")
    with left:
        is_cartpole = study.config.env_id.startswith("CartPole")
        x, y = axes_choice(study, "landscape", first_axes(study, _CARTPOLE_PLANE if is_cartpole else (0, 1)))
    with right:
        chosen = state_picker(study, "landscape")
    base = _base(study, chosen, (x, y))
    plane = _plane(study, x, y, base)
    agents = study.agents(_most_snapshots(study))
    with st.spinner(_("Evaluating the snapshots …")):
        seen = study.kept(
            ("landscape", x, y, base.tobytes(), len(agents)),
            lambda: [landscape(agent.learner(), plane) for agent in agents],
            4 * _POINTS**2 * study.report.n_actions * len(agents),
        )
    _figures(study, plane, agents, seen)


def _most_snapshots(study: Study) -> int:
    """How many agents of the training are asked."""
    weights = sum(array.size for array in network_only(study.checkpoint.agent.group("online")).values())
    return int(np.clip(_WORK / (_POINTS**2 * weights), _LEAST_SNAPSHOTS, _SNAPSHOTS))


def _base(study: Study, chosen: ChosenState, varying: tuple[int, int]) -> NDArray[np.float32]:
    """The state that fixes the other numbers, each of which can be moved."""
    base, seen = chosen.observation.copy(), study.seen
    others = [i for i in range(len(base)) if i not in varying]
    if len(others) > _MOST_SLIDERS:
        moving = np.flatnonzero(np.ptp(seen, axis=0))[: _MOST_SLIDERS + len(varying)]
        others = [int(i) for i in moving if i not in varying][:_MOST_SLIDERS]
    if not others:
        return base
    names = study.observation_names
    with st.expander(_("Fixed numbers ({count})").format(count=len(others)), icon=":material/tune:"):
        for column, i in zip(_grid(len(others)), others, strict=True):
            low, high = float(min(seen[:, i].min(), base[i])), float(max(seen[:, i].max(), base[i]))
            if low == high:
                low, high = low - 1.0, high + 1.0
            key = f"{study.run_id}:landscape-{i}-{chosen.origin}"
            with column:
                base[i] = st.slider(f"s[{i}] {names[i]}", low, high, float(base[i]), (high - low) / 100, key=key)
    return base


def _grid(count: int) -> Sequence[st.delta_generator.DeltaGenerator]:
    return [column for _row in range(-(-count // 2)) for column in st.columns(2, gap="medium")][:count]


def _plane(study: Study, x: int, y: int, base: NDArray[np.float32]) -> Plane:
    seen = study.seen
    return Plane(
        x=x,
        y=y,
        x_values=visited_range(seen[:, x], _POINTS),
        y_values=visited_range(seen[:, y], _POINTS),
        base=base,
    )


def _figures(study: Study, plane: Plane, agents: Sequence[Agent], seen: Sequence[Landscape]) -> None:
    rows = study.rows(_VISITS)
    states = study.checkpoint.replay.observations[rows]
    visits = charts.Visits(
        states[:, plane.x], states[:, plane.y], (float(plane.base[plane.x]), float(plane.base[plane.y]))
    )
    names = study.observation_names
    labels = {
        "x": names[plane.x],
        "y": names[plane.y],
        "x_column": f"s{plane.x}",
        "y_column": f"s{plane.y}",
        "max_q": "max Q",
        "greedy": _("action"),
        "visited": _("in memory"),
        "chosen": _("chosen state"),
    }
    snapshots = list(zip(frame_names([snapshot_text(agent) for agent in agents]), seen, strict=True))
    left, right = st.columns(2, gap="medium")
    with left:
        show_figure(
            charts.value_figure(plane, snapshots, visits, labels),
            "landscape",
            title=_("Predicted return: max Q(s, a)"),
            hint=_("The best discounted return that the agent expects from each state."),
            file_stem=study.run_id,
            height=400,
            group="landscape",
        )
    with right:
        show_figure(
            charts.greedy_figure(plane, snapshots, visits, labels, study.action_names),
            "policy",
            title=_("Greedy action"),
            hint=_("Where the colour changes, the agent is undecided between two actions."),
            file_stem=study.run_id,
            height=400,
            group="landscape",
        )
