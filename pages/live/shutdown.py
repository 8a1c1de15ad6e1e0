"""Lets a server end while streams are open.

A server waits for its connections before it runs its lifespan's shutdown, and an event stream never ends by itself:
without this, Ctrl-C with an open tab would wait forever. The streams ask :func:`is_closing` ten times a second.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

__all__ = ["install", "is_closing"]

_GRACE_S = 2
"""A viewer that takes no bytes (a laptop asleep in the middle of a message) holds the server up for this long."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Shutdown:
    """Whether the signal came; and the server, which may also end for reasons of its own."""

    was_asked_for = False
    server: uvicorn.Server | None = None


def install() -> None:
    """Take notice of the signals that end a server; call it in the server's lifespan, after the server set its own.

    The handlers that are there are called as before. Outside the main thread (a test client) there are no signals to
    take notice of, and nothing is done.
    """
    _Shutdown.was_asked_for = False
    _Shutdown.server = None
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _SIGNALS:
        handler = signal.getsignal(number)
        if not callable(handler):
            continue
        server = getattr(handler, "__self__", None)
        if isinstance(server, uvicorn.Server):
            _Shutdown.server = server
            if server.config.timeout_graceful_shutdown is None:
                server.config.timeout_graceful_shutdown = _GRACE_S
        signal.signal(number, _noticing(handler))


def is_closing() -> bool:
    """Whether the server is about to end: open streams end now."""
    return _Shutdown.was_asked_for or (_Shutdown.server is not None and _Shutdown.server.should_exit)


def _noticing(handler: Callable[[int, FrameType | None], object]) -> Callable[[int, FrameType | None], object]:
    def notice(number: int, frame: FrameType | None) -> object:
        _Shutdown.was_asked_for = True  # a plain attribute: a lock taken in a signal handler may be held already
        return handler(number, frame)

    return notice
