from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from dqn_core.errors import BusyError
from pages.server.turns import Turns


def test_so_many_at_a_time_and_the_others_wait() -> None:
    turns, lock, now, most = Turns(at_once=2), threading.Lock(), 0, 0
    gate = threading.Barrier(2)

    def work() -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        gate.wait(30)  # two are at work at this very moment
        with lock:
            now -= 1
        return 1

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(turns.take(work) for _ in range(6)))

    assert asyncio.run(all_of_them()) == [1] * 6
    assert most == 2


def test_too_many_are_refused_in_words() -> None:
    turns, begun, end = Turns(at_once=1, most=2), threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        return end.wait(30)

    async def ask() -> None:
        first, second = (asyncio.create_task(turns.take(work)) for _ in range(2))
        await asyncio.to_thread(begun.wait, 30)
        with pytest.raises(BusyError, match="try again"):
            await turns.take(work)
        with pytest.raises(BusyError, match="try again"):
            turns.portions(iter([b"a"]))
        end.set()
        assert await first
        assert await second
        assert await turns.take(work)

    asyncio.run(ask())


def test_a_download_that_is_read_slowly_keeps_nobody_waiting_and_one_that_breaks_off_is_closed() -> None:
    turns, closed = Turns(at_once=1), []

    def made() -> Iterator[int]:
        try:
            yield from range(3)
        finally:
            closed.append(True)

    async def read() -> None:
        slow = turns.portions(made())
        assert await anext(slow) == 0
        assert [each async for each in turns.portions(made())] == [0, 1, 2]
        assert await turns.take(lambda: "too") == "too"
        assert closed == [True]
        await slow.aclose()  # type: ignore[attr-defined]  it is a generator
        assert closed == [True, True]

    asyncio.run(read())
