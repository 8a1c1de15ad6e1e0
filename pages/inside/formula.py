"""The formulas of an update as the config in force has them, each term in a colour of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import streamlit as st

from dqn_core.config import TrainingConfig
from pages.shared.browser.plot_theme import PALETTE
from pages.shared.texts.i18n import _

__all__ = ["Formula", "formula", "formula_colors", "paint", "particulars"]

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
    """``latex`` in the colour of ``term``: that of a light page, which :func:`formula_colors` makes follow the page."""
    return rf"\textcolor{{{PALETTE['light'][_ROLES[term]]}}}{{{latex}}}"


def formula_colors() -> None:
    """Have the terms' colours follow the page from light to dark, at once and without a word from the server."""
    rules = []
    for role in _ROLES.values():
        light, dark = PALETTE["light"][role], PALETTE["dark"][role]
        written = ", ".join(str(part) for part in bytes.fromhex(light.removeprefix("#")))
        rules.append(f'.katex [style*="rgb({written})"] {{ color: light-dark({light}, {dark}) !important; }}')
    st.html(f"<style>{' '.join(rules)}</style>")


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
        error=rf"{paint('target', 'y')} - {paint('prediction', 'Q(s, a)')}",
        loss=_loss(config),
        weighted=r"w_i \ell_i" if config.prioritized_replay else r"\ell_i",
        step=rf"\theta \leftarrow \theta - \alpha \,\frac{{\hat m}}{{\sqrt{{\hat v}} + {_adam_epsilon(config)}}}",
    )


def particulars(config: TrainingConfig) -> Iterator[str]:
    """What the formulas of ``config`` leave unsaid, a sentence each."""
    said = (
        (
            config.double_dqn,
            _("Double DQN: the online network picks the action in s', the target network evaluates it."),
        ),
        (
            config.n_step > 1,
            _(
                "{n}-step returns: r is the discounted sum of up to {n} rewards, with the run's own gamma, and s' is "
                "the state as many steps later."
            ).format(n=config.n_step),
        ),
        (
            config.prioritized_replay,
            _(
                "Prioritized replay: rows with large TD errors are drawn more often, and weighted less in the "
                "loss to make up for it."
            ),
        ),
        (
            config.dueling,
            _("Dueling heads: Q(s, a) combines a value of the state and an advantage of each action."),
        ),
        (
            config.distribution == "quantile",
            _(
                "Quantiles of the return are learned: the values here are their means, and the loss is the "
                "quantile loss."
            ),
        ),
        (
            config.noisy_nets,
            _("The network is noisy: the terms are shown without noise, while the update draws new noise."),
        ),
        (
            config.minibatch_size > 0,
            _(
                "The batch is split at random into minibatches of size {size}, with a gradient step on each. "
                "All targets are fixed before the first step."
            ).format(size=config.minibatch_size),
        ),
        (
            config.loss_over_all_outputs,
            _(
                "The loss is a mean over all outputs. The target of an action that was not taken is its own Q-value "
                "before the update."
            ),
        ),
        (
            config.mixed_precision,
            _("Mixed precision: all layers but the last compute in bfloat16, so the terms have two to three digits."),
        ),
        (config.distinct_rows, _("Drawn without replacement: no transition is in the batch twice.")),
        (
            config.mistake_no_target_network,
            _("A deliberate mistake: there is no target network, because it is copied at every update."),
        ),
        (
            config.mistake_no_replay,
            _("A deliberate mistake: the batch is the latest transitions in order, not a random sample."),
        ),
        (
            config.mistake_cut_at_truncation,
            _("A deliberate mistake: an episode that was only truncated has d = 1 too."),
        ),
    )
    return (sentence for is_so, sentence in said if is_so)


def _adam_epsilon(config: TrainingConfig) -> str:
    if config.adam_epsilon_hat:
        return r"\epsilon_{\mathrm{Adam}} / \sqrt{1 - \beta_2^t}"
    return r"\epsilon_{\mathrm{Adam}}"


def _loss(config: TrainingConfig) -> str:
    if not config.loss_over_all_outputs:
        return _loss_of(config, paint("error", r"\delta"))
    each = _loss_of(config, paint("error", r"\delta_{a'}"))
    return rf"\tfrac1{{|A|}} \sum_{{a'}} {each}"


def _loss_of(config: TrainingConfig, delta: str) -> str:
    if config.distribution == "quantile":
        return r"\textstyle\sum_i \mathbb{E}_j\, \rho^{\tau_i}_{\mathrm{Huber}}(y_j - q_i)"
    if config.loss == "huber":
        cases = rf"\tfrac12 {delta}^2 & |{delta}| \le 1 \\ |{delta}| - \tfrac12 & \text{{else}}"
        return rf"\begin{{cases}} {cases} \end{{cases}}"
    return rf"{delta}^2"
