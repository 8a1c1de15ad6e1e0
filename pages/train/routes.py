"""The routes below ``/live``: a run's event stream, its frames, and its CSV files.

A route's coroutine shares its event loop with every page: what reads the database or a file does so in a worker
thread.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Iterable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from dqn_core.runs.manager import RunManager
from dqn_core.runs.view import RunView
from pages.server.answers import BadRequestError, error_answer, json_errors, query_choice, query_count
from pages.server.process import get_manager
from pages.server.shutdown import is_closing
from pages.server.turns import HEAVY_TURNS
from pages.shared.csv_export import changes_csv, episodes_csv
from pages.shared.identity import browser_of
from pages.train.stream import RunStreams
from pages.train.wire import Cursor

__all__ = ["live_routes"]

_WATCH_S = 2.5
"""Frames go on for this long after a viewer was last there; it is there again each second."""


def live_routes(manager: Callable[[], RunManager] = get_manager) -> list[BaseRoute]:
    """The routes; ``manager`` gives the manager whose runs they show."""
    run, streams = "/live/runs/{run_id}", RunStreams(is_closing)

    def route(path: str, handler: Callable[[Request, RunManager], Awaitable[Response]]) -> Route:
        async def answer(request: Request) -> Response:
            return await handler(request, await run_in_threadpool(manager))

        return Route(path, json_errors(answer), methods=["GET"])

    return [
        route(f"{run}/events", functools.partial(_events, streams=streams)),
        route(f"{run}/frames/{{name}}", _frame),
        route(f"{run}/episodes.csv", functools.partial(_csv, name="episodes", write=episodes_csv)),
        route(f"{run}/changes.csv", functools.partial(_csv, name="changes", write=changes_csv)),
    ]


# ------------------------------------------------------------------------------------------------- the handlers


async def _events(request: Request, manager: RunManager, *, streams: RunStreams) -> Response:
    run_id = _run_id(request)
    since = _cursor(request)
    wants_frames = query_choice(request, "frames", ("0", "1")) == "1"
    view = await run_in_threadpool(manager.view, run_id)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    if request.method == "HEAD":
        return Response(headers=headers, media_type="text/event-stream")
    look = functools.partial(manager.watch, seconds=_WATCH_S) if wants_frames else manager.look
    browser = await run_in_threadpool(browser_of, request)
    messages = streams.events(view, since, functools.partial(look, run_id), with_frames=wants_frames, browser=browser)
    return StreamingResponse(messages, headers=headers, media_type="text/event-stream")


async def _frame(request: Request, manager: RunManager) -> Response:
    run_id = _run_id(request)
    feed = manager.feed(run_id)
    if feed is None:
        await run_in_threadpool(manager.snapshot, run_id)  # says so where there is no such run at all
    number = re.fullmatch(r"(\d{1,12})\.jpg", request.path_params["name"], re.ASCII)
    frame = feed.frame(int(number[1])) if feed is not None and number is not None else None
    if frame is None:
        return error_answer(404, f"There is no frame {request.path_params['name']}: only the latest frames are kept.")
    headers = {"Cache-Control": "private, max-age=3600, immutable"}
    return Response(frame.jpeg, media_type="image/jpeg", headers=headers)


async def _csv(
    request: Request, manager: RunManager, *, name: str, write: Callable[[RunView], Iterable[str]]
) -> Response:
    run_id = _run_id(request)
    view = await run_in_threadpool(manager.view, run_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{run_id}-{name}.csv"',
        "Cache-Control": "no-store",
    }
    portions = HEAVY_TURNS.portions(iter(write(view)))
    return StreamingResponse(portions, headers=headers, media_type="text/csv; charset=utf-8")


# --------------------------------------------------------------------------------------------- what clients send


def _run_id(request: Request) -> str:
    return str(request.path_params["run_id"])


def _cursor(request: Request) -> Cursor:
    """The header of a browser that connects again wins over the query of the address it connects to."""
    last = request.headers.get("last-event-id", "")
    if last:
        parts = re.fullmatch(r"(\d{1,12})\.(\d{1,12})", last, re.ASCII)
        if parts is None:
            message = f"Last-Event-ID must be two numbers, rows.changes, not {last[:40]!r}."
            raise BadRequestError(message)
        return Cursor(rows=int(parts[1]), changes=int(parts[2]))
    return Cursor(rows=query_count(request, "rows"), changes=query_count(request, "changes"))
