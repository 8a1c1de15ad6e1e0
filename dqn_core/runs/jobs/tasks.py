"""A job's work: tasks for worker processes, and what becomes of their results."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import EnvironmentChoice, TrainingConfig
from dqn_core.environments.check import EnvironmentCheck, Finding, Verdict, checked
from dqn_core.errors import mark
from dqn_core.runs.executors.training_worker import register_environment
from dqn_core.runs.executors.worker_process import Commands, Send
from dqn_core.training.evaluation import EvaluationResult, evaluate_config

__all__ = [
    "EnvironmentTask",
    "EvaluationShare",
    "Plan",
    "PortableTask",
    "Task",
    "Work",
    "do_task",
    "evaluation_shares",
    "joined",
]

_BETWEEN_REPORTS_S = 0.1


class Task(Protocol):
    """One process's share of a job; pickles."""

    def run(self, report: Callable[[float], object]) -> Any:
        """Do it, in the process, telling the share done from time to time; the result pickles."""

    def clear(self) -> None:
        """Remove what it left; called in the server after the task failed, or its process was ended."""


@runtime_checkable
class PortableTask(Task, Protocol):
    """A task that a machine without the laboratory's folder can do."""

    def elsewhere(self) -> Task:
        """The same task for another machine."""

    def received(self, result: Any) -> Any:
        """This task's result, from that of :meth:`elsewhere`."""


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


# -------------------------------------------------------------------------------------------------- environment checks

_LONGEST_CHECK_S = 60.0


@dataclass(frozen=True, kw_only=True)
class EnvironmentTask:
    """The task of trying an environment out."""

    choice: EnvironmentChoice
    environment: bytes | None
    """How it is registered: see :func:`~dqn_core.runs.executors.training_worker.portable_environment`."""

    def run(self, report: Callable[[float], object]) -> EnvironmentCheck:
        """What was found; that it hangs, where it does not come back."""
        register_environment(self.choice.env_id, self.environment)
        found: queue.SimpleQueue[EnvironmentCheck] = queue.SimpleQueue()
        threading.Thread(target=lambda: found.put(checked(*self.choice)), daemon=True).start()
        began = time.monotonic()
        while (passed := time.monotonic() - began) < _LONGEST_CHECK_S:
            with contextlib.suppress(queue.Empty):
                return found.get(timeout=_BETWEEN_REPORTS_S)
            report(passed / _LONGEST_CHECK_S)
        template = mark("It hangs: it was not checked within {seconds} seconds.")
        hangs = Finding(
            about="environment",
            verdict=Verdict.PROBLEM,
            template=template,
            parameters={"seconds": round(_LONGEST_CHECK_S)},
        )
        return EnvironmentCheck(env_id=self.choice.env_id, findings=(hangs,))

    def clear(self) -> None:
        """Nothing is left."""


# ---------------------------------------------------------------------------------------------------------- evaluations

_FEWEST_EPISODES = 5
"""Of a process: for fewer it is not worth starting one."""


@dataclass(frozen=True, kw_only=True)
class EvaluationShare:
    """The task of playing some of an evaluation's episodes."""

    config: TrainingConfig
    weights: Mapping[str, NDArray[np.float32]]
    seed: int
    """Of the first episode; the others follow by one."""
    episodes: int

    def run(self, report: Callable[[float], object]) -> EvaluationResult:
        """Their returns and lengths."""
        return evaluate_config(
            self.config,
            self.weights,
            episodes=self.episodes,
            seed=self.seed,
            on_episode=lambda count: report(count / self.episodes),
        )

    def clear(self) -> None:
        """Nothing is left."""

    def elsewhere(self) -> EvaluationShare:
        """Itself: it needs no folder."""
        return self

    def received(self, result: EvaluationResult) -> EvaluationResult:
        """``result`` as it is."""
        return result


def evaluation_shares(whole: EvaluationShare, free_cores: int) -> list[EvaluationShare]:
    """``whole`` in parts to be played at the same time."""
    count = max(1, min(free_cores, whole.episodes // _FEWEST_EPISODES))
    firsts = [round(whole.episodes * number / count) for number in range(count + 1)]
    return [
        EvaluationShare(config=whole.config, weights=whole.weights, seed=whole.seed + first, episodes=after - first)
        for first, after in itertools.pairwise(firsts)
    ]


def joined(results: Sequence[EvaluationResult]) -> EvaluationResult:
    """One result of its parts, in their order."""
    return EvaluationResult(
        seed=results[0].seed,
        returns=tuple(value for each in results for value in each.returns),
        lengths=tuple(value for each in results for value in each.lengths),
        shaped_returns=tuple(value for each in results for value in each.shaped_returns),
    )
