"""Runs as streams of server-sent events, pulled by each viewer at its own pace.

Nothing is queued for a viewer. Between two messages it waits until its connection took the last one and for the next
tick; whatever happened meanwhile comes in one message. So a slow viewer gets fewer and larger updates. All viewers
share the ticks, ten a second, and those that have the same rows share the message too: fifty of them cost little more
Python than one, and Python is what a trainer's thread waits for.

A browser opens six connections to a host at most, for all its tabs and windows together. So the streams of one browser
that stay open are few; further ones end after each message, and their viewers ask again from where they stand.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool

from dqn_core.errors import StoreError
from dqn_core.runs.live_feed import FeedUpdate
from dqn_core.runs.view import RunView
from pages.train.wire import HEARTBEAT, Cursor, message

__all__ = ["RunStreams"]

_LOG = logging.getLogger(__name__)

_TICK_S = 0.1
_HEARTBEAT_S = 10.0
_BETWEEN_LOOKS_S = 1.0
_MOST_LASTING = 3
"""Streams of one browser that stay open."""
_INLINE_ROWS = 200
"""Messages with more rows are made in a worker thread: the event loop serves every page of the server."""

_Made = tuple[FeedUpdate, bytes]


class RunStreams:
    """The streams of one server; used from its event loop alone.

    Parameters
    ----------
    is_closing
        Whether the server is about to end: every stream then ends within a tick.
    """

    def __init__(self, is_closing: Callable[[], bool]) -> None:
        self._is_closing = is_closing
        self._tick = 0
        self._lasting: Counter[str] = Counter()  # by browser
        self._made: dict[tuple[str, Cursor, bool], asyncio.Future[_Made]] = {}

    async def events(
        self, view: RunView, since: Cursor, look: Callable[[], None], *, with_frames: bool, browser: str = ""
    ) -> AsyncIterator[bytes]:
        """Messages about a run from a cursor on, the first at once, to its end or the server's.

        ``look`` is called each second while the viewer is there. Of the streams of one ``browser`` (an id; empty for
        one that is not known) the first few last so long; further ones end once they have brought all that is new.
        """
        is_lasting = not browser or self._lasting[browser] < _MOST_LASTING
        self._lasting[browser] += is_lasting
        messages = self._events(view, since, look, with_frames=with_frames, is_lasting=is_lasting)
        try:
            async with contextlib.aclosing(messages):
                async for text in messages:
                    yield text
        finally:
            self._lasting[browser] -= is_lasting
            if not self._lasting[browser]:
                del self._lasting[browser]

    async def _events(
        self, view: RunView, since: Cursor, look: Callable[[], None], *, with_frames: bool, is_lasting: bool
    ) -> AsyncGenerator[bytes]:
        version, sent_at, looked_at = 0, time.monotonic(), 0.0
        while not self._is_closing():
            now = time.monotonic()
            if now - looked_at >= _BETWEEN_LOOKS_S:
                looked_at = now
                look()
            if view.feed.version != version:
                try:
                    update, text = await self._message(view, since, with_frames=with_frames)
                except StoreError:  # the viewer connects again and asks for the same rows
                    _LOG.exception("A viewer's stream ended")
                    return
                yield text
                since, sent_at = since.after(update), now
                if update.is_last:
                    return
                # A viewer that is behind goes on with the same version until it has every row.
                version = update.version if since.rows >= update.rows_total else 0
                if version and not is_lasting:
                    return
            elif now - sent_at >= _HEARTBEAT_S:
                sent_at = now
                yield HEARTBEAT
            await asyncio.sleep(_TICK_S - time.monotonic() % _TICK_S)

    async def _message(self, view: RunView, since: Cursor, *, with_frames: bool) -> _Made:
        """What is new after a cursor; made once a tick for all viewers that have the same."""
        tick = int(time.monotonic() / _TICK_S)
        if tick != self._tick:
            self._tick, self._made = tick, {}
        key = (view.run_id, since, with_frames)
        if key not in self._made:
            self._made[key] = asyncio.ensure_future(_make(view, since, with_frames=with_frames))
        return await asyncio.shield(self._made[key])  # one viewer that leaves takes nothing from the others


async def _make(view: RunView, since: Cursor, *, with_frames: bool) -> _Made:
    def make() -> _Made:
        update = view.read(since.rows, since.changes)
        return update, message(update, since, with_frames=with_frames)

    if view.is_in_memory(since.rows) and view.rows_after(since.rows) <= _INLINE_ROWS:
        return make()
    return await run_in_threadpool(make)
