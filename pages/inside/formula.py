"""The formulas of an update as the config in force has them, each term in a colour of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import streamlit as st

from dqn_core.config import TrainingConfig
from pages.shared.i18n import _
from pages.shared.plot_theme import PALETTE

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
        step=rf"\theta \leftarrow \theta - \alpha \,\frac{{\hat m}}{{\sqrt{{\hat v}} + {_adam_epsilon(config)}}}",
    )


def particulars(config: TrainingConfig) -> Iterator[str]:
    """What the formulas of ``config`` leave unsaid, a sentence each."""
    said = (
        (
            config.double_dqn,
            _("Double DQN: the online network picks the action in s', the target network says what it is worth."),
        ),
        (
            config.n_step > 1,
            _(
                "Returns of {n} steps: r is the discounted sum of up to {n} rewards, summed with the run's own gamma, "
                "and s' lies as many steps ahead."
            ).format(n=config.n_step),
        ),
        (
            config.prioritized_replay,
            _("Prioritized replay: surprising rows are drawn more often, and weighted less in the loss for it."),
        ),
        (
            config.dueling,
            _("Dueling heads: Q(s, a) is put together from a value of the state and an advantage of each action."),
        ),
        (
            config.distribution == "quantile",
            _("Quantiles of the return are learned: the values here are their means, the loss is theirs."),
        ),
        (
            config.noisy_nets,
            _("The network is noisy: the terms are shown without noise, while the update draws it anew."),
        ),
        (
            config.minibatch_size > 0,
            _(
                "Minibatches: the batch is split at random into parts of {size} rows, with a gradient step on each. "
                "All targets are fixed before the first step."
            ).format(size=config.minibatch_size),
        ),
        (
            config.loss_over_all_outputs,
            _(
                "The loss is a mean over all outputs. The label of an action that was not taken is its own Q-value "
                "from before the update."
            ),
        ),
        (config.distinct_rows, _("Drawn without replacement: no transition is in the batch twice.")),
        (
            config.mistake_no_target_network,
            _("A mistake, for teaching: there is no target network, for it is copied at every update."),
        ),
        (
            config.mistake_no_replay,
            _("A mistake, for teaching: the batch is the last transitions in their order, none drawn at random."),
        ),
        (
            config.mistake_cut_at_truncation,
            _("A mistake, for teaching: an episode that was only cut off has d = 1 too."),
        ),
    )
    return (sentence for is_so, sentence in said if is_so)


def _adam_epsilon(config: TrainingConfig) -> str:
    if config.adam_epsilon_hat:
        return r"\epsilon_{\mathrm{Adam}} / \sqrt{1 - \beta_2^t}"
    return r"\epsilon_{\mathrm{Adam}}"


def _loss(config: TrainingConfig) -> str:
    if not config.loss_over_all_outputs:
        return _loss_of(config, paint("error", "e"))
    each = _loss_of(config, paint("error", "e_{a'}"))
    return rf"\tfrac1{{|A|}} \sum_{{a'}} {each}"


def _loss_of(config: TrainingConfig, e: str) -> str:
    if config.distribution == "quantile":
        return r"\textstyle\sum_i \mathbb{E}_j\, \rho^{\tau_i}_{\mathrm{Huber}}(y_j - q_i)"
    if config.loss == "huber":
        return rf"\begin{{cases}} \tfrac12 {e}^2 & |{e}| \le 1 \\ |{e}| - \tfrac12 & \text{{else}} \end{{cases}}"
    return rf"{e}^2"
