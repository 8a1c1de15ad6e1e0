"""Python processes that are at work in a moment: forks of one process that has imported everything beforehand.

    WarmPopen([sys.executable, "-m", "streamlit", "run", ...])      as subprocess.Popen, where Linux is

A server begins with four seconds of imports, and a worker with two; by far most tests start one to see what comes
after that. Those that are about the start itself say so: ``@pytest.mark.cold_start``.

    whoever starts one                          this file as a program, started with the first
    WarmPopen(command) ── command, pipes ─────> forks; the fork puts itself in the state of a fresh interpreter,
    .pid               <── its process id ────      runs the command's module or program, and ends as Python does
    .wait(), .poll()   <── its exit status ───  once it is gone
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import logging
import os
import pkgutil
import runpy
import select
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import types
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Never

ROOT = Path(__file__).resolve().parents[2]
IS_POSSIBLE = sys.platform == "linux"
"""Elsewhere, libraries of the system do not stand being forked."""
_LENGTH = struct.Struct("!I")
_NUMBER = struct.Struct("!i")
_FOREIGN = ("pandas", "plotly.graph_objects", "pygame", "torch", "streamlit.web.cli", "uvicorn")
"""What is imported at some point by most servers, or workers."""
_NO_SCRIPTS = ("page", "navigation", "__main__")
"""Modules that are run by Streamlit or as programs, and imported by nobody."""


# ------------------------------------------------------------------------------------------- who starts processes


class WarmPopen(subprocess.Popen[Any]):
    """``subprocess.Popen`` of a command that begins with this Python and ``-m`` or ``-c``."""

    def _execute_child(self, args: Any, *others: Any) -> None:
        # As subprocess has it: executable, preexec_fn, close_fds, pass_fds, cwd, env, and three of Windows and shells.
        cwd, env, ends, start_new_session = others[4], others[5], others[9:15], others[20]
        executable, kind, code, *arguments = map(str, args)
        assert executable == sys.executable
        assert kind in {"-m", "-c"}
        command = _Command(
            kind=kind,
            code=code,
            arguments=arguments,
            folder=str(cwd or Path.cwd()),
            environment={str(name): str(value) for name, value in (os.environ if env is None else env).items()},
            is_alone=start_new_session,
        )
        # Of the six ends of pipes, those that are the process's; -1 where it has what this process has.
        streams = [own if end == -1 else end for own, end in enumerate((ends[0], ends[3], ends[5]))]
        self._status = socket.socket(socket.AF_UNIX)
        try:
            self._status.connect(_address())
            content = json.dumps(asdict(command)).encode()
            socket.send_fds(self._status, [_LENGTH.pack(len(content))], streams)
            self._status.sendall(content)
            self.pid = _NUMBER.unpack(_read(self._status, _NUMBER.size))[0]
        except BaseException:
            self._status.close()
            raise
        self._child_created = True
        self._close_pipe_fds(*ends)

    def _internal_poll(self, *_others: Any, **_more: Any) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):
            try:
                pid, status = self._try_wait(os.WNOHANG) if self.returncode is None else (0, 0)
                if pid == self.pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        return self._look(self.pid, wait_flags)

    def _look(self, pid: int, flags: int) -> tuple[int, int]:
        """As ``os.waitpid`` of a child."""
        if flags & os.WNOHANG and not select.select([self._status], [], [], 0)[0]:
            return 0, 0
        status = self._status.recv(_NUMBER.size)
        self._status.close()
        return pid, _NUMBER.unpack(status)[0] if status else signal.SIGKILL


class Starts:
    """How Python processes are started: warm, or as in production."""

    popen: type[subprocess.Popen[Any]] = subprocess.Popen

    @classmethod
    def choose(cls, *, warm: bool) -> None:
        """Have servers, and the worker processes of this one, begin warm or cold from now on."""
        module: Any = importlib.import_module("dqn_core.runs.executors.worker_process")
        if warm and IS_POSSIBLE:
            cls.popen = WarmPopen
            module.subprocess = types.SimpleNamespace(**vars(subprocess) | {"Popen": WarmPopen})
        else:
            cls.popen = subprocess.Popen
            module.subprocess = subprocess

    @classmethod
    def run(cls, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        """What it says and how it ends, as ``subprocess.run`` with ``capture_output`` tells it."""
        with cls.popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
            output, errors = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, output, errors)


@functools.cache
def _address() -> str:
    """Where the process that forks listens; started with the first call, it ends with this process."""
    given = os.environ.get("WARM_PYTHON")
    if given:
        return given
    folder = tempfile.mkdtemp(prefix="warm-python-")
    address = f"{folder}/socket"
    forker = subprocess.Popen(
        [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert forker.stdin is not None
    assert forker.stdout is not None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(forker.wait)
    atexit.register(forker.stdin.close)
    assert forker.stdout.readline() == b"ready\n", "The process that others are forked from did not start."
    forker.stdout.close()
    return address


def _read(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        piece = connection.recv(size - len(content))
        if not piece:
            raise EOFError
        content += piece
    return content


# --------------------------------------------------------------------------------------------- what is asked for


@dataclass(frozen=True, kw_only=True)
class _Command:
    kind: str
    code: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    is_alone: bool


# ------------------------------------------------------------------------------------------- the process that forks


@dataclass
class _Forker:
    address: str
    path: list[str]
    """Where modules are looked for by every Python here."""
    is_ready: int
    """Descriptor of what is told once."""
    statuses: dict[int, socket.socket] = field(default_factory=dict)
    """Connections to those who wait for a process, by its id."""

    def serve(self) -> None:
        """Fork whenever asked to, until the standard input ends."""
        ours, wake = socket.socketpair()
        for each in (ours, wake):
            each.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno())
        with (
            socket.socket(socket.AF_UNIX) as listener,
            selectors.DefaultSelector() as selector,
            contextlib.closing(ours),
            contextlib.closing(wake),
        ):
            listener.bind(self.address)
            listener.listen(64)
            self._own = [listener, selector, ours, wake]
            selector.register(0, selectors.EVENT_READ)
            selector.register(listener, selectors.EVENT_READ)
            selector.register(ours, selectors.EVENT_READ)
            os.write(self.is_ready, b"ready\n")
            os.close(self.is_ready)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if 0 in ready:
                    return
                if ours in ready:
                    with contextlib.suppress(BlockingIOError):
                        while ours.recv(1_024):
                            pass
                self._report()
                if listener in ready:
                    self._fork(listener.accept()[0])

    def _report(self) -> None:
        """Tell of the processes that have ended."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with self.statuses.pop(ended[0]) as connection, contextlib.suppress(OSError):
                    connection.sendall(_NUMBER.pack(ended[1]))

    def _fork(self, connection: socket.socket) -> None:
        head, streams, _flags, _sender = socket.recv_fds(connection, _LENGTH.size, 3)
        command = _Command(**json.loads(_read(connection, _LENGTH.unpack(head)[0])))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the threads that libraries started hold no lock here
            pid = os.fork()
        if pid == 0:
            self._become(command, streams, connection)
        for each in streams:
            os.close(each)
        self.statuses[pid] = connection

    def _become(self, command: _Command, streams: list[int], connection: socket.socket) -> Never:
        """Be what a fresh interpreter that is given ``command`` would be, to its end."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if command.is_alone:
            os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        for each in (*self._own, *self.statuses.values()):
            each.close()
        os.chdir(command.folder)
        os.environ.clear()
        os.environ.update(command.environment)
        os.environ["WARM_PYTHON"] = self.address
        first = command.folder if command.kind == "-m" else ""
        given = [each for each in command.environment.get("PYTHONPATH", "").split(os.pathsep) if each]
        sys.path[:] = [first, *given, *self.path]
        sys.argv[:] = [command.kind, *command.arguments]
        sys.stdout.reconfigure(write_through=bool(command.environment.get("PYTHONUNBUFFERED")))  # type: ignore[union-attr]
        importlib.import_module("numpy").random.seed()
        Starts.choose(warm=True)
        gc.enable()
        connection.sendall(_NUMBER.pack(os.getpid()))
        connection.close()
        os._exit(_ended(lambda: _run(command)))


def _run(command: _Command) -> None:
    if command.kind == "-m":
        runpy.run_module(command.code, run_name="__main__", alter_sys=True)
    else:
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(command.code, "<string>", "exec"), vars(main))  # noqa: S102  as python -c


def _ended(program: Any) -> int:
    """Run ``program``, and end as Python does, but for taking the interpreter apart; the exit status."""
    status: Any = 0
    try:
        program()
    except SystemExit as ended:
        status = ended.code
    except BaseException as error:  # noqa: BLE001
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    if isinstance(status, str):
        print(status, file=sys.stderr)  # noqa: T201
        status = 1
    with contextlib.suppress(BaseException):
        threading._shutdown()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return int(status or 0) & 0xFF


def _modules() -> Iterator[str]:
    """All of the project's own, and with them what they import."""
    for package in ("dqn_core", "pages"):
        yield package
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if module.name.rpartition(".")[2] not in _NO_SCRIPTS:
                yield module.name


def _prepare() -> None:
    """Import and compile what processes need, and do nothing that depends on their settings."""
    logging.disable()  # Streamlit says that there is no server yet
    for name in (*_modules(), *_FOREIGN):
        importlib.import_module(name)
    logging.disable(logging.NOTSET)
    importlib.import_module("streamlit.config")._config_options = None  # each server reads its own settings
    importlib.import_module("dqn_core.runs.executors.training_worker").warm_up()
    importlib.import_module("pages.server.browser_code").plotly_file()


def main() -> None:
    """Prepare, and fork."""
    path = [each for each in sys.path[1:] if each not in os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    sys.path[0] = str(ROOT)
    is_ready = os.dup(1)
    os.dup2(2, 1)  # for what is printed by what is imported
    _prepare()
    gc.collect()
    gc.disable()
    gc.freeze()
    _Forker(sys.argv[1], path, is_ready).serve()


if __name__ == "__main__":
    main()
