"""A Python process of our own, with a pipe for what goes in and one for what comes out.

It is a process of its own rather than one of :mod:`multiprocessing`, which would import the server's main module (all
of Streamlit, or a person's script that starts runs, to start them again) into each.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["start_piped", "take_connections"]

_LOGGED_AT_ONCE = 65_536
_LOGGED_BYTES_PER_S = 200
_LAST_BYTES = 4_096
_PROGRAM = """\
import sys
sys.path[:] = sys.argv[2:]
import importlib
importlib.import_module(sys.argv[1]).main()
"""


def start_piped(module: str) -> tuple[subprocess.Popen[bytes], Connection[Any, Any], Connection[Any, Any]]:
    """Run ``main()`` of ``module`` in a new process: (the process, what goes in, what comes out).

    Raises :class:`OSError` where no process can be started.
    """
    its_input, goes_in = Pipe(duplex=False)
    comes_out, its_output = Pipe(duplex=False)
    with its_input, its_output:
        process = subprocess.Popen(  # noqa: S603  this very interpreter
            [sys.executable, "-c", _PROGRAM, module, *(path or os.getcwd() for path in sys.path)],  # noqa: PTH109  of str
            stdin=its_input.fileno(),
            stdout=its_output.fileno(),
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal reaches the server alone
        )
    _Log(process).start()
    return process, goes_in, comes_out


class _Log(threading.Thread):
    """Copies what a process says into this one's log, up to a bound: an environment may print at every step.

    What is left out is counted, and of that the last is told when the process ends: a crash says where it was.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(name=f"log-{process.pid}", daemon=True)
        assert process.stderr is not None  # noqa: S101  it is a pipe
        self._pipe = process.stderr
        self._pid = process.pid
        self._allowed: float = _LOGGED_AT_ONCE
        self._since = time.monotonic()
        self._left_out = 0
        self._last = b""

    def run(self) -> None:
        with self._pipe:
            while said := os.read(self._pipe.fileno(), 65_536):
                self._take(said)
        if self._left_out:
            self._write(self._note() + self._last)

    def _take(self, said: bytes) -> None:
        now = time.monotonic()
        self._allowed = min(_LOGGED_AT_ONCE, self._allowed + _LOGGED_BYTES_PER_S * (now - self._since))
        self._since = now
        if len(said) > self._allowed:
            self._left_out += len(said)
            self._last = (self._last + said)[-_LAST_BYTES:]
            return
        note, self._left_out, self._last = self._note(), 0, b""
        self._allowed -= len(said)
        self._write(note + said)

    def _note(self) -> bytes:
        return f"\n({self._left_out} bytes of process {self._pid} left out)\n".encode() if self._left_out else b""

    @staticmethod
    def _write(text: bytes) -> None:
        with contextlib.suppress(OSError):  # a log that takes nothing must not stop the process that it is of
            os.write(2, text)


def take_connections() -> tuple[Connection[Any, Any], Connection[Any, Any]]:
    """In such a process, (what comes in, what goes out); what an environment prints goes where errors go instead."""
    incoming = Connection(os.dup(sys.__stdin__.fileno()), writable=False)  # type: ignore[union-attr]
    outgoing = Connection(os.dup(sys.__stdout__.fileno()), readable=False)  # type: ignore[union-attr]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing
