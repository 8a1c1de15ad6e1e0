"""JSON as its standard has it, which knows no NaN and no infinity: what is not finite is null.

Everything that this project writes as JSON goes through :func:`json_text`: files, what is printed, what a browser gets.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["json_text", "json_values", "nan_if_none", "none_if_nan"]

_TOKENS = re.compile(r'"(?:\\.|[^"\\])*"|-?Infinity|NaN')
"""Texts, which are passed over, and what Python writes for numbers that are not finite."""


def json_text(  # noqa: PLR0913  each is one property of the text
    value: object,
    *,
    indent: int | None = None,
    is_compact: bool = False,
    is_ascii: bool = True,
    default: Callable[[Any], Any] | None = None,
    is_infinity_kept: bool = False,
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
    is_infinity_kept
        Write an infinite number as one that is too large for any float, 1e999, so that it is read back infinite.
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
        if is_infinity_kept:
            return _TOKENS.sub(_finite, json.dumps(value, **options | {"allow_nan": True}))
        return json.dumps(json_values(value), **options)


def _finite(token: re.Match[str]) -> str:
    """What stands for Python's token in JSON; a text stays."""
    return {"NaN": "null", "Infinity": "1e999", "-Infinity": "-1e999"}.get(token[0], token[0])


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
    """How a number comes back from JSON or from a database: NaN for None, and for what is no number at all."""
    return value if isinstance(value, (int, float)) else math.nan


def none_if_nan(value: float) -> float | None:
    """How a number that may be NaN goes into JSON, or is kept where it is compared."""
    return None if math.isnan(value) else value
