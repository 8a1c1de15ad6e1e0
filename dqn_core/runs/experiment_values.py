"""Values of one setting as a person writes them."""

from __future__ import annotations

import types
import typing
from typing import Any

from dqn_core.config import TrainingConfig

__all__ = ["choices_of", "is_widths", "parsed_value"]

_NOTHING = frozenset({"none", "-", "–"})
_YES_OR_NO = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
_TYPES = typing.get_type_hints(TrainingConfig)


def choices_of(name: str) -> tuple[Any, ...]:
    """All values of a field that has but a few; empty for numbers."""
    kind = _TYPES[name]
    if kind is bool:
        return (True, False)
    return typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()


def is_widths(name: str) -> bool:
    """Whether the field holds a list of whole numbers, which commas part."""
    return typing.get_origin(_TYPES.get(name)) is tuple


def parsed_value(name: str, text: str) -> Any:
    """The value of field ``name`` in ``text``: a number, a word, widths parted by commas, "none", "on" or "off".

    What is not a value of the field's kind stays text, which a config refuses by name.
    """
    kind = _TYPES.get(name)
    if is_widths(name):
        return tuple(_number(each, int) for each in text.split(",") if each.strip())
    if kind is bool:
        return _YES_OR_NO.get(text.strip().lower(), text)
    if isinstance(kind, types.UnionType):
        if text.strip().lower() in _NOTHING:
            return None
        (kind,) = (part for part in typing.get_args(kind) if part is not types.NoneType)
    return _number(text, kind) if kind in {int, float} else text.strip()


def _number(text: str, kind: Any) -> Any:
    try:
        value = float(text.replace(" ", ""))
    except ValueError:
        return text.strip()
    return int(value) if kind is int and value.is_integer() else value
