"""Errors of the live routes, answered in JSON: ``{"error": "..."}``, in the reader's language."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from dqn_core.errors import (
    AccessError,
    BusyError,
    ClusterError,
    DqnLabError,
    RolloutError,
    RunFolderError,
    SettingError,
    StoreError,
    UnknownRunError,
)
from pages.server.answers import BadRequestError, error_answer
from pages.shared.texts.i18n import error_text, language_of

__all__ = ["json_errors"]

_STATUS: tuple[tuple[type[DqnLabError], int], ...] = (
    (AccessError, 403),
    (UnknownRunError, 404),
    (RunFolderError, 404),
    (RolloutError, 400),
    (StoreError, 503),
    (BusyError, 503),
    (SettingError, 503),
    (ClusterError, 503),
)
_CONFLICT = 409


def json_errors(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """``handler`` with what it raises on purpose answered in JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except BadRequestError as error:
            return error_answer(400, str(error))
        except DqnLabError as error:
            status = next((code for kind, code in _STATUS if isinstance(error, kind)), _CONFLICT)
            return error_answer(status, error_text(language_of(request), error))

    return answer
