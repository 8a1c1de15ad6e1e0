"""Connections by the hundred that say nothing, and logs that repeat themselves."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn.server
from streamlit.runtime import app_session
from streamlit.runtime.scriptrunner import script_runner

from pages.server.connections import (
    BoundedLog,
    Gate,
    leave_out_idle_ends,
    leave_out_late_clicks,
    raise_descriptor_limit,
)

ROOT = Path(__file__).resolve().parents[2]
_SERVER = """
import contextlib
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from pages.server import connections
from pages.server import shutdown

connections._HEADER_S = 1.0
connections._SILENCE_S = 1.0

async def hello(request):
    return PlainTextResponse(str(len(await request.body())))

async def echo(socket):
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)

@contextlib.asynccontextmanager
async def lifespan(_app):
    shutdown.install()
    connections.guard(shutdown.server(), connections.Gate(40, 30))
    yield

app = Starlette(
    routes=[Route("/", hello, methods=["GET", "POST"]), WebSocketRoute("/echo", echo)], lifespan=lifespan
)
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server that takes thirty connections from one address."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "gated_server.py").write_text(_SERVER)
    paths = os.pathsep.join([str(folder), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "gated_server:app", "--host", "127.0.0.1", "--port", "0"],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
            break
    assert found, said
    yield int(found[1])
    process.terminate()
    process.communicate(timeout=20)


def _connected(port: int, said: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(said)
    return connection


def _ends(connection: socket.socket) -> bool:
    """Whether the server closes the connection, whatever it answered before."""
    try:
        while connection.recv(10_000):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


def _get(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=20).text


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: lab\r\n",
        b"POST / HTTP/1.1\r\nHost: lab\r\nContent-Length: 9\r\n\r\nhalf",
        b"GET / HTTP/1.1\r\nHost: lab\r\n\r\nGET / HT",
    ],
)
def test_half_a_request_is_not_waited_for_for_ever(port: int, half: bytes) -> None:
    with _connected(port, half) as connection:
        if b"\r\n\r\nGET" in half:
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200")
        assert _ends(connection)


def test_a_request_that_comes_slowly_but_comes_is_answered(port: int) -> None:
    with _connected(port, b"POST / HTTP/1.1\r\nHost: lab\r\nContent-Length: 3\r\n\r\n") as connection:
        for letter in (b"a", b"b", b"c"):
            connection.sendall(letter)
        assert connection.recv(10_000).startswith(b"HTTP/1.1 200")


def test_whoever_asks_is_answered_beside_hundreds_that_say_nothing(port: int) -> None:
    silent = [_connected(port, b"GET / HT") for _ in range(200)]
    assert _get(port) == "0"
    assert all(_ends(connection) for connection in silent)
    for connection in silent:
        connection.close()
    assert _get(port) == "0"


def test_a_websocket_stays_open_longer_than_a_request_may_take(port: int) -> None:
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{port}/echo", proxy=None) as open_socket:
        with _connected(port) as silent:
            assert _ends(silent)  # as long as a request may take
        open_socket.send("still here")
        assert open_socket.recv(timeout=20) == "still here"


def test_open_websockets_count_as_connections(port: int) -> None:
    """Thirty are all that one address may have; none of them waits for a request, so that none makes room."""
    from websockets.sync.client import connect

    with contextlib.ExitStack() as tabs:
        for _ in range(30):
            tabs.enter_context(connect(f"ws://127.0.0.1:{port}/echo", proxy=None))
        with pytest.raises(httpx.TransportError):
            _get(port)
    assert _get(port) == "0"


class _Transport:
    def __init__(self, address: str) -> None:
        self.address = address
        self.is_aborted = False

    def get_extra_info(self, _name: str) -> tuple[str, int]:
        return self.address, 1

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


