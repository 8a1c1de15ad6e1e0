"""A function in a worker process that sends messages and takes commands: what trains a run, or does a job's task.

The server's side is a :class:`WorkerProcess`. The process imports what registers environments, warms up, waits for the
one call that it is for, makes it, and ends: a crash, a leak or a changed global setting ends with it.

    server                                  worker process
    WorkerProcess(preload, warm_up) ──────> imports, warm_up(), ready
    .begin(function, argument) ───────────> function(argument, commands, send)
    .tell(command) ───────────────────────>     commands.get()
    .receive() <─── batches ─── Outbox <───     send(message)
    Finished(result) | Failed(error) <─────     what it returns or raises

It is a process of its own rather than one of :mod:`multiprocessing`, which would import the server's main module (all
of Streamlit, or a person's script that starts runs, to start them again) into each. It never outlives its server: the
pipe that brings commands ends with whoever holds its other end, and a thread that waits for nothing else then ends the
process at once. (Linux could send a signal at the parent's death, but would send it at the end of the *thread* that
started the worker, which is another run's.)
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from dqn_core.environments.own import Sources, adopt_sources, present_sources
from dqn_core.errors import DqnLabError, mark

__all__ = [
    "Commands",
    "Failed",
    "Finished",
    "Outbox",
    "ProcessEndedError",
    "Send",
    "WorkerProcess",
    "import_modules",
    "main",
]

_LOG = logging.getLogger(__name__)
_LOGGED_AT_ONCE = 65_536
_LOGGED_BYTES_PER_S = 200
_GOES_ON_AT = 4_096
"""Bytes that a process that printed too much may print again before anything of it is logged."""
_LAST_BYTES = 32_768
"""Of what was left out, so many are kept: a dump of all threads is long, and begins with where the crash was."""
_GATHER_S = 0.02
_LAST_WORDS_S = 1.0
"""A process whose pipe has ended has ended too, or does within this time."""
_PROGRAM = """\
import sys
sys.path[:] = sys.argv[1:]
from dqn_core.runs.executors.worker_process import main
main()
"""

Commands = queue.SimpleQueue[Any]


class Send(Protocol):
    """What a function sends its messages with."""

    def __call__(self, message: Any, *, can_wait: bool = False) -> None:
        """Send ``message`` to the server; one that ``can_wait`` goes together with the next ones."""


@dataclass(frozen=True)
class Finished:
    """The last message of a function that returned."""

    result: Any


@dataclass(frozen=True)
class Failed:
    """The last message of a function that raised."""

    error: DqnLabError


class ProcessEndedError(Exception):
    """The process ended before its function did; ``status`` is its exit status, below zero a signal's number."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class _Setup:
    preload: tuple[str, ...]
    warm_up: Callable[[], object] | None
    niceness: int


@dataclass(frozen=True)
class _Call:
    function: Callable[[Any, Commands, Send], Any]
    argument: Any
    sources: Sources
    gather_s: float


