"""A run as a topic of the live socket: its episodes, its changes, where it stands, and its running episode's frames.

Parameters: ``run``, its id, ``frames``, whether its pictures are watched, and ``saliency``, whether with that. The
first message comes at once, the others as the run goes on, ten a second at most; the last has the run's end.
"""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncGenerator, Callable

from starlette.concurrency import run_in_threadpool

from dqn_core.runs.live_feed import FeedUpdate
from dqn_core.runs.manager import RunManager
from dqn_core.runs.view import RunView
from pages.server.process import get_manager
from pages.shared.browser.live_socket import News, Shared, Subscription, Topic, next_tick
from pages.train.wire import Cursor, message

__all__ = ["run_topic"]

_BETWEEN_LOOKS_S = 1.0
_WATCH_S = 2.5
"""Frames go on for this long after a viewer was last there; it is there again each second."""
_INLINE_ROWS = 200
"""Messages with more rows are made in a worker thread: the event loop serves every page of the server."""


def run_topic(manager: Callable[[], RunManager] = get_manager) -> Topic:
    """The topic; ``manager`` gives the manager whose runs it shows."""
    shared: Shared[tuple[FeedUpdate, News]] = Shared()

    async def follow(subscription: Subscription) -> AsyncGenerator[News]:
        run_id, with_frames = subscription.text("run"), subscription.flag("frames")
        since = Cursor(
            rows=subscription.reached("rows"),
            changes=subscription.reached("changes"),
            frame=subscription.reached("frame"),
        )
        own, view = await run_in_threadpool(_opened, manager, run_id)
        look = own.look
        if with_frames:
            look = functools.partial(own.watch, seconds=_WATCH_S, with_saliency=subscription.flag("saliency"))
        version, looked_at = 0, 0.0
        while True:
            now = time.monotonic()
            if now - looked_at >= _BETWEEN_LOOKS_S:
                looked_at = now
                look(run_id)
            if view.feed.is_left:  # another server has the run now, or this one has
                (own, view), version = await run_in_threadpool(_opened, manager, run_id), 0
            if view.feed.version != version:
                key = (run_id, since, with_frames, subscription.language)
                make = functools.partial(_make, view, since, subscription.language, with_frames=with_frames)
                update, news = await shared.get(key, make)
                yield news
                if news.is_last:
                    return
                since = since.after(update)
                # A viewer that is behind goes on with the same version until it has every row.
                version = update.version if since.rows >= update.rows_total else 0
            await next_tick()

    return follow


def _opened(manager: Callable[[], RunManager], run_id: str) -> tuple[RunManager, RunView]:
    own = manager()
    return own, own.view(run_id)


async def _make(view: RunView, since: Cursor, language: str, *, with_frames: bool) -> tuple[FeedUpdate, News]:
    def make() -> tuple[FeedUpdate, News]:
        update = view.read(since.rows, since.changes)
        text = message(update, since, language, with_frames=with_frames)
        reached = since.after(update)
        cursor = {"rows": reached.rows, "changes": reached.changes, "frame": reached.frame}
        return update, News(text, cursor, is_last=update.is_last)

    if view.is_in_memory(since.rows) and view.rows_after(since.rows) <= _INLINE_ROWS:
        return make()
    return await run_in_threadpool(make)
