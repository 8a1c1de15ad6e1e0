"""One WebSocket a tab, over which it follows all that it shows: a run, the list of runs, jobs, experiments.

    WS /live/socket

    from the browser   {"subscribe": 1, "topic": "run", "parameters": {...}, "cursor": {...}, "language": "en"}
                       {"unsubscribe": 1}
    to the browser     {"subscription": 1, "cursor": {...}, "over": false, "data": {...}}
                       {"subscription": 1, "error": "There is no run ...", "over": true}
                       {"error": "..."}    what the browser sent makes no sense
                       {"beat": 1}         there was nothing to say for a while

A subscription's number is the browser's choice. Each message carries the cursor that stands for all that has come so
far: whoever subscribes with it, after a lost connection say, gets what follows, each part once. After ``over`` nothing
more comes of a subscription. An error that may pass (a database that is locked) is not over: the server tries again.

Nothing is queued for a tab. What is new is looked for only when the last message was taken, so a slow reader gets
fewer and larger messages, and slows nobody. Viewers of the same thing at the same cursor share the making of a message.

A topic is one entry in the table that the server is made with: a function from a :class:`Subscription` to an async
iterator of :class:`News`. Its coroutines share the event loop with every page: what reads a database does so in a
thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dqn_core.errors import BusyError, ClusterError, DqnLabError, SettingError, StoreError, mark
from dqn_core.json_text import json_text
from pages.server.answers import BadRequestError
from pages.server.shutdown import is_closing as server_is_closing
from pages.shared.texts.i18n import LANGUAGES, error_text, translate

__all__ = ["TICK_S", "News", "Shared", "Subscription", "Topic", "live_socket_routes", "next_tick", "polled"]

TICK_S = 0.1
"""Viewers look for what is new at the same moments, ten times a second, so that they can share what is made."""
_HEARTBEAT_S = 10.0
"""A quiet socket says something this often: proxies close silent ones, and to a browser a silent one is dead."""
_RETRY_S = 2.0
"""From an error that may pass to the next try."""
_MOST_SUBSCRIPTIONS = 64
"""Of one tab at a time."""
_LONGEST_MESSAGE = 16_384
"""Characters of what a browser sends."""
_BURST, _MESSAGES_PER_S = 200, 20.0
"""So many messages of a browser are read at once, and so many a second after that; more wait in its connection."""
_LARGEST = 2**53 - 1
"""The largest whole number that JavaScript has."""
_PASSING = (StoreError, BusyError, ClusterError, SettingError)
"""Errors of the moment."""
_GOING_AWAY = 1001
"""Close code of a server that ends (RFC 6455, 7.4.1)."""
_CLOSING_S = 1.0
"""A browser that takes nothing is not waited for any longer than this."""
_LOG = logging.getLogger(__name__)
_FAILED = mark("The server could not do this; its log says more.")

Made = TypeVar("Made")


# ------------------------------------------------------------------------------------------------------- topics


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What a tab wants to follow, and from where on. It comes from a browser: read it with the methods, which check.

    They raise :class:`~pages.server.answers.BadRequestError`.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    cursor: Mapping[str, Any] = field(default_factory=dict)
    """Empty at the beginning."""
    language: str = "en"
    """One of :data:`~pages.shared.texts.i18n.LANGUAGES`: what is sent is in it."""

    def text(self, name: str) -> str:
        """A parameter that is a text."""
        value = self.parameters.get(name)
        if not isinstance(value, str):
            message = f"{name} must be a text, not {_shown(value)}."
            raise BadRequestError(message)
        return value

    def texts(self, name: str, most: int) -> list[str]:
        """A parameter that is a list of at most ``most`` texts."""
        value = self.parameters.get(name)
        if not isinstance(value, list) or len(value) > most or not all(isinstance(each, str) for each in value):
            message = f"{name} must be a list of at most {most} texts, not {_shown(value)}."
            raise BadRequestError(message)
        return value

    def flag(self, name: str) -> bool:
        """A parameter that is true or false; false where it is not given."""
        value = self.parameters.get(name, False)
        if not isinstance(value, bool):
            message = f"{name} must be true or false, not {_shown(value)}."
            raise BadRequestError(message)
        return value

    def reached(self, name: str) -> int:
        """A number of the cursor, from 0; 0 where there is none."""
        value = self.cursor.get(name, 0)
        if type(value) is not int or not 0 <= value <= _LARGEST:
            message = f"{name} in the cursor must be a whole number from 0, not {_shown(value)}."
            raise BadRequestError(message)
        return value

    def say(self, template: str) -> str:
        """``template`` in the subscription's language."""
        return translate(self.language, template)

    @property
    def key(self) -> Hashable:
        """The same for subscriptions that are the same."""
        return json_text([self.parameters, self.cursor, self.language])