def import_modules(names: Iterable[str]) -> None:
    """Import modules that register environments; raises :class:`DqnLabError` naming one that cannot be imported."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a third party's module raises becomes a message
            template = mark(
                "The module {module}, which registers environments, could not be imported ({kind}: {cause}): "
                "install its package, or take it off the list."
            )
            raise DqnLabError(template, module=name, kind=type(error).__name__, cause=error) from error


# ------------------------------------------------------------------------------------------------ the server's side


class WorkerProcess:
    """The server's side of one process. Raises OSError where no process can be started.

    Parameters
    ----------
    preload
        Modules to import first, because they register environments.
    warm_up
        A module's function that is called before the process is ready.
    niceness
        How far the process steps back behind others.
    """

    def __init__(
        self, preload: Iterable[str] = (), warm_up: Callable[[], object] | None = None, niceness: int = 0
    ) -> None:
        its_input, self._commands = Pipe(duplex=False)
        self._messages, its_output = Pipe(duplex=False)
        with its_input, its_output:
            self._process = subprocess.Popen(  # noqa: S603  this very interpreter
                [sys.executable, "-c", _PROGRAM, *(path or os.getcwd() for path in sys.path)],  # noqa: PTH109  of str
                stdin=its_input.fileno(),
                stdout=its_output.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in the terminal reaches the server alone
            )
        _Log(self._process).start()
        self.is_given_up = False
        """Whether the server ended the process while it ran."""
        self.tell(_Setup(tuple(preload), warm_up, niceness))

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def is_warm(self) -> bool:
        """Whether a call would begin at once; asked before there is one."""
        return self._messages.poll()

    @property
    def connection(self) -> Connection[Any, Any]:
        """Becomes ready where there is something to :meth:`receive`."""
        return self._messages

    def begin(self, function: Callable[[Any, Commands, Send], Any], argument: Any, gather_s: float = _GATHER_S) -> None:
        """Have ``function`` of a module called with ``argument``, with commands to come, and with what sends.

        A message that can wait does so for ``gather_s`` at most.
        """
        self.tell(_Call(function, argument, present_sources(), gather_s))

    def tell(self, command: Any) -> None:
        """Pass on a command; one that dies with its process is not missed."""
        with contextlib.suppress(OSError):  # a process that died says so where it is listened to
            self._commands.send(command)

    def receive(self) -> list[Any]:
        """The next messages; waits for them. Raises :class:`ProcessEndedError` where none will come."""
        messages: list[Any] = pickle.loads(self.receive_pickled())  # noqa: S301  of this program's own making
        return messages

    def receive_pickled(self) -> bytes:
        """What :meth:`receive` would give, as it came."""
        try:
            return self._messages.recv_bytes()
        except (EOFError, OSError):
            self.leave(_LAST_WORDS_S)
            raise ProcessEndedError(self._process.returncode) from None

    def give_up(self) -> None:
        """End the process, whatever it does."""
        self.is_given_up = self.is_alive
        self.kill()

    def kill(self) -> None:
        """End the process now, and the processes that an environment started in it."""
        if self.is_alive:
            with contextlib.suppress(OSError):  # it has just ended
                os.killpg(self.pid, signal.SIGKILL)

    def leave(self, grace_s: float = 0.0) -> None:
        """Wait up to ``grace_s`` for the process to end by itself, then end it."""
        if grace_s > 0.0 and self._messages.poll(grace_s):  # its last message, or its pipe's end
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS_S)
        self.kill()
        self._process.wait()

    def close(self) -> None:
        """Close the pipes; the process has ended."""
        self._commands.close()
        self._messages.close()


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
        needed = max(len(said), _GOES_ON_AT) if self._left_out else len(said)
        if needed > self._allowed:
            if not self._left_out:
                self._allowed = 0.0  # or short lines in between would each bring a note of this into the log
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


# ------------------------------------------------------------------------------------------------ the worker's side


def main() -> None:
    """Run the worker; :class:`WorkerProcess` starts a process that calls this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends its workers in good order
    with contextlib.suppress(OSError):  # Linux: where memory runs out, one worker shall end rather than the server
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    faulthandler.enable()  # an environment that crashes in C says where in the server's log
    incoming, outgoing = _take_connections()
    inbox = _Inbox(incoming)
    inbox.start()
    setup: _Setup = pickle.loads(inbox.first.get())  # noqa: S301  of this server's own making
    failure = _prepared(setup)
    outgoing.send([])
    call: _Call = pickle.loads(inbox.first.get())  # noqa: S301
    adopt_sources(call.sources)
    outbox = Outbox(gather_s=call.gather_s)
    pump = threading.Thread(target=_pump, args=(outbox, outgoing), name="outbox")
    pump.start()
    outbox.put(_outcome(call, inbox.commands, outbox.put) if failure is None else Failed(failure))
    outbox.close()
    pump.join()
    with contextlib.suppress(OSError):
        sys.stdout.flush()  # what an environment printed
    os._exit(0)  # everything is sent and closed: taking the interpreter apart would last a second with torch in it


