"""What a browser costs the training that it looks at, and how soon the page answers a click meanwhile.

One real server, one endless run on it, started through the page. Its rate is taken in turns without any page, with the
page open, and with the page open and frames on; Chromium runs on the same cores.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import browser_or_reason
from benchmarks.measuring import interleaved, ratios, summary
from benchmarks.memory_probe import peak_bytes
from benchmarks.sizes import Sizes

__all__ = ["measure"]

_SETTLE_S = 3.0
"""Frames go on for 2.5 s after their last viewer has gone."""
_BEYOND_ALL_ROWS = 999_999_999
_CLOSED, _OPEN, _FRAMES = "closed", "open", "frames"


def measure(sizes: Sizes) -> dict[str, Any]:
    """Env steps a second without and with a page, and milliseconds to answer; only a reason where that cannot be."""
    chromium, reason = browser_or_reason()
    return {"skipped": reason} if chromium is None else _measure_with(chromium, sizes)


def _measure_with(chromium: Path, sizes: Sizes) -> dict[str, Any]:
    from benchmarks.dashboard_browser import DashboardPage, browser_page
    from tests.support.live_server import LiveServer

    with (
        tempfile.TemporaryDirectory() as folder,
        LiveServer(Path(folder) / "data", Path(folder) / "server.log") as server,
        browser_page(chromium) as page,
    ):
        memory = {"idle": peak_bytes(server.pid)}
        dashboard = DashboardPage(page, server.url)
        dashboard.start_endless_run()
        result = _rates(dashboard, server.url, sizes) | {"clicks_ms": _clicks(dashboard, sizes)}
        return result | {"server_bytes": memory | {"after": peak_bytes(server.pid)}}


def _rates(dashboard: Any, url: str, sizes: Sizes) -> dict[str, Any]:
    def rate() -> float:
        dashboard.rest(_SETTLE_S)
        steps, seconds = _progress(url, dashboard.run_id)
        dashboard.rest(sizes.dashboard_window_s)
        steps_after, seconds_after = _progress(url, dashboard.run_id)
        return (steps_after - steps) / (seconds_after - seconds)

    def closed() -> float:
        dashboard.close()
        return rate()

    def opened(*, frames: bool) -> float:
        dashboard.open(frames=frames)
        return rate()

    contenders = {
        _CLOSED: closed,
        _OPEN: lambda: opened(frames=False),
        _FRAMES: lambda: opened(frames=True),
    }
    values = interleaved(contenders, sizes.dashboard_rounds)
    return {
        "steps_per_s": {name: summary(each) for name, each in values.items()},
        "share": {name: summary(ratios(values, name, _CLOSED)) for name in (_OPEN, _FRAMES)},
    }


def _progress(url: str, run_id: str) -> tuple[int, float]:
    """Env steps and seconds of training so far: the first message of the run over a live socket."""
    from benchmarks.live_viewer import run_messages

    cursor = {"rows": _BEYOND_ALL_ROWS, "changes": _BEYOND_ALL_ROWS}
    with contextlib.closing(run_messages(url, run_id, frames=False, cursor=cursor)) as messages:
        message = next(messages)
    if message["state"] != "running":
        msg = f"The run is {message['state']}, not running."
        raise RuntimeError(msg)
    return int(message["progress"]["env_step"]), float(message["progress"]["wall_time_s"])


def _clicks(dashboard: Any, sizes: Sizes) -> dict[str, Any]:
    """Milliseconds to answer: while the run trains at full speed, and while it is paused."""
    dashboard.open(frames=False)
    training = dashboard.switch_ms(sizes.clicks)
    pause, resume = dashboard.pause_ms(sizes.clicks)
    dashboard.pause()
    idle = dashboard.switch_ms(sizes.clicks)
    return {
        "training": {"watch": summary(training), "pause": summary(pause)},
        "idle": {"watch": summary(idle), "resume": summary(resume)},
    }
