"""Names of an observation's numbers in the reader's language, those that are put together of others too."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dqn_core.errors import mark
from pages.shared.i18n import _

__all__ = ["observation_names"]

_COMPOSED = (
    mark("{what} at row {row}, column {column}"),
    mark("row {row}, column {column}"),
    mark("taxi in row {row}, column {column}, {rider}, to {goal}"),
    mark("passenger at {place}"),
    mark("own sum is {value}"),
    mark("the dealer shows {value}"),
)
"""As :mod:`dqn_core.environments.names` writes names of pixels and of the states of small worlds."""
_PATTERNS = tuple((each, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(each)))) for each in _COMPOSED)


def observation_names(names: Iterable[str]) -> list[str]:
    """``names`` in the reader's language; a name that is not known stays as it is."""
    return [_name(each) for each in names]


def _name(name: str) -> str:
    translated = _(name)
    if translated != name:
        return translated
    for template, pattern in _PATTERNS:
        found = pattern.fullmatch(name)
        if found is not None:
            return _(template).format(**{key: _name(value) for key, value in found.groupdict().items()})
    return name