@dataclass(frozen=True, init=False)
class News:
    """What is new in a topic: made once, sent to any number of tabs.

    Parameters
    ----------
    data
        JSON text.
    cursor
        Where it brings a viewer to.
    is_last
        Whether nothing follows.
    """

    text: str
    """The message but for its first part, which names the subscription."""
    cursor: Mapping[str, int]
    is_last: bool

    def __init__(self, data: str, cursor: Mapping[str, int] | None = None, *, is_last: bool = False) -> None:
        reached = dict(cursor or {})
        head = json_text({"cursor": reached, "over": is_last}, is_compact=True)
        object.__setattr__(self, "text", f'{head[1:-1]},"data":{data}}}')
        object.__setattr__(self, "cursor", reached)
        object.__setattr__(self, "is_last", is_last)


Topic = Callable[[Subscription], AsyncGenerator[News]]
"""What a tab can follow. It goes on when its last news was sent, and is closed when nobody listens any more."""


async def next_tick(every_s: float = TICK_S) -> None:
    """Wait for the next moment at which everybody looks for what is new."""
    await asyncio.sleep(every_s - time.monotonic() % every_s)


class Shared(Generic[Made]):
    """Has what several viewers ask for between two ticks made once; used from one event loop alone."""

    def __init__(self, every_s: float = TICK_S) -> None:
        self._every_s = every_s
        self._tick = 0
        self._made: dict[Hashable, asyncio.Future[Made]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Made]]) -> Made:
        """What ``make`` gives, or gave since the last tick to somebody with the same ``key``."""
        tick = int(time.monotonic() / self._every_s)
        if tick != self._tick:
            self._tick, self._made = tick, {}
        if key not in self._made:
            self._made[key] = asyncio.ensure_future(make())
        return await asyncio.shield(self._made[key])  # one viewer that leaves takes nothing from the others


def polled(read: Callable[[Subscription], News | None], every_s: float) -> Topic:
    """A topic that is looked at each ``every_s`` seconds.

    ``read`` is called in a worker thread, once for all that subscribe to the same. None is no news, nor is what it gave
    the last time.
    """
    shared: Shared[News | None] = Shared(every_s)

    async def follow(subscription: Subscription) -> AsyncGenerator[News]:
        last = None
        while True:
            news = await shared.get(subscription.key, lambda: run_in_threadpool(read, subscription))
            if news is not None and news != last:
                yield news
                if news.is_last:
                    return
                last = news
            await next_tick(every_s)

    return follow


# ------------------------------------------------------------------------------------------------------- sockets


def live_socket_routes(
    topics: Mapping[str, Topic], is_closing: Callable[[], bool] = server_is_closing
) -> list[BaseRoute]:
    """The route; ``is_closing`` says whether the server is about to end: sockets then close within a tick."""

    async def serve(socket: WebSocket) -> None:
        await socket.accept()
        await _Tab(socket, topics).serve(is_closing)

    return [WebSocketRoute("/live/socket", serve)]


class _GoneError(Exception):
    """The browser closed the socket, or cannot be reached."""


