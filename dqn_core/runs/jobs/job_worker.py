"""The inside of a job's process: it does one task, says how far it is, and ends.

In: modules to import and the task. Out: shares done (floats), and in the end :class:`Done` or an error. A process whose
server goes away ends at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from dqn_core.errors import DqnLabError, mark
from dqn_core.runs.executors.failures import import_modules
from dqn_core.runs.executors.piped_process import take_connections
from dqn_core.runs.jobs.task import Task

__all__ = ["Done", "main"]

_LOG = logging.getLogger(__name__)
_NICENESS = 10
"""Whoever trains, or waits for a page, goes first."""
_BETWEEN_REPORTS_S = 0.1


@dataclass(frozen=True)
class Done:
    """The task's result."""

    result: Any


def main() -> None:
    """Do the task; started by :mod:`dqn_core.runs.jobs.job_process`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends its processes
    with contextlib.suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    incoming, outgoing = take_connections()
    preload, task = incoming.recv()
    threading.Thread(target=_leave_with_the_server, args=(incoming,), daemon=True).start()
    with contextlib.suppress(OSError):  # the server is gone
        outgoing.send(_outcome(task, preload, outgoing))
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(0)  # everything is sent


def _outcome(task: Task, preload: tuple[str, ...], outgoing: Connection[Any, Any]) -> Done | DqnLabError:
    last_at = 0.0

    def report(share: float) -> None:
        nonlocal last_at
        if time.monotonic() - last_at >= _BETWEEN_REPORTS_S:
            last_at = time.monotonic()
            outgoing.send(float(share))

    try:
        import_modules(preload)
        return Done(task.run(report))
    except DqnLabError as error:
        return error
    except BaseException as error:  # noqa: BLE001  also SystemExit, which an environment's code may raise
        _LOG.error("A job failed", exc_info=error)
        template = mark("This could not be done ({kind}: {cause}).")
        return DqnLabError(template, kind=type(error).__name__, cause=str(error))


def _leave_with_the_server(incoming: Connection[Any, Any]) -> None:
    with contextlib.suppress(EOFError, OSError):
        incoming.recv()
    os._exit(1)
