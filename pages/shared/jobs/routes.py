"""The routes of jobs and of what comes of them.

GET /live/runs/{run_id}/videos/{key}/{name}          a video; also at /films/, its address in earlier versions
GET /live/runs/{run_id}/recordings/{name}.jpg        a small picture of a recorded episode
GET /live/runs/{run_id}/evaluations/{position}.csv   an evaluation, a row an episode
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from dqn_core.environments.pictures import as_jpeg
from dqn_core.episodes.frames import episode_picture
from dqn_core.episodes.recordings import read_recording
from dqn_core.runs.jobs.videos import video_path
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.evaluations import EvaluationStore
from dqn_core.training.run_folder import RunFolder
from pages.server.answers import error_answer
from pages.server.process import get_manager
from pages.shared.error_answers import json_errors
from pages.shared.export.csv_export import csv_style
from pages.shared.jobs.wire import evaluation_csv

__all__ = ["job_routes"]

_TYPES = {".mp4": "video/mp4", ".gif": "image/gif"}
_PICTURE_WIDTH = 300
_KEPT_PICTURES = 512


def job_routes(manager: Callable[[], RunManager] = get_manager) -> list[BaseRoute]:
    """The routes; ``manager`` gives the manager of the runs."""
    run = "/live/runs/{run_id}"

    def route(path: str, handler: Callable[[Request, RunManager], Awaitable[Response]]) -> Route:
        async def answer(request: Request) -> Response:
            return await handler(request, await run_in_threadpool(manager))

        return Route(path, json_errors(answer), methods=["GET"])

    return [
        route(f"{run}/videos/{{key}}/{{name}}", _video),
        route(f"{run}/films/{{key}}/{{name}}", _video),
        route(f"{run}/recordings/{{name}}", _recording),
        route(f"{run}/evaluations/{{name}}", _evaluation),
    ]


async def _video(request: Request, manager: RunManager) -> Response:
    values = request.path_params

    def find() -> Path | None:
        return video_path(manager.run_folder(values["run_id"]), values["key"], values["name"])

    path = await run_in_threadpool(find)
    if path is None:
        return error_answer(404, "There is no such video any more: have it made again.")
    # Pictures are compressed already, and a player asks for parts of the file as it is.
    headers = {"Content-Encoding": "identity", "Cache-Control": "private, max-age=3600"}
    return FileResponse(path, media_type=_TYPES[path.suffix], headers=headers)


async def _recording(request: Request, manager: RunManager) -> Response:
    name = re.sub(r"\.jpg$", "", request.path_params["name"])

    def draw() -> bytes:
        run_folder = manager.run_folder(request.path_params["run_id"])
        return _picture(run_folder, name, read_recording(run_folder, name).env_step)

    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(await run_in_threadpool(draw), media_type="image/jpeg", headers=headers)


@functools.lru_cache(maxsize=_KEPT_PICTURES)
def _picture(run_folder: Path, name: str, _env_step: int) -> bytes:
    """A recorded episode as a small JPEG; one recorded anew at another env step is another."""
    config = RunFolder.open(run_folder).config
    image = Image.fromarray(episode_picture(config, read_recording(run_folder, name)))
    image.thumbnail((_PICTURE_WIDTH, _PICTURE_WIDTH))
    return as_jpeg(np.asarray(image))


async def _evaluation(request: Request, manager: RunManager) -> Response:
    run_id, name = request.path_params["run_id"], request.path_params["name"]
    position, style = re.fullmatch(r"(\d{1,6})\.csv", name, re.ASCII), csv_style(request)

    def find() -> str | None:
        manager.run_folder(run_id)  # says so where there is no such run
        record = EvaluationStore(manager.store.database).get(run_id, int(position[1])) if position else None
        return None if record is None else evaluation_csv(record, style)

    text = await run_in_threadpool(find)
    if text is None:
        return error_answer(404, "There is no such evaluation of this run.")
    headers = {"Content-Disposition": f'attachment; filename="{run_id}-evaluation-{name}"', "Cache-Control": "no-store"}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
