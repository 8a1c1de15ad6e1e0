"""How one server serves a class: all join, each starts a run of their own, and clicks while it waits and trains.

Most students are no browsers (sixty of those are more than one machine runs): each keeps a session, reads the run's
stream, and presses what a page offers. A few are. The teacher's wall is followed all the time. All of this runs beside
the server, on the same cores.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import missing_packages
from benchmarks.measuring import summary
from benchmarks.memory_probe import peak_bytes
from benchmarks.sizes import Sizes
from benchmarks.speed_soak import resident_bytes

__all__ = ["measure"]

_WARM_UP_S = 15.0
"""What the server prepares after its start is done by then."""
_ARRIVE_S = 10.0
_BETWEEN_CLICKS_S = (2.0, 6.0)
_OVER = {"finished", "stopped", "failed", "interrupted"}
_ENDED = re.compile("Finished|Solved|limit reached")
_PAGE_MS = 120_000.0
_MOST_SEEN = 60
"""Cards that a screen can show."""
_CALM_S = 15.0
"""What ended runs leave behind is stored and given back by then."""


def measure(sizes: Sizes) -> dict[str, Any]:
    """Milliseconds to answer, seconds until runs begin and are over, the wall's delay, and the server's memory."""
    if missing := missing_packages("httpx", "websockets"):
        return {"skipped": missing}
    from tests.support.live_server import LiveServer

    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        settings = {"DQN_LAB_MAX_ACTIVE_RUNS": str(cores)}
        with LiveServer(Path(folder) / "data", Path(folder) / "server.log", settings=settings) as server:
            time.sleep(_WARM_UP_S)
            memory = {"idle": peak_bytes(server.pid)}
            lesson = asyncio.run(_lesson(server.url, server.pid, sizes))
            memory |= {"after": peak_bytes(server.pid)}
            if noise := server.take_noise():
                msg = f"The server complained: {noise[0]}"
                raise RuntimeError(msg)
    return {"students": sizes.students, "arrive_s": _ARRIVE_S, "cores": cores, "server_bytes": memory} | lesson


async def _lesson(url: str, pid: int, sizes: Sizes) -> dict[str, Any]:
    from benchmarks.student import Student

    alone = []
    for _ in range(3):
        async with Student(url) as visitor:
            alone.append(await visitor.enter())
    async with contextlib.AsyncExitStack() as stack:
        teacher = await stack.enter_async_context(Student(url))
        await teacher.enter("class")
        await teacher.press("Open the class", {"Title of the class": "Thursday"})
        pages = await stack.enter_async_context(_browsers(sizes.class_browsers))
        students = [await stack.enter_async_context(Student(url)) for _ in range(sizes.students - len(pages))]

        began = time.perf_counter()
        joining = [_join(each, teacher.class_code, f"student {i}") for i, each in enumerate(students)]
        entering = [_join_in_browser(each, url, teacher.class_code, f"browser {i}") for i, each in enumerate(pages)]
        joined = await asyncio.gather(*joining, *entering)
        all_joined = time.perf_counter() - began

        wall = _Wall(url, teacher.ticket, sizes.students)
        following = asyncio.create_task(wall.follow())
        await wall.see_all()
        entered = await asyncio.gather(*(each.go("train") for each in students))
        began = time.perf_counter()
        trained, in_browsers = await asyncio.gather(
            asyncio.gather(*(_train(each, random.Random(i)) for i, each in enumerate(students))),  # noqa: S311
            asyncio.gather(*(_train_in_browser(each, url) for each in pages)),
        )
        took = time.perf_counter() - began
        await asyncio.sleep(_CALM_S)
        following.cancel()
        rest = await _rest(pid, sizes.class_rest_s)
    return {
        "browsers": len(pages),
        "join_s": summary(joined),
        "all_joined_s": all_joined,
        "enter_ms": {"alone": _ms(alone), "at_once": _ms(entered)},
        "start_ms": _ms([each["start"] for each in trained]),
        "click_ms": _ms([click for each in trained for click in each["clicks"]]),
        "click_p95_ms": 1e3 * _p95([click for each in trained for click in each["clicks"]]),
        "begun_s": summary([each["begun"] for each in trained]),
        "over_s": summary([each["over"] for each in trained] + list(in_browsers)),
        "all_over_s": took,
        "solved": sum(each["reason"] == "solved" for each in trained),
        "wall_delay_s": _delays(wall, trained),
        "rest": rest,
    }


async def _join(student: Any, code: str, nickname: str) -> float:
    """Open the class's address and join it; seconds."""
    return float(
        await student.enter("class", f"code={code}")
        + await student.press("Join", {"Code of the class": code, "Your nickname": nickname})
    )


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
    heard: dict[str, float] = {}
    async for message in student.run_messages():
        heard.setdefault(message["state"], time.perf_counter())
        if begun is None and message["state"] != "queued":
            begun = time.perf_counter() - pressed_at
        if message["state"] in _OVER:
            reason = message["reason"]
            break
    over = time.perf_counter() - pressed_at
    is_over.set()
    clicks = await clicking
    return {"start": start, "begun": begun, "over": over, "clicks": clicks, "reason": reason, "heard": heard}


