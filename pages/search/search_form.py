"""What a hyperparameter search tries: a config to start from, the settings that vary, and how far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError, FieldProblem, mark
from dqn_core.runs.experiments.search_spec import MOST_TRIALS, SearchRange, SearchSpec
from dqn_core.runs.experiments.spec import choices_of
from dqn_core.runs.storage.records import NAME_LENGTH
from pages.shared.experiment_form import NOT_VARIED, starting_configs
from pages.shared.texts.fields import FIELDS, Widget
from pages.shared.texts.i18n import _
from pages.shared.texts.value_parsing import parsed_values, suggested_values
from pages.shared.texts.value_text import value_text

__all__ = ["SearchDraft", "search_form"]

NOT_TUNED = NOT_VARIED | {"reward_formula"}
_FIRST_FIELDS = ("learning_rate", "gamma")
_SPREAD = 10.0
"""A range over more than this factor is searched by factors."""
_MOST_STEPS = 10_000_000


@dataclass(frozen=True)
class SearchDraft:
    """What the form says: a search, or why it is none."""

    name: str
    spec: SearchSpec | None
    problems: tuple[FieldProblem, ...] = ()


def search_form(run_id: str | None) -> SearchDraft:
    """Draw the form; ``run_id`` is the run whose settings it begins with, if any."""
    name = st.text_input(_("Name"), max_chars=NAME_LENGTH, key="search:name")
    configs = starting_configs(run_id)
    chosen = st.selectbox(_("Base settings"), configs, format_func=lambda key: configs[key][0], key="search:base")
    base = configs[chosen][1]
    fields = st.multiselect(
        _("Settings to tune"),
        [each for each in FIELDS if each not in NOT_TUNED],
        default=_FIRST_FIELDS,
        format_func=lambda each: _(FIELDS[each].label),
        key="search:fields",
    )
    try:
        ranges = tuple(_range(each, base) for each in fields)
        left, middle, right = st.columns(3, vertical_alignment="bottom")
        trials = left.number_input(_("Trials"), 1, MOST_TRIALS, 20, key="search:trials")
        at_once = middle.number_input(_("Parallel trials"), 1, 16, 2, key="search:at-once")
        steps = base.max_env_steps or 20_000
        limit = right.number_input(_("Env steps per trial"), 1, _MOST_STEPS, steps, 1_000, key=f"search:steps:{chosen}")
        spec = SearchSpec(
            base=base.replace(max_env_steps=limit, goal_score=None, evaluate_every=max(1, base.evaluate_every)),
            ranges=ranges,
            trials=trials,
            at_once=at_once,
        )
    except ConfigError as error:
        return SearchDraft(name, None, error.problems)
    conflicts = spec.conflicts()
    return SearchDraft(name or base.env_id, None if conflicts else spec, conflicts)


def _range(field: str, base: TrainingConfig) -> SearchRange:
    """The widgets of one range."""
    label = _(FIELDS[field].label)
    choices = choices_of(field)
    if choices:
        key = f"search:choices:{field}"
        kept = st.multiselect(label, choices, choices, format_func=lambda each: value_text(field, each, _), key=key)
        return SearchRange(field=field, choices=tuple(kept))
    if FIELDS[field].widget is Widget.WIDTHS:
        text = st.text_input(
            label, suggested_values(field, base), key=f"search:widths:{field}", help=_("Separate them by semicolons.")
        )
        return SearchRange(field=field, choices=parsed_values(field, text))
    own = getattr(base, field)
    around = sorted({*FIELDS[field].stops, *([] if own is None else [own])}) or [0.0, 1.0]
    place = around.index(own) if own in around else len(around) // 2
    first, last = around[max(0, place - 2)], around[min(len(around) - 1, place + 2)]
    left, right = st.columns(2)
    low = _number(left, _("{field} from").format(field=label), first, f"search:low:{field}")
    high = _number(right, _("to"), last, f"search:high:{field}")
    return SearchRange(field=field, low=low, high=high, is_log=low > 0 and high / low >= _SPREAD)


def _number(place: Any, label: str, value: float, key: str) -> float:
    """A number as text: the widget for numbers shows no small ones."""
    text = place.text_input(label, f"{value:g}", key=key)
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError((FieldProblem(label, text, mark("must be a number"), {}),)) from error
