"""Runs side by side: how much several do in all, in processes and in threads, beside one run alone.

    python -m benchmarks.processes [--quick]

prints one JSON object. Every run does one update an env step; rates are taken over a window in which all runs train.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dqn_core.cli_bench import speed_config
from dqn_core.runs.manager import Executor, RunManager

__all__ = ["measure", "rate_of"]

WANTED_TIMES = 1.6
"""What four runs in processes should do in all on two cores, in one run's rate."""
_MANY_STEPS = 1_000_000_000
_LOOK_EVERY_S = 0.02
_START_TIMEOUT_S = 120.0


def measure(
    *, window_s: float = 5.0, repetitions: int = 3, runs: int = 4, env_id: str = "CartPole-v1"
) -> dict[str, Any]:
    """Env steps a second in all: one run alone, ``runs`` in threads, in processes, as by default; medians of rounds."""
    contenders: dict[str, tuple[Executor, int]] = {
        "one": ("thread", 1),
        "one_process": ("process", 1),
        "auto": ("auto", runs),
        "threads": ("thread", runs),
        "processes": ("process", runs),
    }
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repetitions):
        for name, (executor, count) in contenders.items():
            values[name].append(rate_of(executor, count, window_s=window_s, env_id=env_id))
    times = {name: [own / one for own, one in zip(rates, values["one"], strict=True)] for name, rates in values.items()}
    return {
        "env": env_id,
        "runs": runs,
        "cores": os.cpu_count(),
        "steps_per_s": {name: statistics.median(rates) for name, rates in values.items()},
        "times_one": {name: statistics.median(each) for name, each in times.items()},
        "times_one_spread": {name: [min(each), max(each)] for name, each in times.items()},
        "wanted_times": WANTED_TIMES,
    }


def rate_of(executor: Executor, count: int, *, window_s: float, env_id: str = "CartPole-v1") -> float:
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round: whether it works, not how fast it is")
    quick = parser.parse_args().quick
    result = measure(window_s=1.0, repetitions=1) if quick else measure()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