def test_the_gate_keeps_what_is_at_work_and_closes_the_oldest_that_waits() -> None:
    gate = Gate(most=4, most_from_one=3)
    busy, idle, newest = (_Transport("a") for _ in range(3))
    assert gate.enter(busy, lambda: False)  # type: ignore[arg-type]
    assert gate.enter(idle, lambda: True)  # type: ignore[arg-type]
    assert gate.enter(newest, lambda: True)  # type: ignore[arg-type]
    assert gate.enter(_Transport("a"), lambda: False)  # type: ignore[arg-type]
    assert (busy.is_aborted, idle.is_aborted, newest.is_aborted) == (False, True, False)
    assert gate.enter(_Transport("b"), lambda: False)  # type: ignore[arg-type]
    assert gate.enter(_Transport("b"), lambda: False)  # type: ignore[arg-type]
    assert newest.is_aborted
    assert not gate.enter(_Transport("c"), lambda: False)  # type: ignore[arg-type]
    gate.leave(busy)  # type: ignore[arg-type]
    assert gate.enter(_Transport("c"), lambda: False)  # type: ignore[arg-type]


@pytest.mark.parametrize("listed", ["10.0.0.2", "*"])
def test_everybody_may_come_through_one_proxy(listed: str) -> None:
    gate = Gate(most=8, most_from_one=3, proxies=[listed])
    assert [gate.enter(_Transport("10.0.0.2"), lambda: False) for _ in range(7)] == [True] * 6 + [False]  # type: ignore[arg-type]
    mapped = Gate(most=8, most_from_one=3, proxies=["10.0.0.2"])
    assert all(mapped.enter(_Transport("::ffff:10.0.0.2"), lambda: False) for _ in range(6))  # type: ignore[arg-type]
    assert [mapped.enter(_Transport("10.0.0.3"), lambda: False) for _ in range(3)] == [True, True, False]  # type: ignore[arg-type]


@pytest.mark.parametrize("descriptors", [256, 1_024, 65_536])
def test_connections_leave_descriptors_to_the_rest(descriptors: int) -> None:
    gate = Gate.for_descriptors(descriptors)
    assert 0 < gate.most_from_one < gate.most < descriptors


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_the_limit_of_descriptors_is_raised_as_far_as_it_may_be() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 900))\n"
        "from pages.server.connections import raise_descriptor_limit\n"
        "print(raise_descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["900", "(900,", "900)"]
    assert raise_descriptor_limit() > 0


def test_a_log_leaves_out_what_repeats_itself_and_says_so() -> None:
    now = 0.0
    bounded = BoundedLog(most=3, every_s=10.0, clock=lambda: now)

    def passes(text: str, level: int = logging.WARNING) -> tuple[bool, str]:
        record = logging.LogRecord("lab", level, "", 0, text, (1,), None)
        return bounded.filter(record), record.getMessage()

    assert [passes("the same %d")[0] for _ in range(10)] == [True] * 3 + [False] * 7
    assert passes("another %d") == (True, "another 1")
    assert all(passes("a request %d", logging.INFO)[0] for _ in range(200))
    now = 11.0
    passed, said = passes("the same %d")
    assert passed
    assert "the same 1" in said
    assert "7 messages" in said
    assert passes("the same %d") == (True, "the same 1")


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("streamlit.runtime.scriptrunner.script_runner", "Couldn't find fragment with id"),
        ("streamlit.runtime.app_session", "The fragment with id"),
    ],
)
def test_a_page_left_in_the_instant_of_a_click_is_no_warning(
    module: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    loggers = [logging.getLogger(each) for each in (module, script_runner.__name__, app_session.__name__)]
    before = [list(each.filters) for each in loggers]
    leave_out_late_clicks()
    try:
        with caplog.at_level(logging.INFO, logger=module):
            loggers[0].info(f"{words} %s is gone", "c7da")
            loggers[0].info("something else")
    finally:
        for logger, filters in zip(loggers, before, strict=True):
            logger.filters[:] = filters
    assert words in Path(sys.modules[module].__file__ or "").read_text()
    assert [record.getMessage() for record in caplog.records] == ["something else"]


def test_an_end_that_cuts_nothing_off_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("uvicorn.error")
    before = [*logger.filters]
    template = "Cancel %s running task(s), timeout graceful shutdown exceeded"
    leave_out_idle_ends()
    try:
        for count in (0, 2):
            logger.error(template, count)
    finally:
        logger.filters[:] = before
    assert [record.getMessage() for record in caplog.records] == [template % 2]
    assert template in Path(uvicorn.server.__file__).read_text()
