"""How one server serves a class: all enter, each starts a run of their own, and clicks while it waits and trains.

Students are no browsers (thirty of those are more than one machine runs): each keeps a session, reads the run's stream,
and presses what a page offers. They run in this process, beside the server, on the same cores.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import missing_packages
from benchmarks.measuring import summary
from benchmarks.memory_probe import peak_bytes
from benchmarks.sizes import Sizes

__all__ = ["measure"]

_WARM_UP_S = 15.0
"""What the server prepares after its start is done by then."""
_ARRIVE_S = 10.0
_BETWEEN_CLICKS_S = (2.0, 6.0)
_OVER = {"finished", "stopped", "failed", "interrupted"}


def measure(sizes: Sizes) -> dict[str, Any]:
    """Milliseconds to answer, seconds until runs begin and are over, and the server's memory."""
    if missing := missing_packages("httpx", "websockets"):
        return {"skipped": missing}
    from tests.support.live_server import LiveServer

    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        settings = {"DQN_LAB_MAX_ACTIVE_RUNS": str(cores)}
        with LiveServer(Path(folder) / "data", Path(folder) / "server.log", settings=settings) as server:
            time.sleep(_WARM_UP_S)
            memory = {"idle": peak_bytes(server.pid)}
            lesson = asyncio.run(_lesson(server.url, sizes.students))
            memory |= {"after": peak_bytes(server.pid)}
            if noise := server.take_noise():
                msg = f"The server complained: {noise[0]}"
                raise RuntimeError(msg)
    return {"students": sizes.students, "arrive_s": _ARRIVE_S, "cores": cores, "server_bytes": memory} | lesson


async def _lesson(url: str, count: int) -> dict[str, Any]:
    from benchmarks.student import Student

    alone = []
    for _ in range(3):
        async with Student(url) as visitor:
            alone.append(await visitor.enter())
    async with contextlib.AsyncExitStack() as stack:
        students = [await stack.enter_async_context(Student(url)) for _ in range(count)]
        entered = await asyncio.gather(*(each.enter() for each in students))
        began = time.perf_counter()
        trained = await asyncio.gather(*(_train(each, random.Random(i)) for i, each in enumerate(students)))  # noqa: S311
        took = time.perf_counter() - began
    return {
        "enter_ms": {"alone": _ms(alone), "at_once": _ms(entered)},
        "start_ms": _ms([each["start"] for each in trained]),
        "click_ms": _ms([click for each in trained for click in each["clicks"]]),
        "begun_s": summary([each["begun"] for each in trained]),
        "over_s": summary([each["over"] for each in trained]),
        "all_over_s": took,
        "solved": sum(each["reason"] == "solved" for each in trained),
    }


async def _train(student: Any, dice: random.Random) -> dict[str, Any]:
    """Start CartPole with the preset ``fast``, and click now and then until the run is over."""
    await asyncio.sleep(dice.uniform(0.0, _ARRIVE_S))
    await student.choose("Preset", "Fast")
    await student.press("Full speed")
    pressed_at = time.perf_counter()
    start = await student.press("Start")
    is_over = asyncio.Event()
    clicking = asyncio.create_task(_click_until(is_over, student, dice))
    begun, reason = None, None
    async for message in student.run_messages():
        if begun is None and message["state"] != "queued":
            begun = time.perf_counter() - pressed_at
        if message["state"] in _OVER:
            reason = message["reason"]
            break
    over = time.perf_counter() - pressed_at
    is_over.set()
    return {"start": start, "begun": begun, "over": over, "clicks": await clicking, "reason": reason}


async def _click_until(is_over: asyncio.Event, student: Any, dice: random.Random) -> list[float]:
    taken: list[float] = []
    while not is_over.is_set():
        try:
            await asyncio.wait_for(is_over.wait(), dice.uniform(*_BETWEEN_CLICKS_S))
        except TimeoutError:
            taken.append(await student.switch("Show agent", is_on=len(taken) % 2 == 1))
    return taken


def _ms(seconds: list[float]) -> dict[str, float]:
    return summary([1e3 * each for each in seconds])
