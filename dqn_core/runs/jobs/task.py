"""A job's work: tasks for worker processes, and what becomes of their results."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dqn_core.runs.worker_process import Commands, Send

__all__ = ["Plan", "Task", "Work", "do_task"]

_BETWEEN_REPORTS_S = 0.1


class Task(Protocol):
    """One process's share of a job; pickles."""

    def run(self, report: Callable[[float], object]) -> Any:
        """Do it, in the process, telling the share done from time to time; the result pickles."""

    def clear(self) -> None:
        """Remove what it left; called in the server after the task failed, or its process was ended."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a job does."""

    tasks: Sequence[Task]
    """Done at the same time, each in a process; the first that fails ends the others."""
    finish: Callable[[list[Any]], Any]
    """Makes the job's result of theirs, in the server."""


Plan = Callable[[], Work]
"""Called in the server when the job's turn has come."""


def do_task(task: Task, _commands: Commands, send: Send) -> Any:
    """Do ``task`` in a worker process, which sends the share done from time to time; its result."""
    last_at = 0.0

    def report(share: float) -> None:
        nonlocal last_at
        if time.monotonic() - last_at >= _BETWEEN_REPORTS_S:
            last_at = time.monotonic()
            send(float(share))

    return task.run(report)
