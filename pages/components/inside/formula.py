"""The formulas of an update as the config in force has them, each term in a colour of its own."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dqn_core.config import TrainingConfig
from pages.charts.theme import PALETTE

__all__ = ["Formula", "formula"]

_ROLES = {
    "prediction": "data",
    "reward": "goal",
    "future": "mean_long",
    "target": "evaluation",
    "error": "danger",
    "loss": "loss",
}
"""Role in the palette of each term's colour."""


@dataclass(frozen=True)
class Formula:
    """LaTeX of an update's parts; :meth:`colored` gives each term its colour."""

    future: str
    """What s' is worth."""
    target: str
    error: str
    loss: str
    step: str

    @staticmethod
    def colored(term: str, latex: str) -> str:
        """``latex`` in the colour of ``term``."""
        tones = PALETTE[st.context.theme.type or "light"]
        return rf"\textcolor{{{tones[_ROLES[term]]}}}{{{latex}}}"


def formula(config: TrainingConfig) -> Formula:
    """The formulas of ``config``."""
    paint = Formula.colored
    future = r"\max_{a'} Q_{\mathrm{target}}(s', a')"
    target = rf"{paint('reward', 'r')} + \gamma \,(1 - d)\, {paint('future', future)}"
    error = rf"{paint('prediction', 'Q(s, a)')} - {paint('target', 'y')}"
    return Formula(
        future=future,
        target=target,
        error=error,
        loss=_loss(config),
        step=r"\theta \leftarrow \theta - \alpha \,\frac{\hat m}{\sqrt{\hat v} + \epsilon_{\mathrm{Adam}}}",
    )


def _loss(config: TrainingConfig) -> str:
    e = Formula.colored("error", "e")
    if config.loss == "huber":
        return rf"\begin{{cases}} \tfrac12 {e}^2 & |{e}| \le 1 \\ |{e}| - \tfrac12 & \text{{else}} \end{{cases}}"
    return rf"{e}^2"
