"""Jobs of a server, one after another: asked for, on their way, done, and kept for a while.

    submit(key, plan) -> Job:  WAITING -> WORKING (share done) -> DONE | FAILED | CANCELLED

Nothing of a job's work is done in the server itself, so that neither training nor a page waits for it.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from dqn_core.errors import BusyError, DqnLabError, LimitReachedError, mark
from dqn_core.runs.executors.worker_process import Commands, Failed, Finished, ProcessEndedError, Send, WorkerProcess
from dqn_core.runs.jobs.tasks import Plan, PortableTask, Task, do_task

__all__ = ["Job", "JobState", "Jobs", "TaskWorker"]

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_S = 0.1
_CLOSING_S = 3.0
_NICENESS = 10
"""Training, and what a page waits for, goes first."""


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether it comes no further."""
        return self not in {JobState.WAITING, JobState.WORKING}


class TaskWorker(Protocol):
    """Does a task: a :class:`~dqn_core.runs.executors.worker_process.WorkerProcess`, or its like elsewhere."""

    @property
    def connection(self) -> Connection[Any, Any]:
        """Becomes ready where there is something to receive."""

    def begin(self, function: Callable[[Any, Commands, Send], Any], argument: Any) -> None:
        """Have ``function`` called with ``argument``."""

    def receive(self) -> list[Any]:
        """The next messages; waits for them. Raises :class:`ProcessEndedError` where none will come."""

    def leave(self) -> None:
        """End it, whatever it does."""

    def close(self) -> None:
        """Nothing more is received."""


class Job:
    """One job. Written by the service's thread alone, read by any."""

    def __init__(self, key: str, plan: Plan, owner: str = "") -> None:
        self.job_id = secrets.token_hex(8)
        self.owner = owner
        """Id of the visitor who asked for it first; empty where nobody is known."""
        self.key = key
        """Two jobs with the same key would do the same."""
        self.plan = plan
        self.state = JobState.WAITING
        self.share = 0.0
        """Of the work that is done, 0 to 1."""
        self.result: Any = None
        """What it came to; None before it is done."""
        self.error: DqnLabError | None = None
        """Why it failed."""
        self.is_unwanted = False
        """Whether somebody cancelled it."""


