"""The routes of replays: an episode's numbers, and its pictures while they are drawn.

    GET /live/runs/{run_id}/replay?checkpoint=best&seed=0&epsilon=0   200 numbers | 202 {"stage": "waiting" | "playing"}
                                                            &from=0   of a long episode, those from that step on
                                                            &with=gravity%3D-5   in an environment with that argument
    GET /live/replays/{replay_id}/frames?from=0                       the pictures from there on that are drawn by now
    GET /live/replays/{replay_id}/seen?from=0                         what the network sees, where that is a picture
    GET /live/replays/{replay_id}/important?from=0                    how much its Q-values hang on each point of it

Both wait a while for what is not there yet. The first begins to play the episode; asked again, it goes on waiting.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dqn_core.config import Arguments
from dqn_core.environments.make import inspect_environment
from dqn_core.environments.planes import PictureLayout
from dqn_core.runs.manager import RunManager
from dqn_core.runs.policies import find_policy
from dqn_core.runs.replays import Replay, Replays
from pages.replay.wire import frame_pack, important_pack, replay_numbers, seen_pack
from pages.server.answers import JsonAnswer, error_answer, query_count, query_number
from pages.server.process import get_manager, get_replays
from pages.server.shutdown import is_closing
from pages.shared.error_answers import json_errors

__all__ = ["replay_routes"]

_TICK_S = 0.02
_MOST_TICKS = 250
"""An answer that has nothing to say by then (5 s) says so, and is asked for again."""


def replay_routes(
    manager: Callable[[], RunManager] = get_manager, replays: Callable[[], Replays] = get_replays
) -> list[BaseRoute]:
    """The routes; ``manager`` gives the manager of the runs, ``replays`` their replays."""
    numbers = functools.partial(_numbers, manager=manager, replays=replays)
    frames = functools.partial(_frames, replays=replays)
    return [
        Route("/live/runs/{run_id}/replay", json_errors(numbers), methods=["GET"]),
        Route("/live/replays/{replay_id}/frames", json_errors(frames), methods=["GET"]),
        *(
            Route(
                f"/live/replays/{{replay_id}}/{name}",
                json_errors(functools.partial(_seen, replays=replays, pack=pack)),
                methods=["GET"],
            )
            for name, pack in (("seen", seen_pack), ("important", important_pack))
        ),
    ]


async def _numbers(request: Request, *, manager: Callable[[], RunManager], replays: Callable[[], Replays]) -> Response:
    run_id = str(request.path_params["run_id"])
    checkpoint = request.query_params.get("checkpoint", "best")
    seed, epsilon = query_count(request, "seed"), query_number(request, "epsilon")
    first, others = query_count(request, "from"), request.query_params.get("with", "")

    def ask() -> Replay:
        path, load = find_policy(manager().run_folder(run_id), checkpoint)
        config = manager().snapshot(run_id).record.config
        if others:
            config = config.replace(evaluation_env_kwargs=Arguments.of_text(others))
        return replays().ask(path, load, seed, epsilon, config.as_evaluated.env_kwargs)

    replay = await run_in_threadpool(ask)
    await _until(lambda: replay.rollout is not None or replay.stage.is_over)
    if replay.error is not None:
        raise replay.error
    headers = {"Cache-Control": "no-store"}
    if replay.config is None:
        return JsonAnswer({"stage": replay.stage}, status_code=202, headers=headers)
    config = replay.config
    report = await run_in_threadpool(inspect_environment, *config.environment)
    content = await run_in_threadpool(replay_numbers, replay, report, first)
    return Response(content, media_type="application/json", headers=headers)


async def _frames(request: Request, *, replays: Callable[[], Replays]) -> Response:
    first = query_count(request, "from")
    replay = await run_in_threadpool(replays().find, str(request.path_params["replay_id"]))
    if replay is None:
        return error_answer(404, "This replay is no longer kept: ask for the episode again.")
    await _until(lambda: len(replay.frames) > first or replay.stage.is_over)
    if replay.error is not None:
        raise replay.error
    # JPEG does not get smaller: the server's own compression is kept from trying.
    headers = {"Cache-Control": "no-store", "Content-Encoding": "identity"}
    return Response(frame_pack(replay, first), media_type="application/octet-stream", headers=headers)


async def _seen(
    request: Request, *, replays: Callable[[], Replays], pack: Callable[[Replay, PictureLayout, int], bytes]
) -> Response:
    first = query_count(request, "from")
    replay = await run_in_threadpool(replays().find, str(request.path_params["replay_id"]))
    if replay is None:
        return error_answer(404, "This replay is no longer kept: ask for the episode again.")
    if replay.error is not None:
        raise replay.error
    content = await run_in_threadpool(_packed, replay, pack, first)
    if content is None:
        return error_answer(404, "This episode has no pictures that a network sees.")
    headers = {"Cache-Control": "no-store", "Content-Encoding": "identity"}
    return Response(content, media_type="application/octet-stream", headers=headers)


def _packed(replay: Replay, pack: Callable[[Replay, PictureLayout, int], bytes], first: int) -> bytes | None:
    if replay.config is None:
        return None
    layout = inspect_environment(*replay.config.environment).layout
    return None if layout is None else pack(replay, layout, first)


async def _until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that a worker thread brings about, but not forever."""
    for _ in range(_MOST_TICKS):
        if holds() or is_closing():
            return
        await asyncio.sleep(_TICK_S)
