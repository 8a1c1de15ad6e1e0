"""What the live routes have in common: queries read and checked, and errors answered in JSON.

What a client gets wrong is answered with ``{"error": "..."}``; an error of the project with its template and
parameters too, for the reader's language.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dqn_core.errors import (
    BusyError,
    DqnLabError,
    RolloutError,
    RunFolderError,
    SettingError,
    StoreError,
    UnknownRunError,
)
from dqn_core.json_text import json_text
from pages.server.paths import shown_parameters, without_folders

__all__ = [
    "BadRequestError",
    "Handler",
    "JsonAnswer",
    "error_answer",
    "json_errors",
    "query_choice",
    "query_count",
    "query_number",
]

Handler = Callable[[Request], Awaitable[Response]]

_LARGEST = 10**12
"""A count above this is none."""
_STATUS: tuple[tuple[type[DqnLabError], int], ...] = (
    (UnknownRunError, 404),
    (RunFolderError, 404),
    (RolloutError, 400),
    (StoreError, 503),
    (BusyError, 503),
    (SettingError, 503),
)
_CONFLICT = 409


class JsonAnswer(JSONResponse):
    """JSON that a browser reads, whatever its numbers: what is not finite is null."""

    def render(self, content: Any) -> bytes:
        """``content`` as the body."""
        return json_text(content, is_compact=True, is_ascii=False).encode()


class BadRequestError(Exception):
    """A query value that is not what it must be."""


def json_errors(handler: Handler) -> Handler:
    """``handler`` with what it raises on purpose answered in JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except BadRequestError as error:
            return error_answer(400, str(error))
        except DqnLabError as error:
            return _project_error(error)

    return answer


def error_answer(status: int, text: str) -> JsonAnswer:
    """An answer that says what is wrong."""
    return JsonAnswer({"error": text}, status_code=status)


def _project_error(error: DqnLabError) -> JsonAnswer:
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), _CONFLICT)
    parameters = shown_parameters(error.parameters)
    said = {"error": without_folders(str(error)), "template": error.template, "parameters": parameters}
    return JsonAnswer(said, status_code=status)


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
