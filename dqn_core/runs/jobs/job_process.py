"""The server's side of one task's process."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from dqn_core.errors import DqnLabError, mark
from dqn_core.runs.executors.piped_process import start_piped
from dqn_core.runs.jobs.job_worker import Done
from dqn_core.runs.jobs.task import Task

__all__ = ["JobProcess"]


class JobProcess:
    """Does ``task`` in a process of its own. Raises :class:`DqnLabError` where none can be started."""

    def __init__(self, task: Task, preload: Sequence[str]) -> None:
        self.share = 0.0
        """Of the task that is done."""
        self.result: Any = None
        self.is_done = False
        self._task = task
        try:
            self._process, self._goes_in, self._comes_out = start_piped("dqn_core.runs.jobs.job_worker")
        except OSError as error:
            template = mark("No process can be started ({cause}): close programs, and try again.")
            raise DqnLabError(template, cause=error) from error
        with contextlib.suppress(OSError):  # it has died already, and says so where it is listened to
            self._goes_in.send((tuple(preload), task))

    @property
    def connection(self) -> Connection[Any, Any]:
        """Becomes ready where there is something to :meth:`hear`."""
        return self._comes_out

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def hear(self) -> None:
        """Take one message. Raises what the task ended with, or that its process died."""
        try:
            message = self._comes_out.recv()
        except (EOFError, OSError):
            template = mark("The process that did this ended without a word (exit status {status}): try again.")
            raise DqnLabError(template, status=self._process.wait()) from None
        if isinstance(message, DqnLabError):
            raise message
        if isinstance(message, Done):
            self.result, self.is_done, self.share = message.result, True, 1.0
        else:
            self.share = message

    def close(self) -> None:
        """End the process if it still runs, and remove what an unfinished task left."""
        self._process.kill()
        self._process.wait()
        self._goes_in.close()
        self._comes_out.close()
        if not self.is_done:
            self._task.clear()
