"""What keeps a server answering when connections, descriptors and log lines come by the thousand.

uvicorn accepts whatever comes and waits for its request as long as it takes. A thousand connections that say nothing
use up the process's descriptors; after that nobody gets a page, and each attempt to accept one more is logged.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import uvicorn

if sys.platform != "win32":
    import resource

__all__ = [
    "BoundedLog",
    "Gate",
    "bound_logs",
    "guard",
    "leave_out_idle_ends",
    "leave_out_late_clicks",
    "raise_descriptor_limit",
    "trusted_proxies",
]

_LOG = logging.getLogger("dqn_lab")
_WANTED_DESCRIPTORS = 65_536
_OTHER_DESCRIPTORS = 256
"""Left for what is no connection: the database, runs' files, the pipes of workers."""
_MOST_FROM_ONE_ADDRESS = 1_024
"""A school behind one address has as many connections as this, at half a dozen a browser."""
_MOST_AT_ONCE = 128
"""Connections that are accepted before any of them is counted."""
_HEADER_S = 10.0
"""From a request's first byte, or the connection's begin, to the end of its header."""
_SILENCE_S = 30.0
"""How long the body of a request may pause."""
_BETWEEN_WARNINGS_S = 60.0


def raise_descriptor_limit() -> int:
    """Let this process have as many descriptors as it may; returns how many that are."""
    if sys.platform == "win32":  # has no such limit
        return _WANTED_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _WANTED_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _WANTED_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # some systems allow less than they say
        return soft
    return wanted


