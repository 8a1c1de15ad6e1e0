"""The line between a browser and the lab's server, which a test can cut or slow down.

While it is cut, connections break, and no new one is made.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from contextlib import suppress
from typing import Self

_CHUNK = 65_536


class CutLine:
    """Passes bytes on to a port of 127.0.0.1, from a port of its own; ``with CutLine(8501) as line``.

    ``latency_s`` is how long each byte is on its way, in either direction; it may change at any time.
    """

    def __init__(self, port: int, latency_s: float = 0.0) -> None:
        self._to = port
        self.latency_s = latency_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_cut = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection, and each that comes until :meth:`mend`."""
        self._is_cut.set()
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Pass everything on again."""
        self._is_cut.clear()

    def _accept(self) -> None:
        while True:
            try:
                browser, _ = self._listener.accept()
            except OSError:
                return  # closed
            if self._is_cut.is_set():
                browser.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._to))
            with self._lock:
                self._open |= {browser, server}
            for one, other in ((browser, server), (server, browser)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        on_its_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        arriving = threading.Thread(target=_arrive, args=(on_its_way, other), daemon=True)
        arriving.start()
        with suppress(OSError):
            while data := one.recv(_CHUNK):
                on_its_way.put((time.monotonic() + self.latency_s, data))
        on_its_way.put((0.0, b""))
        arriving.join()
        for each in (one, other):
            with self._lock:
                self._open.discard(each)
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _arrive(on_its_way: queue.SimpleQueue[tuple[float, bytes]], to: socket.socket) -> None:
    """Send on what is due, in order, up to the empty end."""
    with suppress(OSError):
        while True:
            due, data = on_its_way.get()
            if not data:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            to.sendall(data)
