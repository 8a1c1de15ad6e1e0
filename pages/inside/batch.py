"""The batch of the update that is looked at: drawn, with a gamma and a learning rate of the reader's choice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dqn_core.algorithm.explain import UpdateExplained
from dqn_core.inside.agent import Draw
from pages.inside.study import Study
from pages.shared.held_values import held_key, hold
from pages.shared.texts.fields import FIELDS
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["Batch", "choose_batch"]

_RESULT_BYTES = 2_000_000
_SLIDERS = ("gamma", "learning_rate")


@dataclass(frozen=True, eq=False)
class Batch:
    """The update explained and the row of it that is looked at."""

    study: Study
    drawn: Draw
    told: UpdateExplained
    row: int
    gamma: float
    learning_rate: float

    @property
    def indices(self) -> NDArray[np.int64]:
        """Rows of the memory that were drawn, [B]."""
        return self.drawn.indices

    @property
    def weight(self) -> float:
        """What the row's loss is multiplied by."""
        return 1.0 if self.drawn.weights is None else float(self.drawn.weights[self.row])

    @property
    def steps(self) -> int:
        """Env steps from s to s'."""
        return int(self.study.checkpoint.replay.steps[self.index])

    @property
    def index(self) -> int:
        """Row of the memory."""
        return int(self.indices[self.row])

    @property
    def action(self) -> int:
        """The action taken, by its number."""
        return int(self.study.checkpoint.replay.actions[self.index])

    @property
    def reward(self) -> float:
        """What it brought."""
        return float(self.study.checkpoint.replay.rewards[self.index])

    @property
    def terminated(self) -> int:
        """1 where the episode ended there, else 0."""
        return int(self.study.checkpoint.replay.terminated[self.index])

    @property
    def q(self) -> float:
        """Q(s, a) before."""
        return float(self.told.terms.q_values[self.row, self.action])

    @property
    def q_after(self) -> float:
        """Q(s, a) after the update."""
        return float(self.told.q_after[self.row, self.action])

    @property
    def target(self) -> float:
        """y, what Q(s, a) is pulled towards."""
        return float(self.told.terms.targets[self.row])


def choose_batch(study: Study) -> Batch:
    """The controls, and the update of what they say."""
    key = f"{study.run_id}:update"
    seed: int = st.session_state.setdefault(f"{key}-seed", 0)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="update-controls"):
        st.button(
            _("Draw another batch"), icon=":material/casino:", key=f"{key}-draw", on_click=_draw, args=(f"{key}-seed",)
        )
        row = int(
            st.number_input(
                _("Selected row"), 0, study.config.batch_size - 1, key=f"{key}-row", persist_state="page", width=140
            )
        )
        values = {name: _slider(study, name, f"{key}-{name}") for name in _SLIDERS}
        changed = any(values[name] != getattr(study.config, name) for name in _SLIDERS)
        st.button(
            _("As in the run"),
            icon=":material/undo:",
            key=f"{key}-reset",
            disabled=not changed,
            on_click=_reset,
            args=(study, key),
        )
    drawn = study.checkpoint.draw(seed)
    told = study.kept(
        ("update", seed, *values.values()), lambda: study.checkpoint.explain(drawn, **values), _RESULT_BYTES
    )
    return Batch(study, drawn, told, row, **values)


def _draw(key: str) -> None:
    st.session_state[key] = st.session_state.get(key, 0) + 1


def _reset(study: Study, key: str) -> None:
    for name in _SLIDERS:
        hold(f"{key}-{name}", getattr(study.config, name))


def _slider(study: Study, name: str, key: str) -> float:
    own, key = getattr(study.config, name), held_key(key)
    stops = sorted({*map(float, FIELDS[name].stops), own, float(st.session_state.get(key, own))})
    st.session_state.setdefault(key, own)
    return float(
        st.select_slider(
            _(FIELDS[name].label),
            stops,
            format_func=number_text,
            key=key,
            persist_state="page",
            width=230,
            help=_("The run has {value}.").format(value=number_text(own)),
        )
    )
