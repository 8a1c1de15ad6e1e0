"""The routes below ``/live``: a run's CSV files.

A route's coroutine shares its event loop with every page: what reads the database or a file does so in a worker
thread.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from dqn_core.runs.manager import RunManager
from dqn_core.runs.view import RunView
from dqn_core.training.csv_log import CsvStyle
from pages.server.process import get_manager
from pages.server.turns import HEAVY_TURNS
from pages.shared.error_answers import json_errors
from pages.shared.export.csv_export import changes_csv, csv_style, episodes_csv

__all__ = ["live_routes"]


def live_routes(manager: Callable[[], RunManager] = get_manager) -> list[BaseRoute]:
    """The routes; ``manager`` gives the manager whose runs they show."""
    run = "/live/runs/{run_id}"

    def route(path: str, handler: Callable[[Request, RunManager], Awaitable[Response]]) -> Route:
        async def answer(request: Request) -> Response:
            return await handler(request, await run_in_threadpool(manager))

        return Route(path, json_errors(answer), methods=["GET"])

    return [
        route(f"{run}/episodes.csv", functools.partial(_csv, name="episodes", write=episodes_csv)),
        route(f"{run}/changes.csv", functools.partial(_csv, name="changes", write=changes_csv)),
    ]


# ------------------------------------------------------------------------------------------------- the handlers


async def _csv(
    request: Request, manager: RunManager, *, name: str, write: Callable[[RunView, CsvStyle], Iterable[str]]
) -> Response:
    run_id, style = _run_id(request), csv_style(request)
    view = await run_in_threadpool(manager.view, run_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{run_id}-{name}.csv"',
        "Cache-Control": "no-store",
    }
    portions = HEAVY_TURNS.portions(iter(write(view, style)))
    return StreamingResponse(portions, headers=headers, media_type="text/csv; charset=utf-8")


# --------------------------------------------------------------------------------------------- what clients send


def _run_id(request: Request) -> str:
    return str(request.path_params["run_id"])