async def _click_until(is_over: asyncio.Event, student: Any, dice: random.Random) -> list[float]:
    taken: list[float] = []
    while not is_over.is_set():
        try:
            await asyncio.wait_for(is_over.wait(), dice.uniform(*_BETWEEN_CLICKS_S))
        except TimeoutError:
            taken.append(await student.switch("Show agent", is_on=len(taken) % 2 == 1))
    return taken


# ------------------------------------------------------------------------------------------------------------ the wall


class _Wall:
    """What the teacher's wall shows of each student, and since when."""

    _socket: Any

    def __init__(self, url: str, ticket: str, students: int) -> None:
        self._url, self._ticket, self._students = url, ticket, students
        self._is_complete = asyncio.Event()
        self._names: dict[str, str] = {}
        """By member: the nickname."""
        self.since: dict[str, dict[str, float]] = {}
        """By nickname: when each state of the run was shown first."""

    async def follow(self) -> None:
        """Until it is cancelled."""
        import websockets

        from benchmarks.live_viewer import socket_address

        async with websockets.connect(socket_address(self._url), max_size=None) as socket:
            self._socket = socket
            await socket.send(self._wish(1, []))
            async for text in socket:
                message = json.loads(text)
                if "error" in message:
                    raise RuntimeError(message["error"])
                self._take(message.get("data") or {})

    async def see_all(self) -> None:
        """Wait until every student has a card, and have all of them in sight."""
        async with asyncio.timeout(_PAGE_MS / 1e3):
            await self._is_complete.wait()
        await self._socket.send(json.dumps({"unsubscribe": 1}))
        await self._socket.send(self._wish(2, list(self._names)[:_MOST_SEEN]))

    def _wish(self, number: int, seen: Sequence[str]) -> str:
        parameters = {"ticket": self._ticket, "seen": list(seen)}
        return json.dumps({"subscribe": number, "topic": "wall", "parameters": parameters, "language": "en"})

    def _take(self, data: dict[str, Any]) -> None:
        now = time.perf_counter()
        for member, card in data.get("cards", {}).items():
            self._names[member] = card["name"]
            if card["state"]:
                self.since.setdefault(card["name"], {}).setdefault(card["state"], now)
        if len(self._names) >= self._students:
            self._is_complete.set()


def _delays(wall: _Wall, trained: Sequence[dict[str, Any]]) -> dict[str, float]:
    """From what a student's own page says to what the teacher's wall does: median and 95th percentile, in seconds."""
    delays = []
    for number, each in enumerate(trained):
        shown = wall.since.get(f"student {number}", {})
        delays += [max(0.0, shown[state] - at) for state, at in each["heard"].items() if state in shown]
    return {"median": summary(delays)["median"], "p95": _p95(delays), "count": len(delays)}


# -------------------------------------------------------------------------------------------------------- real browsers


@contextlib.asynccontextmanager
async def _browsers(count: int) -> AsyncIterator[list[Any]]:
    """Pages of so many browsers with cookies of their own; none where there is no browser to drive."""
    from scripts.find_chromium import NoChromiumError, find_chromium

    try:
        path = find_chromium()
    except NoChromiumError:
        yield []
        return
    if missing_packages("playwright"):
        yield []
        return
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox"])
        pages = [await (await browser.new_context(locale="en-US")).new_page() for _ in range(count)]
        for page in pages:
            page.set_default_timeout(_PAGE_MS)
        try:
            yield pages
        finally:
            await browser.close()


async def _join_in_browser(page: Any, url: str, code: str, nickname: str) -> float:
    began = time.perf_counter()
    await page.goto(f"{url}/class?code={code}")
    await page.get_by_label("Your nickname").fill(nickname)
    await page.get_by_role("button", name="Join", exact=True).click()
    await page.get_by_test_id("class-nickname").wait_for()
    return time.perf_counter() - began


async def _train_in_browser(page: Any, url: str) -> float:
    """Start what the form has with the preset ``fast``; seconds from Start until the run is over."""
    await page.goto(f"{url}/train")
    await page.get_by_text("Fast", exact=True).click()
    began = time.perf_counter()
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.locator("[data-testid=run-state]", has_text=_ENDED).wait_for(timeout=10 * _PAGE_MS)
    return time.perf_counter() - began


# ------------------------------------------------------------------------------------------------------------- at rest


async def _rest(pid: int, seconds: float) -> dict[str, float]:
    """The server's memory while the class looks on and nothing trains: at first, at the end, and its growth."""
    first = resident_bytes(pid)
    await asyncio.sleep(seconds)
    last = resident_bytes(pid)
    return {"first": first, "last": last, "growth": last / first - 1.0, "seconds": seconds}


def _ms(seconds: list[float]) -> dict[str, float]:
    return summary([1e3 * each for each in seconds])


def _p95(values: Sequence[float]) -> float:
    in_order = sorted(values)
    return in_order[min(len(in_order) - 1, int(0.95 * len(in_order)))]
