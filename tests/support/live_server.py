"""The real server in a process of its own, for tests that drive a browser."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from warm_python import Starts

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 20.0

# A quiet server says where it listens and that it ends. Anything else is worth a look: an allow-list, because what a
# library logs without a level would slip through a search for "WARNING". "Aborted!" is Streamlit's word for Ctrl-C.
_QUIET_LINES = (
    r"\s*",
    r"  You can now view your Streamlit app in your browser\.",
    r"  URL: http://\S+",
    r"Aborted!",
    r".* Started server process \[\d+\]",
    r".* Waiting for application (startup|shutdown)\.",
    r".* Application (startup|shutdown) complete\.",
    r".* Uvicorn running on .*",
    r".* Shutting down",
    r".* Finished server process \[\d+\]",
    r""".* "[A-Z]+ \S+ HTTP/1\.1" [234]\d\d( \w+)*""",  # uvicorn's access log; 500 and up is noise
    r""".* "WebSocket \S+" \[accepted\]""",
    r".* connection (open|closed)",
)
_QUIET_LINE = re.compile("|".join(_QUIET_LINES))


class LiveServer:
    """A running dashboard on a free port of 127.0.0.1.

    ``with LiveServer(data_dir, log_path) as server`` starts it, waits until it is healthy, and stops it by its pid.
    ``launcher`` is "streamlit" (as ``make app`` does) or "uvicorn"; ``settings`` are environment variables for it;
    ``base_path`` is where they have it serve its pages.
    """

    def __init__(
        self,
        data_dir: Path,
        log_path: Path,
        launcher: str = "streamlit",
        settings: Mapping[str, str] | None = None,
        base_path: str = "",
    ) -> None:
        self.data_dir = data_dir
        self.log_path = log_path
        self.settings = dict(settings or {})
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}{base_path}"
        self._command = _command(launcher, self.port)
        self._process: subprocess.Popen[bytes] | None = None
        self._characters_taken = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process and wait until its health endpoint says yes; raises RuntimeError with its log if not."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        environment = {
            "DQN_LAB_MAX_ACTIVE_RUNS": "8",  # no test waits for its turn because this machine has few cores
            **os.environ,
            "DQN_LAB_DATA": str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
            "STREAMLIT_LOGGER_MESSAGE_FORMAT": "%(levelname)s %(name)s: %(message)s",
            **self.settings,
        }
        with self.log_path.open("ab") as log:
            self._process = Starts.popen(
                self._command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_until_healthy()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def stop(self, signal_number: int = signal.SIGINT) -> None:
        """Ask the server to end, as Ctrl-C does, and wait; raises TimeoutError where it hangs (and kills it)."""
        if not self.is_running:
            return
        process = self._running()
        process.send_signal(signal_number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            msg = f"The server still ran {STOP_TIMEOUT_S:.0f} s after being asked to stop. Its log:\n{self.log()}"
            raise TimeoutError(msg) from None

    def log(self) -> str:
        """Everything that the server said so far, over all its starts."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def take_noise(self) -> list[str]:
        """Lines since the last call that a healthy server would not have written."""
        text = self.log()
        fresh, self._characters_taken = text[self._characters_taken :], len(text)
        return [line for line in fresh.splitlines() if not _QUIET_LINE.fullmatch(line)]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            msg = "The server was not started."
            raise RuntimeError(msg)
        return self._process

    def _wait_until_healthy(self) -> None:
        process, waited_s, pause_s = self._running(), 0.0, 0.05
        with httpx.Client(trust_env=False, timeout=5.0) as client:
            while waited_s < START_TIMEOUT_S:
                if _is_healthy(client, self.url):
                    return
                try:
                    # The pause between two questions is a wait for the one event that makes asking pointless.
                    process.wait(pause_s)
                except subprocess.TimeoutExpired:
                    waited_s += pause_s
                    continue
                msg = f"The server ended with status {process.returncode} before it was ready. Its log:\n{self.log()}"
                raise RuntimeError(msg)
        msg = f"The server was not ready after {START_TIMEOUT_S:.0f} s. Its log:\n{self.log()}"
        raise RuntimeError(msg)


def _is_healthy(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/_stcore/health").is_success
    except httpx.TransportError:
        return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _command(launcher: str, port: int) -> list[str]:
    if launcher == "uvicorn":
        options = ["--host", "127.0.0.1", "--port", str(port)]
        return [sys.executable, "-m", "uvicorn", "app:app", *options]
    options = ["--server.address", "127.0.0.1", "--server.port", str(port)]
    return [sys.executable, "-m", "streamlit", "run", "app.py", *options]
