"""What can be set in the environment: its arguments, those of evaluations, and the reward formula."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from dqn_core.config import Arguments
from dqn_core.config_rules import NOT_BY_NAME, argument_text
from dqn_core.environments.make import inspect_environment, registered
from dqn_core.environments.physics import Argument, environment_arguments, takes_more
from dqn_core.environments.reward_formula import FUNCTIONS, VALUES, observation_identifiers
from dqn_core.environments.settings import OTHER_SIZES, usable_arguments
from dqn_core.errors import ConfigError, FieldProblem, UnsupportedEnvironmentError, mark
from pages.shared.form_state import ASSIGNED, WATCHING, FormState
from pages.shared.held_values import held_key, hold, unless_stale
from pages.shared.texts.fields import FIELDS, label_of
from pages.shared.texts.i18n import _, problem_text, translate_error, translate_parts

__all__ = ["environment_fields"]

_TRAINING, _EVALUATION, _FORMULA = "env_kwargs", "evaluation_env_kwargs", "reward_formula"
_STEPS_OF_A_SLIDER = 100
_SIMPLE = "reward - 0.01"
_MOST_NAMES, _MOST_PIXELS = 40, 4
"""Listed for a formula: of a picture's pixels, a few say what all are called."""
_LIVE = mark("Physics changes from the next episode on, the reward formula at once.")
_NAMES = mark(
    "Names: {names}. previous_… is the number before the step; s[0], s[1], … are the numbers in their order. "
    "Functions: {functions}."
)


def environment_fields(form: FormState) -> None:
    """Draw the fields; none where the form's environment is not known here."""
    try:
        spec = registered(str(form.values["env_id"]))
    except UnsupportedEnvironmentError:
        return
    known = environment_arguments(spec)
    if form.is_live:
        st.caption(_(_LIVE))
    for each in known:
        if each.kind is not object and _has_effect(form, each, _TRAINING):
            _argument(form, each, _TRAINING)
    if takes_more(spec) or any(each.kind is object for each in known):
        _further(form, known)
    _in_evaluations(form, [each for each in known if each.kind is not object])
    _formula(form)


def _value(form: FormState, argument: Argument, field: str) -> Any:
    """What the argument is in training, or in evaluations, which have the same unless they are told otherwise."""
    trained = form.values[_TRAINING].get(argument.name, argument.default)
    return form.values[field].get(argument.name, trained)


def _has_effect(form: FormState, argument: Argument, field: str) -> bool:
    needed = form.values[field].get(argument.needs, form.values[_TRAINING].get(argument.needs))
    if not argument.needs or argument.name in form.values[field]:
        return True
    if needed is None:
        known = environment_arguments(registered(form.values["env_id"]))
        needed = next(each.default for each in known if each.name == argument.needs)
    return bool(needed)


# --------------------------------------------------------------------------------------------------- one argument


def _argument(form: FormState, argument: Argument, field: str) -> None:
    name = f"{field}.{argument.name}"
    value, reason, label = _value(form, argument, field), _frozen_reason(form, argument, field), label_of(name, _)
    key = hold(form.key(name), _to_widget(argument, value))
    options: dict[str, Any] = {
        "label": f"{label} ({argument.unit})" if argument.unit else label,
        "key": key,
        "persist_state": "page",
        "disabled": reason is not None,
        "help": reason or _help(argument),
        "on_change": unless_stale(key, _take),
        "args": (form, argument, field, key),
    }
    with st.container(gap=None, key=f"field-{field}-{argument.name}"):
        _draw(argument, value, options)
        _show_problem(form, name)


def _frozen_reason(form: FormState, argument: Argument, field: str) -> str | None:
    if form.is_locked:
        return _(WATCHING)
    if form.is_assigned(f"{field}.{argument.name}"):
        return _(ASSIGNED)
    if form.is_live and not argument.is_live and field == _TRAINING:
        return translate_parts(OTHER_SIZES, {"field": f"{field}.{argument.name}"})
    return None


def _help(argument: Argument) -> str | None:
    raising = _(argument.raising) if argument.raising else ""
    if argument.low is None or argument.high is None:
        return raising or None
    span = _("From {low} to {high}.").format(low=f"{argument.low:g}", high=f"{argument.high:g}")
    return f"{raising} {span}".strip()


def _draw(argument: Argument, value: Any, options: dict[str, Any]) -> None:
    if argument.kind is bool:
        st.toggle(**options)
    elif argument.choices:
        st.selectbox(options=list(dict.fromkeys([*argument.choices, value])), **options)
    elif argument.kind is str:
        st.text_input(**options)
    elif argument.kind is float and argument.low is not None and argument.high is not None:
        step = 10.0 ** math.floor(math.log10((argument.high - argument.low) / _STEPS_OF_A_SLIDER))
        digits = max(0, -math.floor(math.log10(step)))
        st.slider(min_value=argument.low, max_value=argument.high, step=step, format=f"%.{digits}f", **options)
    else:
        kind = int if argument.kind is int else float
        st.number_input(step=kind(1), format="%d" if kind is int else "%g", value=None, **options)


def _to_widget(argument: Argument, value: Any) -> Any:
    """``value`` as the argument's widget shows it."""
    if argument.kind is bool:
        return bool(value)
    if argument.choices:
        return value
    if argument.kind is str:
        return "" if value is None else str(value)
    if argument.kind is float and argument.low is not None and argument.high is not None:
        return min(argument.high, max(argument.low, float(value)))
    return value if value is None else (int if argument.kind is int else float)(value)


