"""The formulas of an update as the config in force has them, each term in a colour of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import streamlit as st

from dqn_core.config import TrainingConfig
from pages.charts.theme import PALETTE
from pages.i18n import _

__all__ = ["Formula", "formula", "paint", "particulars"]

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
    """LaTeX of an update's parts."""

    future: str
    """What s' is worth."""
    target: str
    error: str
    loss: str
    """Of one row."""
    weighted: str
    """Row i's part in the batch's loss."""
    step: str


def paint(term: str, latex: str) -> str:
    """``latex`` in the colour of ``term``."""
    tones = PALETTE[st.context.theme.type or "light"]
    return rf"\textcolor{{{tones[_ROLES[term]]}}}{{{latex}}}"


def formula(config: TrainingConfig) -> Formula:
    """The formulas of ``config``."""
    chosen = r"\operatorname*{arg\,max}_{a'} Q(s', a')"
    future = r"\max_{a'} Q_{\mathrm{target}}(s', a')"
    if config.double_dqn:
        future = rf"Q_{{\mathrm{{target}}}}\big(s', {chosen}\big)"
    reward, discount = ("r", r"\gamma") if config.n_step == 1 else ("r^{(n)}", r"\gamma^{n}")
    return Formula(
        future=future,
        target=rf"{paint('reward', reward)} + {discount} \,(1 - d)\, {paint('future', future)}",
        error=rf"{paint('prediction', 'Q(s, a)')} - {paint('target', 'y')}",
        loss=_loss(config),
        weighted=r"w_i \ell_i" if config.prioritized_replay else r"\ell_i",
        step=r"\theta \leftarrow \theta - \alpha \,\frac{\hat m}{\sqrt{\hat v} + \epsilon_{\mathrm{Adam}}}",
    )


def particulars(config: TrainingConfig) -> Iterator[str]:
    """What the formulas of ``config`` leave unsaid, a sentence each."""
    if config.double_dqn:
        yield _("Double DQN: the online network picks the action in s', the target network says what it is worth.")
    if config.n_step > 1:
        yield _(
            "Returns of {n} steps: r is the discounted sum of up to {n} rewards, summed with the run's own gamma, and "
            "s' lies as many steps ahead."
        ).format(n=config.n_step)
    if config.prioritized_replay:
        yield _("Prioritized replay: surprising rows are drawn more often, and weighted less in the loss for it.")
    if config.dueling:
        yield _("Dueling heads: Q(s, a) is put together from a value of the state and an advantage of each action.")
    if config.distribution == "quantile":
        yield _("Quantiles of the return are learned: the values here are their means, the loss is theirs.")
    if config.noisy_nets:
        yield _("The network is noisy: the terms are shown without noise, while the update draws it anew.")
    if config.mistake_no_target_network:
        yield _("A mistake, for teaching: there is no target network, for it is copied at every update.")
    if config.mistake_no_replay:
        yield _("A mistake, for teaching: the batch is the last transitions in their order, none drawn at random.")
    if config.mistake_cut_at_truncation:
        yield _("A mistake, for teaching: an episode that was only cut off has d = 1 too.")


def _loss(config: TrainingConfig) -> str:
    e = paint("error", "e")
    if config.distribution == "quantile":
        return r"\textstyle\sum_i \mathbb{E}_j\, \rho^{\tau_i}_{\mathrm{Huber}}(y_j - q_i)"
    if config.loss == "huber":
        return rf"\begin{{cases}} \tfrac12 {e}^2 & |{e}| \le 1 \\ |{e}| - \tfrac12 & \text{{else}} \end{{cases}}"
    return rf"{e}^2"
