"""JSON as its standard has it, which knows no NaN and no infinity: what is not finite is null.

Everything that this project writes as JSON goes through :func:`json_text`: files, what is printed, what a browser gets.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["json_text", "json_values", "nan_if_none"]


def json_text(
    value: object,
    *,
    indent: int | None = None,
    is_compact: bool = False,
    is_ascii: bool = True,
    default: Callable[[Any], Any] | None = None,
) -> str:
    """``value`` as JSON text that every parser reads.

    Parameters
    ----------
    indent
        Spaces of each level, on lines of their own; None for one line.
    is_compact
        Leave out the spaces that a person would like.
    is_ascii
        Escape all other characters.
    default
        Makes a JSON value of an object that is none.
    """
    separators = (",", ":") if is_compact else None
    options: dict[str, Any] = {
        "indent": indent,
        "separators": separators,
        "ensure_ascii": is_ascii,
        "default": default,
        "allow_nan": False,
    }
    try:
        return json.dumps(value, **options)
    except ValueError:  # seldom: looking through each number beforehand would cost more
        return json.dumps(json_values(value), **options)


def json_values(value: Any) -> Any:
    """``value`` with None in place of every number that is not finite, in lists and objects too."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: json_values(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_values(each) for each in value]
    return value


def nan_if_none(value: Any) -> Any:
    """NaN for None, and anything else as it is: how a number comes back from JSON or from a database."""
    return math.nan if value is None else value
