"""What a config field may hold: its rule, and the problem with a value that breaks it.

The rule stands in the field's metadata, in one place, and is read by the validation here, by the command line and by
the dashboard's forms.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal

from dqn_core.errors import FieldProblem, mark

__all__ = ["FieldRule", "field_problem", "ruled"]

_MAX_LAYERS = 16


@dataclass(frozen=True)
class FieldRule:
    """What is allowed for one field: its range (ends included) and whether it may change while a run trains."""

    low: float | None = None
    high: float | None = None
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
    return isinstance(value, int) if kind is int else math.isfinite(value)


def _is_in(kind: type, rule: FieldRule, value: Any) -> bool:
    if not _is_number(kind, value):
        return False
    if rule.low is not None and (value < rule.low or (rule.low_is_open and value == rule.low)):
        return False
    return rule.high is None or value <= rule.high
