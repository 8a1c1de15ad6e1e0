"""What the live routes have in common: queries read and checked, answers in JSON."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from dqn_core.json_text import json_text

__all__ = [
    "BadRequestError",
    "JsonAnswer",
    "error_answer",
    "query_choice",
    "query_count",
    "query_number",
]

_LARGEST = 10**12
"""A count above this is none."""


class JsonAnswer(JSONResponse):
    """JSON that a browser reads, whatever its numbers: what is not finite is null."""

    def render(self, content: Any) -> bytes:
        """``content`` as the body."""
        return json_text(content, is_compact=True, is_ascii=False).encode()


class BadRequestError(Exception):
    """A query value that is not what it must be."""


def error_answer(status: int, text: str) -> JsonAnswer:
    """An answer that says what is wrong."""
    return JsonAnswer({"error": text}, status_code=status)


def query_count(request: Request, name: str) -> int:
    """A whole number from 0 of the query; 0 where it is not given."""
    text = request.query_params.get(name, "0")
    if not re.fullmatch(r"\d{1,12}", text, re.ASCII):
        message = f"{name} must be a whole number from 0 to {_LARGEST - 1}, not {text[:40]!r}."
        raise BadRequestError(message)
    return int(text)


def query_number(request: Request, name: str) -> float:
    """A number from 0 of the query; 0 where it is not given."""
    text = request.query_params.get(name, "0")
    if not re.fullmatch(r"\d{1,12}(\.\d{1,20})?(e-\d{1,3})?", text, re.ASCII):
        message = f"{name} must be a number from 0, not {text[:40]!r}."
        raise BadRequestError(message)
    return float(text)


def query_choice(request: Request, name: str, choices: tuple[str, ...]) -> str:
    """One of ``choices`` of the query; the first where it is not given."""
    text = request.query_params.get(name, choices[0])
    if text not in choices:
        message = f"{name} must be one of {', '.join(choices)}, not {text[:40]!r}."
        raise BadRequestError(message)
    return text
