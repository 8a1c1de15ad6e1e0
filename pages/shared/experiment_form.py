"""What an experiment tries: a config to start from, one setting that varies, and the seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from dqn_core.config import TrainingConfig
from dqn_core.environments.make import registered
from dqn_core.environments.physics import Argument, environment_arguments
from dqn_core.errors import ConfigError, FieldProblem, UnknownRunError, UnsupportedEnvironmentError
from dqn_core.presets import PRESETS, preset_config, preset_names
from dqn_core.runs.experiments.spec import ExperimentSpec, choices_of
from dqn_core.runs.storage.records import NAME_LENGTH
from pages.server.process import get_manager
from pages.shared.form_state import NEW_RUN, draft_config
from pages.shared.links import train_run
from pages.shared.run_picker import run_title
from pages.shared.texts.distinct_texts import distinct_texts
from pages.shared.texts.fields import FIELDS, label_of
from pages.shared.texts.i18n import _
from pages.shared.texts.value_parsing import parsed_values, suggested_values
from pages.shared.texts.value_text import value_text
from pages.shared.texts.words import PRESET_LABELS

__all__ = ["NOT_VARIED", "ExperimentDraft", "experiment_form", "starting_configs"]

_NOTHING = ""
NOT_VARIED = frozenset({"env_id", "env_kwargs", "evaluation_env_kwargs", "seed", "compute"})
_FIRST_FIELD = "learning_rate"
_DRAFT = "draft"
_MOST_SEEDS = 20
_LISTED_RUNS = 10


@dataclass(frozen=True)
class ExperimentDraft:
    """What the form says: an experiment, or why it is none."""

    name: str
    spec: ExperimentSpec | None
    problems: tuple[FieldProblem, ...] = ()


def experiment_form(run_id: str | None) -> ExperimentDraft:
    """Draw the form; ``run_id`` is the run whose settings it begins with, if any."""
    bases = starting_configs(run_id)
    name = st.text_input(
        _("Name"), max_chars=NAME_LENGTH, placeholder=_("e.g. How far to look ahead"), key="experiment:name"
    )
    chosen = st.selectbox(_("Base settings"), bases, format_func=lambda key: bases[key][0], key="experiment:base")
    base = bases[chosen][1]
    fields = [_NOTHING, *(each for each in FIELDS if each not in NOT_VARIED), *_arguments(base)]
    field = st.selectbox(
        _("Setting to vary"),
        fields,
        index=fields.index(_FIRST_FIELD),
        format_func=lambda each: label_of(each, _) if each else _("none: seeds only"),
        key="experiment:field",
    )
    values = _values(field, base) if field else ()
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    seeds = left.number_input(_("Seeds"), 1, _MOST_SEEDS, 3, key="experiment:seeds", help=_("Runs per value."))
    first = middle.number_input(_("First seed"), 0, 2**31 - 1 - _MOST_SEEDS, 0, key="experiment:first-seed")
    episodes = right.number_input(
        _("Max episodes"), 1, 10_000_000, base.max_episodes, key=f"experiment:episodes:{chosen}"
    )
    try:
        spec = ExperimentSpec.sweep(
            base.replace(max_episodes=episodes), field or None, values, range(first, first + seeds)
        )
    except ConfigError as error:
        return ExperimentDraft(name, None, error.problems)
    return ExperimentDraft(name or _title(field, values, base), spec)


def _arguments(base: TrainingConfig) -> dict[str, Argument]:
    """The environment's arguments, as fields; "what if gravity were lower" is an experiment over one."""
    try:
        known = environment_arguments(registered(base.env_id))
    except UnsupportedEnvironmentError:
        return {}
    return {f"env_kwargs.{each.name}": each for each in known if each.kind is not object}


def _values(field: str, base: TrainingConfig) -> tuple[Any, ...]:
    argument = _arguments(base).get(field)
    choices = choices_of(field) if argument is None else (True, False) if argument.kind is bool else argument.choices
    if choices:
        return tuple(
            st.multiselect(
                _("Values"),
                choices,
                default=choices,
                format_func=lambda each: value_text(field, each, _),
                key=f"experiment:values:{field}",
            )
        )
    text = st.text_input(
        _("Values"),
        suggested_values(field, base) if argument is None else _suggested(argument, base),
        key=f"experiment:values:{field}",
        help=_("Separate them by commas; layer widths and formulas by semicolons, as in 16, 16; 32, 32."),
    )
    return parsed_values(field, text)


def _suggested(argument: Argument, base: TrainingConfig) -> str:
    """The argument's present value, and half of it, as text to begin with."""
    own = base.env_kwargs.get(argument.name, argument.default)
    if not isinstance(own, (int, float)):
        return "" if own is None else str(own)
    other = own / 2 or (argument.high or 2.0) / 2
    return f"{own:g}, {other:g}"


def starting_configs(run_id: str | None) -> dict[str, tuple[str, TrainingConfig]]:
    """(label, config) of everything that an experiment can begin with, by a key."""
    bases: dict[str, tuple[str, TrainingConfig]] = {}
    if run_id:
        try:
            record = get_manager().snapshot(run_id).record
            bases[run_id] = (run_title(record), record.initial_config)
        except UnknownRunError:
            pass  # an address that names none of this server's runs begins with the presets
    draft = draft_config(train_run() or NEW_RUN)
    if draft is not None:
        bases[_DRAFT] = (_("The form on the Train page"), draft)
    for env_id, preset in PRESETS.items():
        for name in preset_names(env_id):
            label = f"{_(preset.title)} · {_(PRESET_LABELS[name])}"
            bases[f"{env_id}:{name}"] = (label, preset_config(env_id, name))
    for record in get_manager().list_runs(_LISTED_RUNS):
        bases.setdefault(record.run_id, (run_title(record), record.initial_config))
    labels = distinct_texts({key: label for key, (label, _config) in bases.items()})
    return {key: (labels[key], config) for key, (_label, config) in bases.items()}


def _title(field: str, values: tuple[Any, ...], base: TrainingConfig) -> str:
    if not field:
        return _("{env}: several seeds").format(env=base.env_id)
    listed = ", ".join(value_text(field, value, _) for value in values)
    return f"{base.env_id}: {label_of(field, _)} {listed}"