class Jobs:
    """Does one job at a time; any thread may call any method.

    Parameters
    ----------
    preload
        Modules that each process imports, because they register environments.
    elsewhere
        Gives a worker on another machine, from how far it is to step back; None where all is done on this one.
    most_waiting
        A further job is refused.
    most_of_one
        Jobs of one owner that may wait.
    most_kept
        Jobs remembered after they are over.
    """

    def __init__(
        self,
        preload: Sequence[str] = (),
        *,
        elsewhere: Callable[[int], TaskWorker] | None = None,
        most_waiting: int = 20,
        most_of_one: int = 6,
        most_kept: int = 100,
    ) -> None:
        self._preload = tuple(preload)
        self._elsewhere = elsewhere
        self._most_waiting, self._most_of_one, self._most_kept = most_waiting, most_of_one, most_kept
        self._jobs: OrderedDict[str, Job] = OrderedDict()  # by id, oldest first
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def submit(self, key: str, plan: Plan, owner: str = "") -> Job:
        """A job that does what ``plan`` says; the one with the same ``key`` that is not over yet, if there is one.

        Raises :class:`BusyError` where too many wait already, and :class:`LimitReachedError` where too many of the
        ``owner``'s do.
        """
        with self._changed:
            same = next((each for each in self._jobs.values() if each.key == key and not each.state.is_over), None)
            if same is not None and not same.is_unwanted:
                return same
            if self._is_closed or len(self._waiting) >= self._most_waiting:
                raise BusyError(mark("The server is at its limit: try again in a minute."))
            count = sum(bool(owner) and each.owner == owner for each in self._waiting)
            if count >= self._most_of_one:
                template = mark(
                    "You have {count} videos and evaluations waiting, as many as this server allows per visitor: "
                    "wait until one is done, or cancel one."
                )
                raise LimitReachedError(template, count=count)
            job = Job(key, plan, owner)
            self._jobs[job.job_id] = job
            self._waiting.append(job)
            self._forget()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return job

    def find(self, job_id: str) -> Job | None:
        """The job with this id; None where it is not known any more."""
        return self._jobs.get(job_id)

    def latest(self, key: str) -> Job | None:
        """The newest job with this key; None where none is known any more."""
        with self._changed:
            return next((job for job in reversed(self._jobs.values()) if job.key == key), None)

    def jobs_ahead(self, job: Job) -> int:
        """How many jobs come before a waiting one."""
        with self._changed:
            return self._waiting.index(job) + self._is_working if job in self._waiting else 0

    def cancel(self, job_id: str) -> None:
        """End a job soon; nothing happens where it is over or unknown."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.state.is_over:
                return
            job.is_unwanted = True
            if job in self._waiting:
                self._waiting.remove(job)
                job.state = JobState.CANCELLED

    def close(self) -> None:
        """End the job at work, take on no more, and wait for its processes to be gone, but not for ever."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            jobs = list(self._jobs)
        for job_id in jobs:
            self.cancel(job_id)
        if self._thread is not None:
            self._thread.join(_CLOSING_S)

    # ------------------------------------------------------------------------------------------- the one thread

    @property
    def _is_working(self) -> bool:
        return any(each.state is JobState.WORKING for each in self._jobs.values())

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job.result = self._done(job)
            except _UnwantedError:
                job.state = JobState.CANCELLED
            except DqnLabError as error:
                job.error, job.state = error, JobState.FAILED
            except Exception as error:  # noqa: BLE001  the next job has its turn whatever this one ran into
                _LOG.error("A job failed", exc_info=error)
                template = mark("This could not be done ({kind}: {cause}).")
                job.error = DqnLabError(template, kind=type(error).__name__, cause=str(error))
                job.state = JobState.FAILED
            else:
                job.state = JobState.DONE

    def _next(self) -> Job | None:
        """The next job, which is waited for; None once the service is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if self._is_closed:
                return None
            job = self._waiting.popleft()
            job.state = JobState.WORKING
            return job

    def _done(self, job: Job) -> Any:
        """Do ``job``: its result."""
        work = job.plan()
        with contextlib.ExitStack() as stack:
            processes = []
            for task in work.tasks:
                processes.append(self._at_work(task))
                stack.callback(processes[-1].close)
            while missing := [each for each in processes if not each.is_done]:
                if job.is_unwanted:
                    raise _UnwantedError
                ready = wait([each.worker.connection for each in missing], _LOOK_EVERY_S)
                for process in missing:
                    if process.worker.connection in ready:
                        process.hear()
                job.share = sum(each.share for each in processes) / len(processes)
        return work.finish([each.result for each in processes])

    def _at_work(self, task: Task) -> _TaskProcess:
        """Raises :class:`DqnLabError` where no process can be started."""
        if self._elsewhere is not None and isinstance(task, PortableTask):
            return _TaskProcess(task, self._elsewhere(_NICENESS), task.elsewhere(), task.received)
        try:
            worker = WorkerProcess(self._preload, niceness=_NICENESS)
        except OSError as error:
            template = mark("No process can be started ({cause}): close programs, and try again.")
            raise DqnLabError(template, cause=error) from error
        return _TaskProcess(task, worker, task)

    def _forget(self) -> None:
        over = [job_id for job_id, job in self._jobs.items() if job.state.is_over]
        for job_id in over[: max(0, len(over) - self._most_kept)]:
            del self._jobs[job_id]


class _TaskProcess:
    """One task at work in a process of its own.

    Parameters
    ----------
    task
        Cleared up after if it is not done.
    worker
        The process.
    sent, received
        What is done there, and what makes the task's result of that one's.
    """

    def __init__(
        self, task: Task, worker: TaskWorker, sent: Task, received: Callable[[Any], Any] = lambda result: result
    ) -> None:
        self.share = 0.0
        """Of the task that is done."""
        self.result: Any = None
        self.is_done = False
        self.worker = worker
        self._task = task
        self._received = received
        worker.begin(do_task, sent)

    def hear(self) -> None:
        """Take the next messages. Raises what the task ended with, or that its process died."""
        try:
            messages = self.worker.receive()
        except ProcessEndedError as ended:
            template = mark("The process for this job ended without a message (exit status {status}): try again.")
            raise DqnLabError(template, status=ended.status) from None
        for message in messages:
            if isinstance(message, Failed):
                raise message.error
            if isinstance(message, Finished):
                self.result, self.is_done, self.share = self._received(message.result), True, 1.0
            else:
                self.share = message

    def close(self) -> None:
        """End the process if it still runs, and remove what an unfinished task left."""
        self.worker.leave()
        self.worker.close()
        if not self.is_done:
            self._task.clear()


class _UnwantedError(Exception):
    """The job at work was cancelled."""
