from __future__ import annotations

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from pages.server import shutdown
from warm_python import Starts

ROOT = Path(__file__).resolve().parents[2]

_SERVER = """
import contextlib
from pathlib import Path
from scripted_trainer import obedient, following
from starlette.applications import Starlette
from dqn_core.config import TrainingConfig
from dqn_core.events import Notice
from dqn_core.runs.manager import RunManager
from pages.server import shutdown
from pages.shared.browser.live_socket import live_socket_routes
from pages.train.stream import run_topic

def script(config, mailbox):
    yield Notice(template="x" * NOTICE_SIZE)
    yield from obedient()(config, mailbox)

manager = RunManager(Path(__file__).parent / "data", trainer_factory=following(script))

@contextlib.asynccontextmanager
async def lifespan(_app):
    shutdown.install()
    print("run", manager.start(TrainingConfig()), flush=True)
    yield
    manager.close()
    print("closed", flush=True)

app = Starlette(routes=live_socket_routes({"run": run_topic(lambda: manager)}), lifespan=lifespan)
"""

_UPGRADE = (
    b"GET /live/socket HTTP/1.1\r\nHost: lab\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Server:
    """A real server with one run, in a process of its own."""

    def __init__(self, folder: Path, notice_size: int) -> None:
        source = _SERVER.replace("NOTICE_SIZE", str(notice_size))
        (folder / "small_server.py").write_text(source)
        paths = os.pathsep.join([str(folder), str(ROOT), str(ROOT / "tests" / "support")])
        self.process = Starts.popen(
            [sys.executable, "-m", "uvicorn", "small_server:app", "--host", "127.0.0.1", "--port", "0"],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.log = ""
        for line in self.process.stdout:
            self.log += line
            if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        run = re.search(r"^run (\S+)$", self.log, re.MULTILINE)
        assert run, self.log
        self.subscription = json.dumps({"subscribe": 1, "topic": "run", "parameters": {"run": run[1]}})

    @contextmanager
    def tab(self) -> Iterator[ClientConnection]:
        """A tab that follows the run."""
        with connect(f"ws://127.0.0.1:{self.port}/live/socket", proxy=None) as tab:
            tab.send(self.subscription)
            yield tab

    def end(self, number: int) -> tuple[float, str]:
        """Seconds from the signal until everything was stored, and what the process said to its end."""
        began = time.monotonic()
        self.process.send_signal(number)
        assert self.process.stdout is not None
        closed_after = math.inf
        for line in self.process.stdout:
            self.log += line
            if line == "closed\n":
                closed_after = time.monotonic() - began
        self.process.wait(20)
        assert time.monotonic() - began < 10.0
        return closed_after, self.log


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(tmp_path, getattr(request, "param", 1))
    yield server
    server.process.kill()
    server.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_open_sockets_end_with_the_server(server: Server, number: int) -> None:
    codes: list[int] = []
    is_streaming = threading.Semaphore(0)

    def look() -> None:
        with server.tab() as tab:
            try:
                while tab.recv(timeout=20):
                    is_streaming.release()
            except ConnectionClosed as closed:
                codes.append(closed.rcvd.code if closed.rcvd else 0)

    viewers = [threading.Thread(target=look) for _ in range(3)]
    for viewer in viewers:
        viewer.start()
    for _ in viewers:
        assert is_streaming.acquire(timeout=10)
    seconds, said = server.end(number)
    for viewer in viewers:
        viewer.join(timeout=10)
    assert seconds < 10.0
    assert len(codes) == 3
    assert set(codes) <= {1001, 1012}  # closed in words: going away, or to start again
    assert "closed" in said  # the lifespan ended in its own time: every run is stopped and stored
    assert "Traceback" not in said
    assert "graceful shutdown exceeded" not in said  # they went by themselves


@pytest.mark.parametrize("server", [20_000_000], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_viewer_that_reads_nothing_does_not_keep_the_server(server: Server, number: int) -> None:
    """A laptop that fell asleep: its connection is open, and full."""
    with socket.create_connection(("127.0.0.1", server.port)) as viewer:
        viewer.sendall(_UPGRADE)
        assert viewer.recv(10_000).startswith(b"HTTP/1.1 101")
        viewer.sendall(Frame(Opcode.TEXT, server.subscription.encode()).serialize(mask=True))
        assert viewer.recv(1)  # the first of twenty million bytes
        seconds, said = server.end(number)
    assert seconds < 10.0
    assert "closed" in said


@pytest.fixture
def handlers() -> Iterator[list[int]]:
    """Handlers of the test's own, and a list of what reached them."""
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda number, _frame: received.append(number))
    yield received
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_handlers_that_were_there_are_called(handlers: list[int]) -> None:
    shutdown.install()
    assert not shutdown.is_closing()
    signal.raise_signal(signal.SIGTERM)
    assert handlers == [signal.SIGTERM]
    assert shutdown.is_closing()
    shutdown.install()  # a server that starts again in the same process
    assert not shutdown.is_closing()


def test_outside_the_main_thread_no_signal_is_touched(handlers: list[int]) -> None:
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=shutdown.install)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
    assert not shutdown.is_closing()


@pytest.mark.timeout(300)  # three dozen seconds, on a machine that has nothing else to do
@pytest.mark.parametrize("executor", ["auto", "thread"])
@pytest.mark.sqlite_file
def test_sigterm_ends_a_server_full_of_work_that_hangs_and_keeps_its_checkpoints(tmp_path: Path, executor: str) -> None:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    settings = {"DQN_LAB_DATA": str(tmp_path), "DQN_LAB_EXECUTOR": executor, "DQN_LAB_MAX_ACTIVE_RUNS": "8"}
    process = Starts.popen(
        [sys.executable, "-m", "uvicorn", "hanging_server:app", "--host", "127.0.0.1", "--port", "0"],
        env={**os.environ, **settings, "PYTHONPATH": paths},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "stuck" in line:
                break
        assert "stuck" in said, said
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert time.monotonic() - began < 10.0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    manager = RunManager(tmp_path, executor="thread")
    records = manager.list_runs()
    assert len(records) == 4
    for record in records:
        assert record.state is RunState.INTERRUPTED
        assert manager.open_folder(record.run_id).checkpoint()
    manager.close()
