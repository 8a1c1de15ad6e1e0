"""What a config field may hold: its rule, the problem with a value that breaks it, and arguments by name.

The rule stands in the field's metadata, in one place, and is read by the validation here, by the command line and by
the dashboard's forms.
"""

from __future__ import annotations

import dataclasses
import json
import keyword
import math
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dqn_core.errors import FieldProblem, mark
from dqn_core.json_text import json_text

__all__ = [
    "DEEPEST",
    "NOT_BY_NAME",
    "NO_ARGUMENTS",
    "Arguments",
    "FieldRule",
    "argument_text",
    "field_problem",
    "nesting",
    "ruled",
]

DEEPEST = 20
"""Lists and objects in each other, in a value that is read from a text."""

_MAX_LAYERS = 16
_MOST_ARGUMENTS = 100
_LONGEST_ARGUMENTS = 4_000
_NOT_ARGUMENTS = ("id", "render_mode", "max_episode_steps", "disable_env_checker", "vectorization_mode")
"""Of ``gymnasium.make``: what is drawn and when an episode is truncated is set elsewhere."""


@dataclass(frozen=True)
class FieldRule:
    """What is allowed for one field: its range (ends included) and whether it may change while a run trains."""

    low: float | None = None
    high: float | None = None
    """Of a text, its characters at most: such a text may be empty, where a name may not."""
    low_is_open: bool = False
    frozen_because: str | None = None
    """None: may change live. Otherwise the message template that refuses the change."""


def ruled(default: Any, low: float | None = None, high: float | None = None, **rule: Any) -> Any:
    """A dataclass field with a :class:`FieldRule`."""
    return field(default=default, metadata={"rule": FieldRule(low=low, high=high, **rule)})


def field_problem(each: dataclasses.Field[Any], kind: Any, value: Any) -> FieldProblem | None:
    """What is wrong with ``value`` for the field, whose type is ``kind``; None where it is right."""
    if typing.get_origin(kind) is types.UnionType:
        if value is None:
            return None
        (kind,) = (part for part in typing.get_args(kind) if part is not types.NoneType)
    template, parameters = _what_is_wrong(kind, each.metadata["rule"], value)
    return FieldProblem(each.name, value, template, parameters) if template else None


def _what_is_wrong(kind: Any, rule: FieldRule, value: Any) -> tuple[str, dict[str, object]]:
    """Message template, empty where nothing is wrong, and its parameters."""
    if kind is bool:
        return ("" if isinstance(value, bool) else mark("must be true or false")), {}
    if kind is Arguments:
        return _what_is_wrong_with_arguments(value)
    if kind is str and rule.high is not None:
        is_line = isinstance(value, str) and len(value) <= rule.high and (value.isprintable() or not value)
        return ("" if is_line else mark("must be one line of at most {high} characters")), {"high": int(rule.high)}
    if kind is str:
        is_name = isinstance(value, str) and value.strip() != ""
        return ("" if is_name else mark("must be a name that is not empty")), {}
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        return ("" if value in choices else mark("must be one of {choices}")), {"choices": ", ".join(choices)}
    limits: dict[str, object] = {"low": rule.low, "high": rule.high, "count": _MAX_LAYERS}
    if typing.get_origin(kind) is tuple:
        template = mark("must be at most {count} whole numbers from {low} to {high}")
        return ("" if _are_widths(value, rule) else template), limits
    return _what_is_wrong_with_number(kind, rule, value), limits


def _what_is_wrong_with_number(kind: type, rule: FieldRule, value: Any) -> str:
    if not _is_number(kind, value):
        return mark("must be a whole number") if kind is int else mark("must be a finite number")
    if _is_in(kind, rule, value):
        return ""
    return mark("must be above {low} and at most {high}") if rule.low_is_open else mark("must be from {low} to {high}")


def _are_widths(value: Any, rule: FieldRule) -> bool:
    return isinstance(value, tuple) and len(value) <= _MAX_LAYERS and all(_is_in(int, rule, width) for width in value)