class _Tab:
    """One tab's socket. Each subscription is a task of its own, which looks for news when its last one was sent."""

    def __init__(self, socket: WebSocket, topics: Mapping[str, Topic]) -> None:
        self._socket, self._topics = socket, topics
        self._following: dict[int, asyncio.Task[None]] = {}  # by the subscription's number
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()
        self._sent_at = time.monotonic()

    async def serve(self, is_closing: Callable[[], bool]) -> None:
        """Until the browser goes, or the server."""
        listening = asyncio.create_task(self._listen())
        try:
            while not listening.done() and not is_closing():
                if time.monotonic() - self._sent_at >= _HEARTBEAT_S and not self._sending.locked():
                    await self._send('{"beat":1}')
                await next_tick()
        except _GoneError:
            pass
        finally:
            tasks = [listening, *self._tasks]
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception):
                    _LOG.error("A live socket failed", exc_info=ended)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # it may be closed already
            async with asyncio.timeout(_CLOSING_S):
                await self._socket.close(_GOING_AWAY)

    async def _send(self, text: str) -> None:
        async with self._sending:
            try:
                await self._socket.send_text(text)
            except (WebSocketDisconnect, RuntimeError) as error:
                raise _GoneError from error
            self._sent_at = time.monotonic()

    # ------------------------------------------------------------------------------------ what the browser says

    async def _listen(self) -> None:
        """Do what the browser says, until it goes."""
        allowed, at, is_told = float(_BURST), time.monotonic(), False
        with contextlib.suppress(_GoneError):
            while (text := await self._heard()) is not None:
                now = time.monotonic()
                allowed, at = min(_BURST, allowed + (now - at) * _MESSAGES_PER_S) - 1.0, now
                is_told = is_told and allowed < _BURST / 2
                if allowed < 0.0:
                    if not is_told:
                        await self._complain("These are too many messages: they are read more slowly from here on.")
                    is_told = True
                    await asyncio.sleep(1.0 / _MESSAGES_PER_S)
                await self._take(text)

    async def _heard(self) -> str | None:
        """The next message; an empty one where it is no text, None where there is none any more."""
        try:
            message = await self._socket.receive()
        except RuntimeError:
            return None
        return None if message["type"] == "websocket.disconnect" else message.get("text") or ""

    async def _take(self, text: str) -> None:
        if len(text) > _LONGEST_MESSAGE:
            await self._complain(f"A message must have at most {_LONGEST_MESSAGE} characters, not {len(text)}.")
            return
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            said = None
        match said:
            case {"subscribe": int(number)} if type(number) is int and 0 <= number <= _LARGEST:
                await self._subscribe(number, said)
            case {"unsubscribe": int(number)} if type(number) is int:
                if (task := self._following.pop(number, None)) is not None:
                    task.cancel()
            case _:
                await self._complain(f"This is neither a subscription nor the end of one: {_shown(text)}")

    async def _subscribe(self, number: int, said: Mapping[str, Any]) -> None:
        name, language = said.get("topic"), said.get("language", "en")
        parameters, cursor = said.get("parameters") or {}, said.get("cursor") or {}
        topic = self._topics.get(name) if isinstance(name, str) else None
        if number in self._following:
            await self._complain(f"There is a subscription {number} already.")
        elif len(self._following) >= _MOST_SUBSCRIPTIONS:
            await self._refuse(number, f"These are too many subscriptions: at most {_MOST_SUBSCRIPTIONS} at a time.")
        elif topic is None:
            await self._refuse(number, f"topic must be one of {', '.join(self._topics)}, not {_shown(name)}.")
        elif not isinstance(language, str) or language not in LANGUAGES:
            await self._refuse(number, f"language must be one of {', '.join(LANGUAGES)}, not {_shown(language)}.")
        elif not isinstance(parameters, dict) or not isinstance(cursor, dict):
            await self._refuse(number, "parameters and cursor must be objects.")
        else:
            subscription = Subscription(parameters=parameters, cursor=cursor, language=language)
            task = self._following[number] = asyncio.create_task(self._follow(number, topic, subscription))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _complain(self, text: str) -> None:
        await self._send(json_text({"error": text}, is_ascii=False))

    async def _refuse(self, number: int, text: str) -> None:
        await self._send(json_text({"subscription": number, "error": text, "over": True}, is_ascii=False))

    # -------------------------------------------------------------------------------------- what the browser hears

    async def _follow(self, number: int, topic: Topic, subscription: Subscription) -> None:
        """Send what is new in ``topic`` until it is over; what fails for a while is tried again from where it stood."""
        trouble = ""
        with contextlib.suppress(_GoneError):
            while True:
                try:
                    async with contextlib.aclosing(topic(subscription)) as feed:
                        async for news in feed:
                            if news.is_last:
                                self._forget(number)
                            await self._send(f'{{"subscription":{number},{news.text}')
                            subscription, trouble = replace(subscription, cursor=news.cursor), ""
                except _PASSING as error:
                    if (text := error_text(subscription.language, error)) != trouble:
                        _LOG.warning("A viewer waits: %s", error)
                        said = {"subscription": number, "error": text, "over": False}
                        await self._send(json_text(said, is_ascii=False))
                        trouble = text
                    await asyncio.sleep(_RETRY_S)
                except (BadRequestError, DqnLabError) as error:
                    text = (
                        str(error) if isinstance(error, BadRequestError) else error_text(subscription.language, error)
                    )
                    self._forget(number)
                    await self._refuse(number, text)
                    return
                except _GoneError:
                    raise
                except Exception:  # noqa: BLE001  a mistake in the code of one topic does not end the others
                    _LOG.exception("A subscription failed")
                    self._forget(number)
                    await self._refuse(number, subscription.say(_FAILED))
                    return
                else:
                    self._forget(number)
                    return

    def _forget(self, number: int) -> None:
        """The subscription is over, and its number free; its task may have a last message to send."""
        if self._following.get(number) is asyncio.current_task():
            del self._following[number]


def _shown(value: object) -> str:
    """What a browser sent, short enough to be sent back."""
    try:
        text = repr(value)
    except RecursionError:
        return "lists in lists in lists"
    return text if len(text) <= 40 else f"{text[:40]}…"  # noqa: PLR2004  the start of it will do
