"""Lets a server end while tabs are open.

A server waits for its connections before it runs its lifespan's shutdown, and a tab's live socket never ends by itself:
without this, Ctrl-C with an open tab might wait forever. The sockets ask :func:`is_closing` ten times a second.

Python in turn waits for its threads before it ends, and one in other people's code (an environment that hangs in a
replay) may never end. So a process that is still there when everything should long be closed is ended by force.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

__all__ = ["install", "is_closing", "note_stored", "server"]

_GRACE_S = 2
"""A viewer that takes no bytes (a laptop asleep in the middle of a message) holds the server up for this long."""
_PATIENCE_S = 9.0
"""From the signal to the end of a process that does not end by itself."""
_LOG = logging.getLogger("dqn_lab")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Shutdown:
    """Whether the signal came; and the server, which may also end for reasons of its own."""

    was_asked_for = False
    server: uvicorn.Server | None = None
    last_resort: _LastResort | None = None
    is_stored = False
    """Whether all that is to be kept is stored: nothing is lost then, however the process ends."""


class _LastResort(threading.Thread):
    """Ends the process some time after :attr:`asked` got something, unless it is called off."""

    def __init__(self) -> None:
        super().__init__(name="last-resort", daemon=True)
        self.asked: queue.SimpleQueue[None] = queue.SimpleQueue()  # a signal's handler may put, whatever it interrupts
        self.is_called_off = threading.Event()

    def call_off(self) -> None:
        """The process goes on after all."""
        self.is_called_off.set()
        self.asked.put(None)

    def run(self) -> None:
        self.asked.get()
        if not self.is_called_off.wait(_PATIENCE_S):
            busy = [each.name for each in threading.enumerate() if each.is_alive() and not each.daemon]
            level, status = (logging.INFO, 0) if _Shutdown.is_stored else (logging.ERROR, 1)
            _LOG.log(level, "The server ends although these threads are still at work: %s", ", ".join(busy))
            os._exit(status)


def install() -> None:
    """Take notice of the signals that end a server; call it in the server's lifespan, after the server set its own.

    The handlers that are there are called as before. Outside the main thread (a test client) there are no signals to
    take notice of, and nothing is done.
    """
    _Shutdown.was_asked_for = _Shutdown.is_stored = False
    _Shutdown.server = None
    if _Shutdown.last_resort is not None:
        _Shutdown.last_resort.call_off()
        _Shutdown.last_resort = None
    if threading.current_thread() is not threading.main_thread():
        return
    _Shutdown.last_resort = _LastResort()
    _Shutdown.last_resort.start()
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


def note_stored() -> None:
    """All that is to be kept is stored; what is still at work (a page, the warm-up) need not be waited for."""
    _Shutdown.is_stored = True


def server() -> uvicorn.Server | None:
    """The server that runs this process; None before :func:`install`, or where another program runs it."""
    return _Shutdown.server


def is_closing() -> bool:
    """Whether the server is about to end: open sockets end now."""
    return _Shutdown.was_asked_for or (_Shutdown.server is not None and _Shutdown.server.should_exit)


def _noticing(handler: Callable[[int, FrameType | None], object]) -> Callable[[int, FrameType | None], object]:
    def notice(number: int, frame: FrameType | None) -> object:
        _Shutdown.was_asked_for = True  # a plain attribute: a lock taken in a signal handler may be held already
        if _Shutdown.last_resort is not None:
            _Shutdown.last_resort.asked.put(None)
        return handler(number, frame)

    return notice