def _take(form: FormState, argument: Argument, field: str, key: str) -> None:
    name = f"{field}.{argument.name}"
    if key not in st.session_state:  # gone where its page was left in the meantime
        return
    value = st.session_state[key]
    is_default = value == argument.default and field == _TRAINING and not form.is_live
    form.change(**{name: None if is_default or value == "" else value})


def _show_problem(form: FormState, name: str) -> None:
    refusal, problem = form.refusal(name), form.problems().get(name)
    if isinstance(refusal, ConfigError):
        st.error(translate_error(refusal), icon=":material/block:")
    elif refusal is not None:
        st.error(f"{label_of(name, _)}: {translate_error(refusal)}", icon=":material/block:")
    elif problem is not None:
        st.error(problem_text(problem), icon=":material/error:")


# ----------------------------------------------------------------------------------------------- all the others


def _further(form: FormState, known: tuple[Argument, ...]) -> None:
    """Arguments that no field is made for, as the command line takes them."""
    typed = {each.name for each in known if each.kind is not object}
    given = {name: value for name, value in form.values[_TRAINING].items() if name not in typed}
    widget = form.key(f"{_TRAINING}-further")
    shown = " ".join(f"{name}={argument_text(value)}" for name, value in Arguments(given).items())
    key = held_key(widget) if _is_refused(form, given) else hold(widget, shown)
    names = ", ".join(each.name for each in known if each.kind is object)
    with st.container(gap=None, key=f"field-{_TRAINING}-further"):
        st.text_input(
            _("Further arguments"),
            key=key,
            persist_state="page",
            placeholder="name=value",
            disabled=form.is_locked or form.is_assigned(_TRAINING),
            help=_("As on the command line, separated by spaces: {example}").format(example="size=5 names=[1,2]")
            + (f" ({names})" if names else ""),
            on_change=unless_stale(key, _take_further),
            args=(form, key, given),
        )
        for name in given:
            _show_problem(form, f"{_TRAINING}.{name}")
        _show_problem(form, _TRAINING)


def _is_refused(form: FormState, given: dict[str, Any]) -> bool:
    return form.refusal(_TRAINING) is not None or any(form.refusal(f"{_TRAINING}.{name}") for name in given)


def _take_further(form: FormState, key: str, given: dict[str, Any]) -> None:
    found = Arguments.of_text(str(st.session_state.get(key) or ""))
    if isinstance(found, str):
        form.refuse(_TRAINING, ConfigError((FieldProblem(_TRAINING, found, NOT_BY_NAME, {}),)))
    else:
        form.change(
            **{f"{_TRAINING}.{name}": value for name, value in (dict.fromkeys(given) | found.to_dict()).items()}
        )


def _in_evaluations(form: FormState, known: list[Argument]) -> None:
    """Which arguments evaluations have others of, and which."""
    if not known:
        return
    names = [each.name for each in known]
    key = hold(form.key(_EVALUATION), [name for name in names if name in form.values[_EVALUATION]])
    st.multiselect(
        _(FIELDS[_EVALUATION].label),
        names,
        format_func=lambda name: label_of(f"{_TRAINING}.{name}", _),
        key=key,
        persist_state="page",
        disabled=form.is_locked or form.is_assigned(_EVALUATION),
        help=_(FIELDS[_EVALUATION].raising),
        placeholder=_("none"),
        on_change=unless_stale(key, _take_different),
        args=(form, key, known),
    )
    for each in known:
        if each.name in form.values[_EVALUATION]:
            _argument(form, each, _EVALUATION)
    _show_problem(form, _EVALUATION)


def _take_different(form: FormState, key: str, known: list[Argument]) -> None:
    chosen, values = st.session_state.get(key, ()), form.values[_EVALUATION]
    wanted = {each.name: values.get(each.name, _value(form, each, _TRAINING)) for each in known if each.name in chosen}
    form.change(**{_EVALUATION: wanted})


# -------------------------------------------------------------------------------------------------------- formula


def _formula(form: FormState) -> None:
    is_refused = form.refusal(_FORMULA) is not None  # what was typed stays, to be corrected
    key = held_key(form.key(_FORMULA)) if is_refused else hold(form.key(_FORMULA), form.values[_FORMULA])
    names, example = _names_and_example(form)
    with st.container(gap=None, key=f"field-{_FORMULA}"):
        st.text_input(
            _(FIELDS[_FORMULA].label),
            key=key,
            persist_state="page",
            placeholder=_("e.g. {formula}").format(formula=example),
            disabled=form.is_locked or form.is_assigned(_FORMULA),
            help=_(FIELDS[_FORMULA].raising),
            on_change=unless_stale(key, _take_formula),
            args=(form, key),
        )
        _show_problem(form, _FORMULA)
        st.caption(_(_NAMES).format(names=", ".join(names), functions=", ".join(FUNCTIONS)))


def _take_formula(form: FormState, key: str) -> None:
    if key in st.session_state:
        form.change(**{_FORMULA: str(st.session_state[key] or "").strip()})


def _names_and_example(form: FormState) -> tuple[list[str], str]:
    """What a formula can name in this environment, the last of it how many more there are; and a formula."""
    try:
        env_id = str(form.values["env_id"])
        arguments = usable_arguments(env_id, form.values[_TRAINING])
        report = inspect_environment(env_id, None, arguments)
    except UnsupportedEnvironmentError:
        return [*VALUES], _SIMPLE
    names = list(observation_identifiers(report.observation_names))
    most = _MOST_NAMES if report.layout is None else _MOST_PIXELS
    more = [_("and {count} more").format(count=len(names) - most)] if len(names) > most else []
    example = f"reward - 0.1*abs({names[0]})" if names and report.layout is None else _SIMPLE
    return [*VALUES, *names[:most], *more], example
