"""A viewer without a browser, for measuring: it follows a run over a live socket, as a tab does.

python -m benchmarks.live_viewer URL RUN_ID FRAMES    until its standard input ends; FRAMES is 0 or 1

A process of its own, so that its work takes nothing from the interpreter that trains.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from websockets.sync.client import connect

__all__ = ["main", "run_messages", "run_wish", "socket_address"]

_TIMEOUT_S = 120


def socket_address(url: str) -> str:
    """Of the live sockets of the server at ``url``."""
    return f"{url.replace('http', 'ws', 1)}/live/socket"


def run_wish(run_id: str, *, frames: bool, cursor: Mapping[str, int] | None = None) -> str:
    """What a tab says to follow a run."""
    parameters = {"run": run_id, "frames": frames}
    return json.dumps({"subscribe": 1, "topic": "run", "parameters": parameters, "cursor": cursor, "language": "en"})


def run_messages(
    url: str, run_id: str, *, frames: bool, cursor: Mapping[str, int] | None = None
) -> Iterator[dict[str, Any]]:
    """What the server at ``url`` tells of a run, to its end; raises RuntimeError where it tells of an error."""
    with connect(socket_address(url), max_size=None, proxy=None) as socket:
        socket.send(run_wish(run_id, frames=frames, cursor=cursor))
        is_over = False
        while not is_over:
            message = json.loads(socket.recv(timeout=_TIMEOUT_S))
            if "error" in message:
                raise RuntimeError(message["error"])
            if "data" in message:
                is_over = message["over"]
                yield message["data"]


def main(url: str, run_id: str, frames: str) -> None:
    """Say "ready" once the first message is there, then go on."""
    threading.Thread(target=_leave_with_the_measurer, daemon=True).start()
    for number, _message in enumerate(run_messages(url, run_id, frames=frames == "1")):
        if number == 0:
            print("ready", flush=True)


def _leave_with_the_measurer() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
