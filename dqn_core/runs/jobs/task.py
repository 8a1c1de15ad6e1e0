"""What a job's processes are given to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Plan", "Task", "Work"]


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
