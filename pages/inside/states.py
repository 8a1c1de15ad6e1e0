"""One state, chosen: from the replay memory, or at an episode's start; and the words for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dqn_core.environments.planes import PictureLayout
from dqn_core.episodes.episode import LARGEST_SEED
from dqn_core.episodes.human import play_by_hand
from pages.inside.study import Study
from pages.shared.episode.seen import show_seen
from pages.shared.held_values import held_key, hold
from pages.shared.long_lists import MOST_ROWS
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["ChosenState", "observation_table", "state_picker", "value_text"]

_WITHOUT_BOUND = 1e30


@dataclass(frozen=True, eq=False)
class ChosenState:
    """An observation [D] and where it is from, in words."""

    observation: NDArray[np.float32]
    origin: str


def state_picker(study: Study, name: str) -> ChosenState:
    """Widgets to choose a state; ``name`` tells them from those of other parts of the page."""
    sources = {"memory": _("From the replay memory"), "start": _("Start of an episode")}
    if len(study.checkpoint.replay) == 0:
        del sources["memory"]
    key = f"{study.run_id}:{name}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        source = st.selectbox(
            _("State"), list(sources), format_func=sources.__getitem__, key=f"{key}-source", width=220
        )
        number = f"{key}-{source}"
        if source == "memory":
            count = len(study.checkpoint.replay)
            row = st.number_input(
                _("Row of the memory"), 0, count - 1, key=held_key(number), persist_state="page", width=150
            )
            _another(number, count)
            return ChosenState(study.checkpoint.replay.observations[row].copy(), _("row {row}").format(row=row))
        seed = st.number_input(
            _("Episode seed"), 0, LARGEST_SEED, key=held_key(number), persist_state="page", width=150
        )
        _another(number, 10_000)
    episode = play_by_hand(study.config, int(seed), ())
    return ChosenState(episode.observations[0], _("start with seed {seed}").format(seed=seed))


def _another(name: str, count: int) -> None:
    def draw() -> None:
        hold(name, int(np.random.default_rng().integers(count)))

    st.button("", icon=":material/casino:", key=f"{name}-another", on_click=draw, help=_("Another state"))


def observation_table(study: Study, columns: dict[str, NDArray[np.float32]]) -> None:
    """The numbers of observations [D] by name, a column each; of very many, the first that are not 0.

    Those that are pictures are shown as the network sees them.
    """
    if study.report.layout is not None:
        _pictures(study, study.report.layout, columns)
        return
    names = study.observation_names
    shown = list(range(len(names)))
    if len(names) > MOST_ROWS:
        shown = np.flatnonzero(np.any(list(columns.values()), axis=0))[:MOST_ROWS].tolist()
    st.table(
        {
            _("Number"): [f"s[{i}]" for i in shown],
            _("Meaning"): [names[i] for i in shown],
            **{title: [value_text(float(each[i])) for i in shown] for title, each in columns.items()},
        },
        border="horizontal",
        alt=_("Numbers of the observation"),
    )
    if len(shown) < len(names):
        text = _("{count} of {total} numbers: the first that are not 0.")
        st.caption(text.format(count=number_text(len(shown)), total=number_text(len(names))))


def _pictures(study: Study, layout: PictureLayout, columns: dict[str, NDArray[np.float32]]) -> None:
    key = f"{study.run_id}:saliency-{'-'.join(columns)}"
    help_text = _(
        "The redder a point, the more the Q-value of the greedy action would change with it: its gradient. It is "
        "largest at the reddest point of each state."
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{_('What the network sees')}**", width="content")
        is_asked = st.toggle(_("Saliency"), key=key, help=help_text)
    for title, observation in columns.items():
        if len(columns) > 1:
            st.markdown(f"**{title}**")
        show_seen(layout, observation, study.saliency(observation) if is_asked else None)


def value_text(value: float) -> str:
    """A bound or value of an observation: infinite ones by their sign, others in four digits."""
    if abs(value) >= _WITHOUT_BOUND:
        return "∞" if value > 0 else "-∞"
    return number_text(float(f"{value:.4g}"))
