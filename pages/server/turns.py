"""Answers that cost much are made a few at a time, so that everybody else's page stays quick.

Whoever comes later waits; where too many wait already, the answer is 503 with a word of why. A download is made portion
by portion, each in a turn of its own: one that reads slowly keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool

from dqn_core.errors import BusyError, mark

__all__ = ["HEAVY_TURNS", "Turns"]

Made = TypeVar("Made")
_END = object()


class Turns:
    """Used by the coroutines of a server.

    Parameters
    ----------
    at_once
        Pieces of work at a time.
    most
        Requests that wait, work, or have their download under way; a further one is refused.
    """

    def __init__(self, at_once: int = 2, most: int = 24) -> None:
        self._at_once, self._most = at_once, most
        self._open = 0
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def take(self, work: Callable[[], Made]) -> Made:
        """What ``work`` gives, done in a worker thread when its turn comes; raises BusyError where too many wait."""
        with self._one_more():
            async with self._place():
                return await run_in_threadpool(work)

    def portions(self, made: Iterator[Made]) -> AsyncIterator[Made]:
        """What ``made`` gives, each portion when its turn comes; raises BusyError at once where too many are there."""
        self._refuse_more()
        return self._portions(made)

    async def _portions(self, made: Iterator[Made]) -> AsyncIterator[Made]:
        with self._one_more(), contextlib.ExitStack() as stack:
            close = getattr(made, "close", None)
            if close is not None:
                stack.callback(close)
            while True:
                async with self._place():
                    portion = await run_in_threadpool(next, made, _END)
                if portion is _END:
                    return
                yield cast("Made", portion)

    def _place(self) -> asyncio.Semaphore:
        return self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._at_once))

    @contextlib.contextmanager
    def _one_more(self) -> Iterator[None]:
        self._refuse_more()
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def _refuse_more(self) -> None:
        if self._open >= self._most:
            raise BusyError(
                mark("The server is already preparing as many files and comparisons as it can: try again in a minute.")
            )


HEAVY_TURNS = Turns()
"""Of all exports and comparisons of this server."""
