"""All settings of a run as an address of the Train page, and back.

    train?env=CartPole-v1&preset=fast&settings={"gamma":0.9,"env_kwargs.gravity":5}

The address names the environment, the nearest preset, and what differs from it, as JSON. Whoever opens it has it from
somebody else, so nothing in it is believed: what is wrong is named and left out, no code is imported for it, and
nothing starts.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from dqn_core.config import NO_SUCH_FIELD, Arguments, TrainingConfig
from dqn_core.config_rules import DEEPEST, NOT_BY_NAME, nesting
from dqn_core.environments.own import needs_import
from dqn_core.environments.settings import environment_problems
from dqn_core.errors import AccessError, ConfigError, FieldProblem, UnsupportedEnvironmentError, mark
from dqn_core.json_text import json_text
from dqn_core.presets import PRESETS, nearest_preset, preset_config, preset_names
from pages.shared.visitor.identity import require_module

__all__ = ["LONGEST_LINK", "PARAMETERS", "LinkedSettings", "read_settings", "settings_link", "settings_query"]

PARAMETERS = ("env", "preset", "settings")
"""Of the address's query."""
LONGEST_LINK = 7_000
"""Characters of an address: many servers take no more than 8,000."""
_MOST_DIGITS, _LONGEST_NAME = 300, 60
_KINDS = typing.get_type_hints(TrainingConfig)

_NOT_IMPORTED = mark(
    "is not listed on this server. A link has nothing imported: if you trust it, type the id in the environment field, "
    "then open the link again"
)
_TOO_LONG = mark("must be at most {high} characters")
_NOT_TEXT = mark("holds characters that no text can have")
_TOO_DEEP = mark("holds lists and objects that are nested too deep")
_NOT_HERE = mark("stands in the address as env=")


@dataclass(frozen=True)
class LinkedSettings:
    """What an address says."""

    config: TrainingConfig
    preset: str
    problems: tuple[FieldProblem, ...] = ()
    """What was wrong in it, and is left out."""

    @property
    def differing(self) -> tuple[tuple[str, Any], ...]:
        """(setting, value) of each that differs from the preset."""
        preset = preset_config(self.config.env_id, self.preset)
        return tuple((name, own) for name, own, _ in self.config.differences(preset))


# ------------------------------------------------------------------------------------------------------------ make


def settings_query(config: TrainingConfig) -> dict[str, str]:
    """The query that :func:`read_settings` reads back to an equal config."""
    preset = nearest_preset(config)
    changes = {name: own for name, own, _ in config.differences(preset_config(config.env_id, preset))}
    query = {"env": config.env_id, "preset": preset}
    return query | ({"settings": json_text(changes, is_compact=True)} if changes else {})


def settings_link(page: str, config: TrainingConfig, language: str | None = None) -> str | None:
    """The whole address, where ``page`` is the Train page's; None where it would be too long for one."""
    query = settings_query(config) | ({"lang": language} if language else {})
    link = f"{page}?{urlencode(query, safe='/')}"  # ids have slashes, which may stand in a query
    return link if len(link) <= LONGEST_LINK else None


# ------------------------------------------------------------------------------------------------------------ read


def read_settings(query: Mapping[str, str]) -> LinkedSettings:
    """What an address's query says, as far as it is right; the rest is the preset's."""
    env_id, problems = _environment(query.get("env", ""))
    preset, more = _preset(env_id, query.get("preset", ""))
    changes, others = _changes(query.get("settings", ""))
    start_from = preset_config(env_id, preset)
    config, refused = _changed(start_from, changes)
    return LinkedSettings(config, preset, (*problems, *more, *others, *refused))


def _environment(given: str) -> tuple[str, tuple[FieldProblem, ...]]:
    first = next(iter(PRESETS))
    if not given:
        return first, ()
    if needs_import(given):
        return first, (FieldProblem("env_id", given, _NOT_IMPORTED, {}),)
    try:
        require_module(given)
    except AccessError as error:
        return first, (FieldProblem("env_id", given, error.template, error.parameters),)
    return given, ()


