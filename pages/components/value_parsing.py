"""Several values of one setting, as a person types them."""

from __future__ import annotations

import types
import typing
from typing import Any

from dqn_core.config import TrainingConfig
from pages.components.fields import FIELDS, Widget

__all__ = ["choices_of", "parsed_values", "suggested_values"]

_NOTHING = frozenset({"none", "-", "–"})
_TYPES = typing.get_type_hints(TrainingConfig)


def choices_of(name: str) -> tuple[Any, ...]:
    """All values of a field that has but a few; empty for numbers."""
    kind = _TYPES[name]
    if kind is bool:
        return (True, False)
    return typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()


def parsed_values(name: str, text: str) -> tuple[Any, ...]:
    """The values in ``text``, parted by commas (layer widths by semicolons); "none" where a field may have none.

    What is not a value of the field's kind stays text, which a config refuses by name.
    """
    is_widths = FIELDS[name].widget is Widget.WIDTHS
    parts = [part.strip() for part in text.split(";" if is_widths else ",")]
    if is_widths:
        return tuple(tuple(_number(each, int) for each in part.split(",") if each.strip()) for part in parts if part)
    return tuple(_value(name, part) for part in parts if part)


def suggested_values(name: str, base: TrainingConfig) -> str:
    """The base's own value between its neighbours among the form's stops, as text to begin with."""
    own = getattr(base, name)
    if FIELDS[name].widget is Widget.WIDTHS:
        return f"16, 16; {', '.join(map(str, own))}; 64, 64"
    stops = sorted({*FIELDS[name].stops, *([] if own is None else [own])})
    place = stops.index(own) if own in stops else 0
    return ", ".join(f"{value:g}" for value in stops[max(0, place - 1) : place + 2])


def _value(name: str, text: str) -> Any:
    kind = _TYPES[name]
    if isinstance(kind, types.UnionType):
        if text.lower() in _NOTHING:
            return None
        (kind,) = (part for part in typing.get_args(kind) if part is not types.NoneType)
    return _number(text, kind)


def _number(text: str, kind: Any) -> Any:
    try:
        value = float(text.replace(" ", ""))
    except ValueError:
        return text
    return int(value) if kind is int and value.is_integer() else value
