"""A viewer without a browser, for measuring: it reads a run's stream and fetches the frames that are told of.

python -m benchmarks.frame_viewer URL RUN_ID FRAMES    until its standard input ends; FRAMES is 0 or 1

A process of its own, so that its work takes nothing from the interpreter that trains.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
from urllib.parse import urlsplit

__all__ = ["main"]

_TIMEOUT_S = 30


def main(url: str, run_id: str, frames: str) -> None:
    """Say "ready" once the first message is there, then go on."""
    threading.Thread(target=_leave_with_the_measurer, daemon=True).start()
    host = urlsplit(url).netloc
    stream = http.client.HTTPConnection(host, timeout=_TIMEOUT_S)
    stream.request("GET", f"/live/runs/{run_id}/events?frames={frames}")
    pictures = http.client.HTTPConnection(host, timeout=_TIMEOUT_S)
    is_first, shown = True, 0
    for line in stream.getresponse():
        if is_first:
            print("ready", flush=True)
        is_first = False
        frame = json.loads(line.removeprefix(b"data:"))["frame"] if line.startswith(b"data:") else None
        if frame is not None and frame["number"] != shown:
            shown = frame["number"]
            pictures.request("GET", f"/live/runs/{run_id}/frames/{shown}.jpg")
            pictures.getresponse().read()


def _leave_with_the_measurer() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
