"""The six steps of an update, and the formula that grows with them, in the numbers of one row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dqn_core.errors import mark
from pages.inside.batch import Batch
from pages.inside.formula import formula, paint
from pages.inside.states import observation_table
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["STEPS", "formula_so_far"]

_PREDICTION, _FUTURE, _TARGET, _LOSS, _STEP = range(1, 6)
"""Places in :data:`STEPS`."""


def formula_so_far(batch: Batch, step: int) -> None:
    """The update as a formula, up to the ``step`` that is looked at: what is known by then in numbers."""
    parts, q = formula(batch.study.config), f"{batch.q:.4f}"
    value = f"{float(batch.told.terms.next_values[batch.row]):.4f}"
    discount = f"{batch.gamma:g}" if batch.steps == 1 else f"{batch.gamma:g}^{{{batch.steps}}}"
    future = paint("future", _signed(value) if step >= _FUTURE else parts.future)
    target = paint("target", f"{batch.target:.4f}")
    delta, is_compared = paint("error", r"\delta"), step >= _TARGET
    lines = [
        rf"{paint('target', 'y')} &= {parts.target}",
        rf"&= {paint('reward', f'{batch.reward:.4g}')} + {discount} \cdot (1 - {batch.terminated}) \cdot {future}"
        + (f" = {target}" if is_compared else ""),
    ]
    if step >= _PREDICTION:
        y = target if is_compared else paint("target", "y")
        error = paint("error", f"{float(batch.told.terms.td_errors[batch.row]):.4f}")
        lines.append(
            rf"{delta} &= {parts.error} = {y} - {paint('prediction', _signed(q))}"
            + (f" = {error}" if is_compared else "")
        )
    if step >= _LOSS:
        loss = paint("loss", f"{float(batch.told.terms.losses[batch.row]):.5g}")
        lines.append(rf"\ell &= {parts.loss} = {loss}")
        mean = paint("loss", f"{batch.told.loss:.5g}")
        lines.append(rf"L &= \frac{{1}}{{{len(batch.indices)}}} \sum_i {parts.weighted} = {mean}")
    if step >= _STEP:
        after = paint("prediction", f"{batch.q_after:.4f}")
        lines.append(rf"{paint('prediction', 'Q(s, a)')} &: \; {q} \;\to\; {after}")
    _latex(r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}")


def _experience(batch: Batch) -> None:
    replay = batch.study.checkpoint.replay
    _head(1, _("A transition from the memory"))
    st.markdown(
        _(
            "Transitions drawn: {count}. Row {row} is number {index} of the memory: in state *s* the agent took "
            "*a* = **{action}**, got *r* = **{reward}** and came to *s'*. Terminated: *d* = **{terminated}**."
        ).format(
            count=len(batch.indices),
            row=batch.row,
            index=number_text(batch.index),
            action=batch.study.action_names[batch.action],
            reward=f"{batch.reward:.6g}",
            terminated=batch.terminated,
        )
    )
    columns = {"s": replay.observations[batch.index], "s'": replay.next_observations[batch.index]}
    observation_table(batch.study, columns)


def _prediction(batch: Batch) -> None:
    _head(2, _("What the online network predicts for s"))
    values = batch.told.terms.q_values[batch.row]
    _action_values(batch, values, batch.action, _("the action taken"))


def _future(batch: Batch) -> None:
    _head(3, _("What the target network predicts for s'"))
    terms = batch.told.terms
    value = float(terms.next_values[batch.row])
    values = terms.next_q_values[batch.row]
    is_double = batch.study.config.double_dqn
    why = _("picked by the online network") if is_double else _("the highest")
    _action_values(batch, values, int(np.argmin(np.abs(values - value))), why)


def _target(batch: Batch) -> None:
    _head(4, _("The target, and how far off the prediction is"))
    error = float(batch.told.terms.td_errors[batch.row])
    if batch.study.config.loss_over_all_outputs:
        _labels(batch)
    if batch.terminated:
        st.caption(_("The episode terminated here: no value follows, and the target is the reward alone."))
    elif error < 0:
        st.caption(_("The network predicted too much: Q(s, a) should go down."))
    else:
        st.caption(_("The network predicted too little: Q(s, a) should go up."))


def _labels(batch: Batch) -> None:
    """The row of labels that the network is fitted to, one for each output."""
    st.markdown(_("The targets of this row, one for each output:"))
    terms, actions = batch.told.terms, batch.study.checkpoint.replay.actions[batch.indices].astype(np.int64)
    labels = terms.labels(actions)[batch.row]
    own = _("its own Q-value")
    st.table(
        {
            _("Action"): batch.study.action_names,
            _("target"): [
                f"**{value:.4f}** ← y" if a == batch.action else f"{value:.4f} ← {own}"
                for a, value in enumerate(labels)
            ],
        },
        border="horizontal",
    )


def _loss(batch: Batch) -> None:
    _head(5, _("The loss of the batch and its gradient"))
    told = batch.told
    if batch.drawn.weights is not None:
        st.caption(_("This row's weight: w = {weight}.").format(weight=f"{batch.weight:.4f}"))
    if len(told.steps) > 1:
        st.caption(
            _(
                "L is the mean over the {count} minibatches, each before its own step. The gradient below is the first "
                "minibatch's."
            ).format(count=len(told.steps))
        )
    _latex(rf"\lVert \nabla_\theta L \rVert = {told.gradient_norm:.5g}")
    clip = batch.study.config.gradient_clip_value
    if clip > 0:
        st.caption(
            _(
                "Each element is clipped to ±{clip}: {share} of them were clipped, which leaves a norm of {norm}."
            ).format(clip=number_text(clip), share=f"{told.clipped_share:.1%}", norm=f"{told.clipped_norm:.5g}")
        )
    else:
        st.caption(_("The direction in which the loss grows fastest; this run does not clip it."))


def _step(batch: Batch) -> None:
    count = len(batch.told.steps)
    title = _("One step of Adam, and what it changed")
    _head(6, title if count == 1 else _("{count} steps of Adam, and what they changed").format(count=count))
    moved = batch.q_after - batch.q
    _latex(rf"{formula(batch.study.config).step}, \quad \alpha = {_power(batch.learning_rate)}")
    if count > 1:
        _minibatches(batch)
    _latex(rf"{paint('prediction', 'Q(s, a)')}: \; {moved:+.5f}")
    wanted = batch.target - batch.q
    is_towards = moved * wanted > 0
    st.caption(
        (
            _("It moved towards its target, by {share} of the way.").format(share=f"{moved / wanted:.2%}")
            if is_towards
            else _(
                "It moved away from its target: all rows pull at the same weights, and Adam goes on for a while in the "
                "direction of earlier batches."
            )
        )
        + " "
        + _("The step is small on purpose: the next batch pulls elsewhere.")
    )


def _minibatches(batch: Batch) -> None:
    """Each gradient step: its rows, its loss and gradient, and where Q(s, a) of the row looked at stands after it."""
    rows = [
        (
            f"{number}",
            f"{step.first}-{step.first + step.size - 1}"
            + (" ←" if step.first <= batch.row < step.first + step.size else ""),
            f"{step.loss:.5g}",
            f"{step.norm:.5g}",
            f"{float(step.q_after[batch.row, batch.action]):.4f}",
        )
        for number, step in enumerate(batch.told.steps, start=1)
    ]
    names = (_("Step"), _("rows"), _("loss"), _("gradient norm"), _("Q(s, a) after"))
    st.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), border="horizontal")
    st.caption(_("The arrow marks the minibatch that holds the selected row."))


def _head(number: int, title: str) -> None:
    st.header(f"{number} · {title}", anchor=False)


def _latex(text: str) -> None:
    st.latex(text, width="content")


def _signed(text: str) -> str:
    """A negative number in parentheses, to stand after an operator."""
    return f"({text})" if text.startswith("-") else text


def _power(value: float) -> str:
    text = number_text(value)
    mantissa, mark, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{exponent}}}" if mark else text


def _action_values(batch: Batch, values: NDArray[np.float32], marked: int, why: str) -> None:
    names = batch.study.action_names
    cells = [f"**{value:.4f}** ← {why}" if i == marked else f"{value:.4f}" for i, value in enumerate(values)]
    st.table({_("Action"): names, "Q": cells}, border="horizontal")


STEPS: tuple[tuple[str, Callable[[Batch], None]], ...] = (
    (mark("Transition"), _experience),
    (mark("Prediction"), _prediction),
    (mark("Future"), _future),
    (mark("Target and error"), _target),
    (mark("Loss and gradient"), _loss),
    (mark("Step"), _step),
)
"""Title of each step, and what draws it."""
