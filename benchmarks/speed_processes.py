"""Runs side by side: how much several do in all, in processes and in threads, beside one run alone.

Every run does one update an env step; rates are taken over a window in which all runs train.
"""

from __future__ import annotations

import functools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measuring import interleaved, ratios, summary
from benchmarks.sizes import Sizes
from dqn_core.cli.bench import speed_config
from dqn_core.runs.manager import Executor, RunManager

__all__ = ["measure"]

_RUNS = 4
_CONTENDERS: dict[str, tuple[Executor, int]] = {
    "one": ("auto", 1),
    "threads": ("thread", _RUNS),
    "auto": ("auto", _RUNS),
    "processes": ("process", _RUNS),
}
_MANY_STEPS = 1_000_000_000
_LOOK_EVERY_S = 0.02
_START_TIMEOUT_S = 120.0


def measure(sizes: Sizes) -> dict[str, Any]:
    """Env steps a second in all, and how many times one run's that is, by environment."""
    return {
        "runs": _RUNS,
        "cores": os.cpu_count(),
        "envs": {env_id: _measure_in(env_id, sizes) for env_id in sizes.envs},
    }


def _measure_in(env_id: str, sizes: Sizes) -> dict[str, Any]:
    contenders: dict[str, Callable[[], float]] = {
        name: functools.partial(_rate, executor, count, env_id, sizes.processes_window_s)
        for name, (executor, count) in _CONTENDERS.items()
    }
    values = interleaved(contenders, sizes.repetitions)
    return {
        "steps_per_s": {name: summary(each) for name, each in values.items()},
        "times_one": {name: summary(ratios(values, name, "one")) for name in values if name != "one"},
    }


def _rate(executor: Executor, count: int, env_id: str, window_s: float) -> float:
    """Env steps a second that ``count`` runs do in all."""
    with _manager(executor, count) as manager:
        for seed in range(count):
            manager.start(speed_config(env_id, _MANY_STEPS, seed=seed, compute="fused"))
        _wait_until_all_train(manager)
        began, before = time.perf_counter(), _env_steps(manager)
        time.sleep(window_s)
        return (_env_steps(manager) - before) / (time.perf_counter() - began)


@contextmanager
def _manager(executor: Executor, count: int) -> Iterator[RunManager]:
    with tempfile.TemporaryDirectory() as folder:
        manager = RunManager(Path(folder), executor=executor, max_active_runs=count)
        try:
            yield manager
        finally:
            manager.close()


def _wait_until_all_train(manager: RunManager) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while any(record.updates == 0 for record in manager.list_runs()):
        if time.monotonic() > deadline:
            message = "the runs did not start"
            raise TimeoutError(message)
        time.sleep(_LOOK_EVERY_S)
    pool = manager._pool  # noqa: SLF001  a spare that warms up would take its part of the cores
    while pool is not None and not all(spare.is_warm for spare in pool.spares):
        time.sleep(_LOOK_EVERY_S)


def _env_steps(manager: RunManager) -> int:
    return sum(record.env_steps for record in manager.list_runs())
