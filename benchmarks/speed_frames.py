"""What live frames cost the training that they show: the picture itself, and the server that hands it out.

The real server and one endless run in this process; a viewer without a browser in another. The run's rate is taken in
turns with nobody there, with frames made for nobody, with a viewer of the curves alone, and with one of frames too.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import uvicorn

from benchmarks.measuring import interleaved, microseconds_each, ratios, summary
from benchmarks.sizes import Sizes
from dqn_core.cli.bench import speed_config
from dqn_core.environments.make import make_environment
from dqn_core.runs.manager import RunManager

__all__ = ["measure"]

_ENDLESS = 1_000_000_000
_WATCH_S = 0.8
"""How long frames go on that were asked for here."""
_SETTLE_S = 3.0
"""Frames go on for 2.5 s after their last viewer has gone."""
_LOOK_EVERY_S = 0.02


def measure(sizes: Sizes) -> dict[str, Any]:
    """Env steps a second in each situation and their shares, by environment; microseconds of one frame."""
    with _server() as (url, manager):
        return {env_id: _measure_in(env_id, url, manager, sizes) for env_id in sizes.envs}


def _measure_in(env_id: str, url: str, manager: RunManager, sizes: Sizes) -> dict[str, Any]:
    run_id = manager.start(speed_config(env_id, _ENDLESS))
    rate = functools.partial(_rate, manager, run_id, sizes.frames_window_s)
    contenders: dict[str, Callable[[], float]] = {
        "nobody": rate,
        "made": functools.partial(rate, watch=True),
        "curves": functools.partial(_watched_rate, rate, url, run_id, "0"),
        "frames": functools.partial(_watched_rate, rate, url, run_id, "1"),
    }
    while manager.snapshot(run_id).record.updates == 0:
        time.sleep(_LOOK_EVERY_S)
    values = interleaved(contenders, sizes.frames_rounds)
    manager.stop(run_id)
    return {
        "steps_per_s": {name: summary(each) for name, each in values.items()},
        "share": {
            "made": summary(ratios(values, "made", "nobody")),
            "frames": summary(ratios(values, "frames", "curves")),
            "curves": summary(ratios(values, "curves", "nobody")),
        },
        "us": _frame_us(env_id, sizes),
    }


def _frame_us(env_id: str, sizes: Sizes) -> dict[str, float]:
    """One frame, drawn and compressed, in the thread that trains."""
    environment = make_environment(env_id)
    try:
        environment.reset(seed=0)
        frame = environment.draw_jpeg
        frame()
        return summary([microseconds_each(frame, sizes.piece_s) for _ in range(max(3, sizes.repetitions))])
    finally:
        environment.close()


def _rate(manager: RunManager, run_id: str, seconds: float, *, watch: bool = False) -> float:
    """Env steps a second over about ``seconds``, after those that were asked for before are gone."""
    _rest(manager, run_id, _SETTLE_S, watch=watch)
    before = manager.snapshot(run_id).record
    after = before
    while after.wall_time_s <= before.wall_time_s:  # on a busy machine the next progress event may be late
        _rest(manager, run_id, seconds, watch=watch)
        after = manager.snapshot(run_id).record
    return (after.env_steps - before.env_steps) / (after.wall_time_s - before.wall_time_s)


def _rest(manager: RunManager, run_id: str, seconds: float, *, watch: bool) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if watch:
            manager.watch(run_id, _WATCH_S)
        time.sleep(_LOOK_EVERY_S if watch else seconds / 10)


def _watched_rate(rate: Callable[[], float], url: str, run_id: str, frames: str) -> float:
    command = [sys.executable, "-m", "benchmarks.live_viewer", url, run_id, frames]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as viewer:
        if viewer.stdout is not None:
            viewer.stdout.readline()
        try:
            return rate()
        finally:
            viewer.kill()


@contextlib.contextmanager
def _server() -> Iterator[tuple[str, RunManager]]:
    """The app served by a thread of this process, over data that are thrown away."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, {"DQN_LAB_DATA": folder}),
        socket.socket() as listener,
    ):
        listener.bind(("127.0.0.1", 0))
        from pages.server.process import get_manager

        server = uvicorn.Server(
            uvicorn.Config("app:app", log_config=None, access_log=False, ws_per_message_deflate=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(_LOOK_EVERY_S)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", get_manager()
        finally:
            server.should_exit = True
            thread.join()