class Gate:
    """Counts the open connections, in all and from each address; used in the event loop alone.

    Where there are too many, the oldest that waits for a request makes room for a new one.

    Parameters
    ----------
    most, most_from_one
        Connections at a time, in all and from one address.
    proxies
        Addresses from which everybody's connections come; ``*`` for all. They may have three quarters of all.
    """

    def __init__(self, most: int, most_from_one: int, proxies: Collection[str] = ()) -> None:
        self.most, self.most_from_one = most, most_from_one
        self._proxies = frozenset(proxies)
        self._open: dict[str, dict[asyncio.Transport, Callable[[], bool]]] = {}  # by address, oldest first
        self._count = 0
        self._warned_at = -math.inf

    @classmethod
    def for_descriptors(cls, descriptors: int, proxies: Collection[str] = ()) -> Gate:
        """One that leaves some of the process's descriptors to other things."""
        most = max(descriptors // 2, descriptors - _OTHER_DESCRIPTORS)
        return cls(most, min(_MOST_FROM_ONE_ADDRESS, most * 3 // 4), proxies)

    def enter(self, transport: asyncio.Transport, is_waiting: Callable[[], bool]) -> bool:
        """Whether one more connection may stay open; ``is_waiting`` says whether no request of it is being answered."""
        address = _address(transport)
        if self._is_full(address) and not self._make_room(address):
            return False
        self._open.setdefault(address, {})[transport] = is_waiting
        self._count += 1
        return True

    def leave(self, transport: asyncio.Transport) -> None:
        """The connection is closed."""
        own = self._open.get(_address(transport), {})
        if own.pop(transport, None) is not None:
            self._count -= 1

    def _is_full(self, address: str) -> bool:
        return self._count >= self.most or self._has_its_share(address)

    def _has_its_share(self, address: str) -> bool:
        is_proxy = not self._proxies.isdisjoint((address, "*"))
        return len(self._open.get(address, ())) >= (self.most * 3 // 4 if is_proxy else self.most_from_one)

    def _make_room(self, address: str) -> bool:
        """Forget the connections that closed without a word (one that became a WebSocket); close one that waits."""
        self._warn(address)
        for own in self._open.values():
            for transport in [each for each in own if each.is_closing()]:
                self.leave(transport)
        own = self._open.get(address, {})
        crowd = [own] if self._has_its_share(address) else self._open.values()
        if self._is_full(address):
            waiting = (transport for each in crowd for transport, is_waiting in each.items() if is_waiting())
            oldest = next(waiting, None)
            if oldest is not None:
                oldest.abort()
                self.leave(oldest)
        return not self._is_full(address)

    def _warn(self, address: str) -> None:
        now = time.monotonic()
        if now - self._warned_at >= _BETWEEN_WARNINGS_S:
            self._warned_at = now
            _LOG.warning("%d connections are open, too many; the newest is from %s.", self._count, address)


def _address(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    # A Unix socket has no address; a server that listens to IPv6 too has IPv4 ones in this form.
    return str(peer[0]).removeprefix("::ffff:") if isinstance(peer, tuple) and peer else ""


def trusted_proxies(server: uvicorn.Server | None) -> list[str]:
    """The addresses of which ``server`` believes that they pass on other people's requests."""
    if server is None or not server.config.proxy_headers:
        return []
    given = server.config.forwarded_allow_ips
    return [each.strip() for each in (given.split(",") if isinstance(given, str) else given)]


def guard(server: uvicorn.Server, gate: Gate) -> None:
    """Have ``server``, which accepts nothing yet, ask ``gate`` for each connection, and close one that says nothing."""
    base = server.config.http_protocol_class
    if hasattr(base, "handle_websocket_upgrade"):  # another program's cannot be known
        server.config.http_protocol_class = type("Guarded", (_Guarded, base), {"gate": gate})
        server.config.backlog = min(server.config.backlog, _MOST_AT_ONCE)


class _Guarded(asyncio.Protocol):
    """Put before uvicorn's own protocol: a time limit for whoever sends a request."""

    gate: Gate
    cycle: Any  # what follows is the protocol's own
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _is_refused = _is_upgraded = False
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  a server's always is
        if self.gate.enter(transport, self._is_waiting):
            super().connection_made(transport)
            self._begin_limit(_HEADER_S)
        else:
            self._is_refused = True
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_upgraded:  # another protocol has the connection from here on
            return
        if self._is_in_body():
            self._end_limit()
            self._begin_limit(_SILENCE_S)
        elif not self._is_waiting():
            self._end_limit()
        elif self._limit is None:
            self._begin_limit(_HEADER_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_limit()
        if not self._is_refused:
            self.gate.leave(self.transport)
            super().connection_lost(exc)

    def handle_websocket_upgrade(self, *event: Any) -> None:
        self._is_upgraded = True
        self._end_limit()
        super().handle_websocket_upgrade(*event)  # type: ignore[misc]

    def _is_waiting(self) -> bool:
        """Whether there is no request, or not the whole header of one."""
        return not self._is_upgraded and (self.cycle is None or self.cycle.response_complete)

    def _is_in_body(self) -> bool:
        return not self._is_waiting() and not self._is_upgraded and self.cycle.more_body

    def _begin_limit(self, seconds: float) -> None:
        self._limit = self.loop.call_later(seconds, self._close_if_silent)

    def _end_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _close_if_silent(self) -> None:
        self._limit = None
        if self._is_waiting() or self._is_in_body():
            self.transport.abort()


class BoundedLog(logging.Filter):
    """Lets a message pass so many times in a while; what says the same again is counted, and told later.

    Parameters
    ----------
    most
        Warnings and errors of one logger and template in ``every_s`` seconds; of what is no trouble, a hundred times
        as many.
    """

    def __init__(self, most: int = 50, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most, self._every_s, self._clock = most, every_s, clock
        self._lock = threading.Lock()
        self._began = clock()
        self._counts: dict[tuple[str, int, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether ``record`` is written; it says how many like it were not, where some were not."""
        key = (record.name, record.levelno, str(record.msg)[:200])
        with self._lock:
            if self._clock() - self._began >= self._every_s:
                left_out = sum(max(0, count - self._limit(level)) for (_, level, _), count in self._counts.items())
                self._began, self._counts = self._clock(), {}
            else:
                left_out = 0
            count = self._counts[key] = self._counts.get(key, 0) + 1
            if left_out:
                record.msg = f"{record.getMessage()}\n({left_out} messages like earlier ones left out)"
                record.args = ()
            return count <= self._limit(record.levelno)

    def _limit(self, level: int) -> int:
        return self._most if level >= logging.WARNING else 100 * self._most


def bound_logs() -> None:
    """Have every log handler of this process leave out what repeats itself."""
    named = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    handlers = {handler for each in (logging.root, *named) for handler in each.handlers}
    if logging.lastResort is not None:
        handlers.add(logging.lastResort)
    for handler in handlers:
        if not any(isinstance(each, BoundedLog) for each in handler.filters):
            handler.addFilter(BoundedLog())


def leave_out_late_clicks() -> None:
    """Have Streamlit not warn of a part of a page that asked to be drawn in the instant in which the page was left."""
    for name in ("streamlit.runtime.scriptrunner.script_runner", "streamlit.runtime.app_session"):
        logging.getLogger(name).addFilter(_is_no_late_click)


def leave_out_idle_ends() -> None:
    """Have uvicorn not tell of an end that it waited for in vain if nothing was at work: browsers close late."""
    logging.getLogger("uvicorn.error").addFilter(_has_cut_something_off)


def _has_cut_something_off(record: logging.LogRecord) -> bool:
    return not (str(record.msg).startswith("Cancel %s running task(s)") and record.args == (0,))


def _is_no_late_click(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(("Couldn't find fragment with id", "The fragment with id"))
