"""A run in other programs' formats, made when somebody asks: ``GET /live/runs/{id}/export/{format}?weights=best``.

Formats: safetensors, onnx, csv (``decimal=comma`` if need be), xlsx, parquet, tensorboard (:mod:`dqn_core.export`), and
``checkpoint``, the run's newest as it is on the disk. Making one takes a moment: it happens in a worker thread, of a
log portion by portion.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from dqn_core.errors import RunFolderError, mark
from dqn_core.export.formats import FORMATS, FormatName
from dqn_core.export.run_content import RunContent
from dqn_core.export.tables import csv_portions
from dqn_core.runs.manager import RunManager
from dqn_core.training.checkpoint import whole_file
from dqn_core.training.csv_log import CsvStyle
from pages.server.answers import error_answer
from pages.server.process import get_manager
from pages.server.turns import HEAVY_TURNS
from pages.shared.error_answers import json_errors
from pages.shared.export.csv_export import csv_style

__all__ = ["export_routes"]

_BINARY = "application/octet-stream"
_PORTION = 2**20


def export_routes(manager: Callable[[], RunManager] = get_manager) -> list[BaseRoute]:
    """The route; ``manager`` gives the manager whose runs it exports."""

    async def answer(request: Request) -> Response:
        run_id, name = str(request.path_params["run_id"]), str(request.path_params["format"])
        weights, style = request.query_params.get("weights", "best"), csv_style(request)
        return await HEAVY_TURNS.take(functools.partial(_answer, manager, run_id, name, weights, style))

    return [Route("/live/runs/{run_id}/export/{format}", json_errors(answer), methods=["GET"])]


def _answer(manager: Callable[[], RunManager], run_id: str, name: str, weights: str, style: CsvStyle) -> Response:
    content = _content(manager(), run_id)
    if name == "checkpoint":
        return _checkpoint(content)
    known: tuple[FormatName, ...] = get_args(FormatName)
    chosen = next((each for each in known if each == name), None)
    if chosen is None:
        return error_answer(404, f"There is no format {name[:40]!r}: choose one of {', '.join(known)}, checkpoint.")
    is_csv = chosen == "csv"
    portions = csv_portions(content, style) if is_csv else FORMATS[chosen].portions(content, weights)
    first = next(portions, b"")  # what cannot be made says so before anything is sent
    made = HEAVY_TURNS.portions(itertools.chain([first], portions))
    return StreamingResponse(made, headers=_headers(FORMATS[chosen].file_name(content, weights)), media_type=_BINARY)


def _content(manager: RunManager, run_id: str) -> RunContent:
    record, view = manager.snapshot(run_id).record, manager.view(run_id)
    return RunContent(
        run_id=run_id,
        folder=manager.open_folder(run_id),
        started_at=record.started_at,
        episodes=lambda: itertools.chain.from_iterable(view.episodes()),
    )


def _checkpoint(content: RunContent) -> Response:
    """The file as it is now: a newer one takes its name, not its contents, while it is sent."""
    newest = next((each for each in content.folder.checkpoints() if each.kind == "last"), None)
    try:
        file = None if newest is None else whole_file(newest.path)
    except OSError:
        file = None
    if file is None:
        raise RunFolderError(mark("The run has no checkpoint yet: pause it, or wait until the warm-up is over."))
    headers = _headers(f"{content.run_id}-checkpoint.safetensors")
    headers |= {"Content-Length": str(file.size), "Content-Encoding": "identity"}
    return StreamingResponse(file.portions(_PORTION), headers=headers, media_type=_BINARY)  # in worker threads


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