def _take_connections() -> tuple[Connection[Any, Any], Connection[Any, Any]]:
    """(What comes in, what goes out); what an environment prints goes where errors go instead."""
    incoming = Connection(os.dup(sys.__stdin__.fileno()), writable=False)  # type: ignore[union-attr]
    outgoing = Connection(os.dup(sys.__stdout__.fileno()), readable=False)  # type: ignore[union-attr]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


class _Inbox(threading.Thread):
    """Brings what the server sends where it is waited for; ends the process where the server is gone."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        super().__init__(name="inbox", daemon=True)
        self._connection = connection
        self.first: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        """The setup, and then the call, pickled: what they import is imported by the main thread."""
        self.commands: Commands = queue.SimpleQueue()

    def run(self) -> None:
        try:
            for _ in range(2):
                self.first.put(self._connection.recv_bytes())
            while True:
                self.commands.put(self._connection.recv())
        except (EOFError, OSError):
            os._exit(0)  # from a thread, and whatever the function is in the middle of: nobody is left to hear it


def _prepared(setup: _Setup) -> DqnLabError | None:
    """Get ready for the call; returns what would make every call fail."""
    if setup.niceness:
        with contextlib.suppress(OSError, AttributeError):
            os.nice(setup.niceness)
    if setup.warm_up is not None:
        setup.warm_up()
    try:
        import_modules(setup.preload)
    except DqnLabError as error:
        return error
    return None


def _outcome(call: _Call, commands: Commands, send: Send) -> Finished | Failed:
    try:
        return Finished(call.function(call.argument, commands, send))
    except DqnLabError as error:
        return Failed(error)
    except BaseException as error:  # noqa: BLE001  also SystemExit, which an environment's code may raise
        _LOG.error("A worker's work failed", exc_info=error)
        template = mark("This could not be done ({kind}: {cause}).")
        return Failed(DqnLabError(template, kind=type(error).__name__, cause=str(error)))


def _pump(outbox: Outbox, connection: Connection[Any, Any]) -> None:
    """Send batches until there are no more."""
    try:
        while batch := outbox.take():
            connection.send(batch)
    except OSError:
        os._exit(0)  # the server is gone
    except BaseException:  # noqa: BLE001  whatever it is, the function behind it must not wait for ever
        _LOG.exception("A worker could not send its messages")
        os._exit(1)


class Outbox:
    """Between a function, which puts messages in, and the thread that sends them.

    Messages are gathered for a moment, so that pickling costs little, and never lost. A server that is slow for a while
    delays nobody: messages wait here. Where more than ``most_waiting`` have gathered (minutes of an ordinary run), the
    function waits with them, so that memory stays bounded.

    Parameters
    ----------
    gather_s
        Seconds that a message that can wait waits for others to come along.
    most_waiting, most_at_once
        Messages that may wait, and messages of one batch.
    """

    def __init__(self, *, gather_s: float = _GATHER_S, most_waiting: int = 10_000, most_at_once: int = 1_000) -> None:
        self._gather_s = gather_s
        self._most_waiting = most_waiting
        self._most_at_once = most_at_once
        self._waiting: list[Any] = []
        self._is_urgent = False
        self._is_closed = False
        self._changed = threading.Condition()

    def put(self, message: Any, *, can_wait: bool = False) -> None:
        """Hand ``message`` over; blocks only while the outbox is full."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < self._most_waiting)
            self._waiting.append(message)
            self._is_urgent = self._is_urgent or not can_wait
            if not can_wait or len(self._waiting) == 1:  # who gathers already needs no waking for each one more
                self._changed.notify_all()

    def take(self) -> list[Any]:
        """The next batch, in order; waits for it. Empty once the outbox is closed and everything is taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._changed.wait_for(lambda: self._is_urgent or self._is_closed, self._gather_s)
            batch = self._waiting[: self._most_at_once]
            del self._waiting[: self._most_at_once]
            self._is_urgent = bool(self._waiting)
            self._changed.notify_all()
            return batch

    def close(self) -> None:
        """Nothing more will be put in."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
