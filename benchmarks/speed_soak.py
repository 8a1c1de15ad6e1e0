"""Whether a server's memory stays flat while runs train and a class looks on, for minutes on end.

The server is a process of its own with two runs that do not end, one in that very process and one in a worker; the
viewers, who are no browsers, follow the runs from this one, frames included.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.live_viewer import run_messages
from benchmarks.sizes import Sizes

__all__ = ["measure", "resident_bytes"]

ROOT = Path(__file__).resolve().parents[1]
_RUNS = 2
_ENV_ID = "LunarLander-v3"
_LAST_S = 30.0
"""The end's memory is the median over so long, as the first minute's is over the half minute after it."""
_LOOK_EVERY_S = 1.0


def measure(sizes: Sizes) -> dict[str, Any]:
    """Bytes of the server after its first minute and at the end, and what the runs did meanwhile."""
    if not Path("/proc/self/statm").exists():
        return {"skipped": "the memory of another process can be read on Linux only"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.soak_server", folder, _ENV_ID, str(_RUNS)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as server:
            try:
                assert server.stdout is not None  # noqa: S101  a pipe, as asked for
                for line in server.stdout:  # whatever else a library says there
                    if line.startswith("{"):
                        ready = json.loads(line)
                        threading.Thread(target=server.stdout.read, daemon=True).start()
                        return _soaked(server.pid, ready["url"], ready["runs"], sizes)
                message = "The server ended before its runs had begun."
                raise RuntimeError(message)
            finally:
                server.send_signal(signal.SIGINT)
                try:
                    server.wait(30)
                except subprocess.TimeoutExpired:
                    server.kill()


def _soaked(pid: int, url: str, runs: list[str], sizes: Sizes) -> dict[str, Any]:
    viewers = [_Viewer(url, runs[number % len(runs)]) for number in range(sizes.soak_viewers)]
    for each in viewers:
        each.start()
    began, seen = time.monotonic(), []
    while (passed := time.monotonic() - began) < sizes.soak_s:
        seen.append((passed, resident_bytes(pid)))
        time.sleep(_LOOK_EVERY_S)
    lost = [each for each in viewers if not each.is_alive()]
    if lost:
        message = f"{len(lost)} of {len(viewers)} viewers lost their connection."
        raise RuntimeError(message)
    after_s = min(60.0, sizes.soak_s / 4)
    first = _median([size for at, size in seen if after_s <= at < after_s + min(_LAST_S, sizes.soak_s / 8)])
    last = _median([size for at, size in seen if at >= sizes.soak_s - min(_LAST_S, sizes.soak_s / 8)])
    return {
        "env_id": _ENV_ID,
        "runs": len(runs),
        "viewers": len(viewers),
        "minutes": sizes.soak_s / 60,
        "after_s": after_s,
        "server_bytes": {"first": first, "last": last, "most": max(size for _, size in seen)},
        "growth": last / first - 1,
        "env_steps": [each.env_step for each in viewers[: len(runs)]],
        "messages": sum(each.messages for each in viewers),
        "frames": sum(each.frames for each in viewers),
    }


class _Viewer(threading.Thread):
    """Follows a run, frames included."""

    def __init__(self, url: str, run_id: str) -> None:
        super().__init__(name=f"viewer of {run_id}", daemon=True)
        self._url, self._run_id = url, run_id
        self.messages = self.frames = self.env_step = 0

    def run(self) -> None:
        """Look on, until the run is over."""
        for message in run_messages(self._url, self._run_id, frames=True):
            self.messages += 1
            self.env_step = message["progress"]["env_step"]
            self.frames += message["frame"] is not None


def resident_bytes(pid: int) -> int:
    """Memory that a process has now, without what it could give back at once (shared libraries count)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _median(values: list[int]) -> int:
    return sorted(values)[len(values) // 2]