def _preset(env_id: str, given: str) -> tuple[str, tuple[FieldProblem, ...]]:
    if not given:
        return preset_names(env_id)[0], ()
    try:
        preset_config(env_id, given)
    except ConfigError as error:
        return preset_names(env_id)[0], error.problems
    return given, ()


def _changes(text: str) -> tuple[dict[str, Any], tuple[FieldProblem, ...]]:
    """The settings by name, arguments of an environment each by its own, and what is none."""
    if not text:
        return {}, ()
    found = _object(text)
    if isinstance(found, FieldProblem):
        return {}, (found,)
    changes: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for name, value in found.items():
        field, dot, argument = name.partition(".")
        if field == "env_id":
            problems.append(FieldProblem(field, value, _NOT_HERE, {}))
        elif field not in _KINDS or (dot and _KINDS[field] is not Arguments):
            problems.append(FieldProblem(_shortened(name), value, NO_SUCH_FIELD, {}))
        elif _KINDS[field] is not Arguments:
            changes[name] = value
        elif dot:
            changes[f"{field}.{argument}"] = value
        elif isinstance(value, dict):
            changes |= {f"{field}.{each}": given for each, given in value.items()}
        else:
            problems.append(FieldProblem(field, value, NOT_BY_NAME, {}))
    return changes, tuple(problems)


def _object(text: str) -> dict[str, Any] | FieldProblem:
    """The JSON object in the text; what is wrong where there is none."""

    def problem(template: str, **parameters: object) -> FieldProblem:
        return FieldProblem("settings", text, template, parameters)

    if len(text) > LONGEST_LINK:
        return problem(_TOO_LONG, high=LONGEST_LINK)
    try:
        found = json.loads(text, parse_int=_whole_number)
        json_text(found, is_ascii=False).encode()
    except UnicodeEncodeError:
        return problem(_NOT_TEXT)
    except RecursionError:
        return problem(_TOO_DEEP)
    except ValueError as error:
        return problem(mark("this is not JSON: {cause}"), cause=error)
    if nesting(found) > DEEPEST:
        return problem(_TOO_DEEP)
    return found if isinstance(found, dict) else problem(mark("must be a JSON object of fields"))


def _whole_number(digits: str) -> float:
    """One of so many digits that it is none any more is infinite, which no setting may be."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def _changed(start_from: TrainingConfig, changes: dict[str, Any]) -> tuple[TrainingConfig, tuple[FieldProblem, ...]]:
    """The config with those of the changes that are right beside each other, and what is wrong with the others."""
    found: dict[str, FieldProblem] = {}
    while True:
        config, problems = _attempt(start_from, changes)
        if config is not None and not problems:
            return config, tuple(found.values())
        left_out = {name for problem in problems for name in _meant(problem, changes)} or set(changes)
        for problem in problems:
            found.setdefault(problem.field, problem)
        if not left_out:  # the preset itself is not right for the environment: the form says so
            return config or start_from, tuple(found.values())
        changes = {name: value for name, value in changes.items() if name not in left_out}


def _attempt(
    start_from: TrainingConfig, changes: Mapping[str, Any]
) -> tuple[TrainingConfig | None, tuple[FieldProblem, ...]]:
    try:
        config = start_from.replace(**changes)
        return config, environment_problems(config)
    except ConfigError as error:
        return None, error.problems
    except UnsupportedEnvironmentError:  # the environment's own place in the form says so
        return start_from.replace(**changes), ()


def _meant(problem: FieldProblem, changes: Mapping[str, Any]) -> set[str]:
    """Which of the changes the problem is about: its field, or else the one that the field does not go with."""
    own = {name for name in changes if problem.field in {name, name.partition(".")[0]}}
    others = {str(problem.parameters.get(each)) for each in ("name", "limit_name")}
    return own or {name for name in changes if name in others}
