"""One widget for one field of the config, made from its line in ``fields.FIELDS`` and its rule in the config."""

from __future__ import annotations

import functools
import types
import typing
from typing import Any

import streamlit as st

from dqn_core.analysis.advice import unfinished_exploration
from dqn_core.config import TrainingConfig, field_rule
from pages.shared.advice import show_warning
from pages.shared.form_state import ASSIGNED, WATCHING, FormState
from pages.shared.held_values import hold, unless_stale
from pages.shared.texts.fields import FIELDS, FormField, Widget
from pages.shared.texts.i18n import _, problem_text, translate_error, translate_parts
from pages.shared.texts.numbers import number_text
from pages.shared.texts.words import CHOICE_LABELS

__all__ = ["field_widget", "frozen_reason", "is_used"]

_SHARE_STEP = 0.01
_MOST_DIGITS = 12
"""A longer number is no layer's width, and Python reads none of thousands of digits."""


def field_widget(form: FormState, name: str, *, explained: bool = False) -> None:
    """Draw the widget of field ``name``: its value is the form's, and a change goes to the form.

    With ``explained``, what raising the value does stands under the widget rather than in its tooltip.
    """
    each, reason = FIELDS[name], frozen_reason(form, name)
    key = hold(form.key(name), _to_widget(name, form.values[name]))
    options: dict[str, Any] = {
        "label": _(each.label),
        "key": key,
        "persist_state": "page",
        "disabled": reason is not None,
        "help": reason or (None if explained else _(each.raising)),
        "on_change": unless_stale(key, _take_over),
        "args": (form, name, key),
    }
    with st.container(gap=None, key=f"field-{name}"):
        _DRAW[each.widget](form, name, each, options)
        if explained:
            st.caption(_(each.raising))
        _show_problem(form, name)
        _show_unfinished_exploration(form, name)


def is_used(form: FormState, name: str) -> bool:
    """Whether field ``name`` has an effect beside the other values."""
    needs = FIELDS[name].needs
    return needs is None or form.values[needs[0]] == needs[1]


def frozen_reason(form: FormState, name: str) -> str | None:
    """Why field ``name`` cannot be changed now; None where it can."""
    if form.is_locked:
        return _(WATCHING)
    if form.is_assigned(name):
        return _(ASSIGNED)
    template = field_rule(name).frozen_because if form.is_live else None
    return translate_parts(template, {"field": name}) if template else None


def _take_over(form: FormState, name: str, key: str) -> None:
    if key in st.session_state:  # gone where its page was left in the meantime
        form.change(**{name: _from_widget(name, st.session_state[key])})


def _show_problem(form: FormState, name: str) -> None:
    refusal, problem = form.refusal(name), form.problems().get(name)
    if refusal is not None:
        st.error(f"{_(FIELDS[name].label)}: {translate_error(refusal)}", icon=":material/block:")
    elif problem is not None:
        st.error(problem_text(problem), icon=":material/error:")


def _show_unfinished_exploration(form: FormState, name: str) -> None:
    """Warn beside the field that says how long epsilon decays, and beside the limit that comes before that."""
    if name not in {"epsilon_decay_steps", "max_env_steps", "max_episodes"} or form.problems():
        return
    found = unfinished_exploration(form.config())
    if found is not None and name in {"epsilon_decay_steps", found.parameters["limit_name"]}:
        show_warning(found)


# ------------------------------------------------------------------------------------------ widgets by kind


def _draw_stops(form: FormState, name: str, each: FormField, options: dict[str, Any]) -> None:
    kind, value = _number_kind(name), form.values[name]
    low, high = form.range_of(name)
    stops = sorted({stop for stop in map(kind, each.stops) if _is_between(low, stop, high)} | {value})
    st.select_slider(options=stops, format_func=number_text, **options)


def _ends(form: FormState, name: str, lowest: Any, highest: Any) -> tuple[Any, Any]:
    """What a widget goes from and to: the assignment's range, or all that the field may be; always with its value."""
    (low, high), value = form.range_of(name), form.values[name]
    low, high = (lowest if low is None else low), (highest if high is None else high)
    if low is not None and high is not None and low >= high:  # a slider needs two ends
        return lowest, highest
    if isinstance(value, (int, float)):
        low, high = (None if low is None else min(low, value)), (None if high is None else max(high, value))
    return low, high


def _is_between(low: float | None, value: float, high: float | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)


def _draw_share(form: FormState, name: str, _each: FormField, options: dict[str, Any]) -> None:
    low, high = _ends(form, name, 0.0, 1.0)
    st.slider(min_value=low, max_value=high, step=_SHARE_STEP, format="%.2f", **options)


def _draw_number(form: FormState, name: str, each: FormField, options: dict[str, Any]) -> None:
    kind, rule = _number_kind(name), field_rule(name)
    low, high = _ends(form, name, rule.low, rule.high)
    options |= {"min_value": _maybe(kind, low), "max_value": _maybe(kind, high), "step": kind(1)}
    if each.none_text:
        options |= {"value": None, "placeholder": _(each.none_text)}
    st.number_input(format="%d" if kind is int else "%g", **options)


def _draw_choice(_form: FormState, name: str, _each: FormField, options: dict[str, Any]) -> None:
    words = typing.get_args(_kinds()[name])
    st.selectbox(options=words, format_func=lambda word: _(CHOICE_LABELS[word]), **options)


def _draw_widths(_form: FormState, _name: str, _each: FormField, options: dict[str, Any]) -> None:
    st.text_input(placeholder=_("none: a linear function"), **options)


def _draw_switch(_form: FormState, _name: str, _each: FormField, options: dict[str, Any]) -> None:
    st.toggle(**options)


_DRAW = {
    Widget.STOPS: _draw_stops,
    Widget.SHARE: _draw_share,
    Widget.NUMBER: _draw_number,
    Widget.CHOICE: _draw_choice,
    Widget.WIDTHS: _draw_widths,
    Widget.SWITCH: _draw_switch,
}


# ------------------------------------------------------------------------------------- widget <-> config values


def _to_widget(name: str, value: Any) -> Any:
    widget = FIELDS[name].widget
    if widget is Widget.SHARE:
        return float(value)
    if widget is Widget.NUMBER and value is not None:
        return _number_kind(name)(value)
    if widget is Widget.WIDTHS and not isinstance(value, str):
        return ", ".join(map(str, value))
    return value


def _from_widget(name: str, value: Any) -> Any:
    if FIELDS[name].widget is not Widget.WIDTHS:
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    are_whole = all(part.isdecimal() and len(part) <= _MOST_DIGITS for part in parts)
    return tuple(map(int, parts)) if are_whole else value


@functools.cache
def _kinds() -> dict[str, Any]:
    return typing.get_type_hints(TrainingConfig)


def _number_kind(name: str) -> type[int | float]:
    """Whether field ``name`` holds whole numbers or any; ``None`` beside them does not matter."""
    kind = _kinds()[name]
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return int if int in kinds else float


def _maybe(kind: type[int | float], value: float | None) -> float | None:
    return None if value is None else kind(value)
