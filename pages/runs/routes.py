"""The routes of runs as archives.

GET /live/runs/{id}/everything.zip[?checkpoints=1]      one run
GET /live/runs/everything.zip?runs=ID,ID                several
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import check_run_id
from pages.runs.archive import archive
from pages.server.answers import BadRequestError, query_choice
from pages.server.process import get_manager
from pages.shared.error_answers import json_errors

__all__ = ["MOST_ARCHIVED", "run_list_routes"]

MOST_ARCHIVED = 200
"""Runs in one archive: their ids stand in its address, which has to stay short."""


def run_list_routes(manager: Callable[[], RunManager] = get_manager) -> list[BaseRoute]:
    """The routes; ``manager`` gives the manager of the runs."""
    return [
        _route("/live/runs/everything.zip", functools.partial(_several, manager=manager)),
        _route("/live/runs/{run_id}/everything.zip", functools.partial(_one, manager=manager)),
    ]


def _route(path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, json_errors(handler), methods=["GET"])


async def _one(request: Request, manager: Callable[[], RunManager]) -> Response:
    run_id = str(request.path_params["run_id"])
    return await run_in_threadpool(_archive, request, manager, [run_id], f"{run_id}.zip")


async def _several(request: Request, manager: Callable[[], RunManager]) -> Response:
    run_ids = [each for each in request.query_params.get("runs", "").split(",") if each]
    if not 1 <= len(run_ids) <= MOST_ARCHIVED:
        message = f"runs must be 1 to {MOST_ARCHIVED} run ids with commas between them, not {len(run_ids)}."
        raise BadRequestError(message)
    return await run_in_threadpool(_archive, request, manager, run_ids, f"{len(run_ids)}-runs.zip")


def _archive(request: Request, manager: Callable[[], RunManager], run_ids: list[str], name: str) -> Response:
    with_checkpoints = query_choice(request, "checkpoints", ("0", "1")) == "1"
    own = manager()
    for run_id in run_ids:
        own.snapshot(check_run_id(run_id))  # an unknown one is said before anything is sent
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Encoding": "identity",  # packed as far as it can be
        "Cache-Control": "no-store",
    }
    # Starlette walks a plain iterator in worker threads, one piece at a time.
    pieces = archive(own, list(dict.fromkeys(run_ids)), with_checkpoints=with_checkpoints)
    return StreamingResponse(pieces, headers=headers, media_type="application/zip")