def _is_number(kind: type, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(value, int) if kind is int else abs(value) <= sys.float_info.max  # a whole number may be larger


def _is_in(kind: type, rule: FieldRule, value: Any) -> bool:
    if not _is_number(kind, value):
        return False
    if rule.low is not None and (value < rule.low or (rule.low_is_open and value == rule.low)):
        return False
    return rule.high is None or value <= rule.high


# ------------------------------------------------------------------------------------------------- arguments by name


class Arguments(Mapping[str, Any]):
    """Arguments by name, in the order of their names: plain values that do not change, so that a config can hold them.

    Lists become tuples, and mappings within are Arguments too. ``str`` gives the text that :meth:`of_text`
    reads: ``gravity=-5 enable_wind=true``.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        given = values or {}
        self._values = {name: _frozen(given[name]) for name in sorted(given, key=str)}

    @classmethod
    def parsed(cls, texts: Iterable[str]) -> Arguments | str:
        """The arguments in ``texts``, ``name=value`` each; what is none of that stays text, which a config refuses.

        A value is JSON (``-5``, ``true``, ``"a b"``, ``[1, 2]``), and a word where it is none.
        """
        found = {}
        for text in texts:
            name, equals, value = text.strip().partition("=")
            if not equals or not value:
                return text
            found[name.strip()] = _parsed_value(value.strip())
        return cls(found)

    @classmethod
    def of_text(cls, text: str) -> Arguments | str:
        """The arguments in one line of text, separated by spaces; a value may hold spaces too."""
        return cls.parsed(re.split(r"\s+(?=\w+=)", text.strip())) if text.strip() else cls()

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        return repr(self.to_dict())

    def __str__(self) -> str:
        return " ".join(f"{name}={argument_text(value)}" for name, value in self._values.items())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {name: _thawed(value) for name, value in self._values.items()}

    def changed(self, changes: Mapping[str, Any]) -> Arguments:
        """These with ``changes``; one that is None there is left out."""
        return Arguments({name: value for name, value in {**self._values, **changes}.items() if value is not None})


NO_ARGUMENTS = Arguments()
NOT_BY_NAME = mark("must be arguments by name, such as gravity=-5 enable_wind=true")


def argument_text(value: Any) -> str:
    """One argument's value as :meth:`Arguments.parsed` reads it."""
    is_word = isinstance(value, str) and value.isidentifier() and _parsed_value(value) == value
    return value if is_word else json_text(_thawed(value), is_ascii=False, is_compact=True)


def _parsed_value(text: str) -> Any:
    if text in {"True", "False"}:
        return text == "True"
    for read in (json.loads, float):
        try:
            value = read(text)
        except (ValueError, RecursionError):
            continue
        return value if nesting(value) <= DEEPEST else text
    return text


def nesting(value: Any) -> int:
    """How deep lists and objects are nested in a value that JSON gave."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, (dict, list))]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return depth


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value if isinstance(value, Arguments) else Arguments(value)
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def _thawed(value: Any) -> Any:
    if isinstance(value, Arguments):
        return value.to_dict()
    return list(map(_thawed, value)) if isinstance(value, tuple) else value


def _what_is_wrong_with_arguments(value: Any) -> tuple[str, dict[str, object]]:
    if not isinstance(value, Arguments):
        return NOT_BY_NAME, {}
    named: Mapping[Any, Any] = value
    for name, argument in named.items():
        values: dict[str, object] = {"name": name}
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            return mark("{name} is no argument's name: write name=value"), values
        if name in _NOT_ARGUMENTS:
            return mark("{name} cannot be set here: the program sets it itself"), values
        if argument is None or not _is_plain(argument):
            return mark("{name} must be a finite number, true or false, a text, or a list or object of these"), values
    if len(value) > _MOST_ARGUMENTS or len(str(value)) > _LONGEST_ARGUMENTS:
        limits: dict[str, object] = {"count": _MOST_ARGUMENTS, "high": _LONGEST_ARGUMENTS}
        return mark("must be at most {count} arguments of {high} characters in all"), limits
    return "", {}


def _is_plain(value: Any) -> bool:
    if isinstance(value, Arguments):
        named: Mapping[Any, Any] = value
        return all(isinstance(name, str) and _is_plain(each) for name, each in named.items())
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value))
