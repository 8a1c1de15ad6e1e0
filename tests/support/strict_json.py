"""Reads JSON as a browser does: NaN and Infinity, which Python's reader takes, are errors."""

from __future__ import annotations

import json
from typing import Any


def strictly_read(text: str | bytes) -> Any:
    """The value in ``text``; raises ValueError for what is no JSON."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    message = f"{constant} is no JSON"
    raise ValueError(message)
