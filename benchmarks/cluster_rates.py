"""Runs on a Ray cluster beside runs in local processes: env steps a second in all, on the cores of this one machine.

python -m benchmarks.cluster_rates --rounds 5 --window-s 15

The cluster has two machines, each a group of processes here with half of this machine's cores declared as its own twice
over, so that as many runs train in both ways. Prints one line of JSON; figures stand in docs/decisions/025-ray.md.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.measuring import interleaved, ratios, summary
from dqn_core.cli.bench import speed_config
from dqn_core.runs.manager import Executor, RunManager

_RUNS = 4
_MANY_STEPS = 1_000_000_000
_START_TIMEOUT_S = 180.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    rounds: int = 5
    window_s: float = 15.0
    env_id: str = "CartPole-v1"


def main(options: Options) -> None:
    """Measure in turns, and print what came out."""
    with _cluster() as address:
        contenders = {
            "process": lambda: _rate("process", address, options),
            "ray": lambda: _rate("ray", address, options),
        }
        values = interleaved(contenders, options.rounds)
    result = {
        "runs": _RUNS,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "steps_per_s": {name: summary(each) for name, each in values.items()},
        "ray_over_process": summary(ratios(values, "ray", "process")),
    }
    print(json.dumps(result))


@contextmanager
def _cluster() -> Iterator[str]:
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
    from local_cluster import LocalCluster

    cluster = LocalCluster(_RUNS // 2, _RUNS // 2)
    try:
        yield cluster.address
    finally:
        cluster.close()


def _rate(executor: Executor, address: str, options: Options) -> float:
    with tempfile.TemporaryDirectory() as folder:
        manager = RunManager(Path(folder), executor=executor, ray_address=address, max_active_runs=_RUNS)
        try:
            for seed in range(_RUNS):
                manager.start(speed_config(options.env_id, _MANY_STEPS, seed=seed, compute="fused"))
            deadline = time.monotonic() + _START_TIMEOUT_S
            while any(record.updates == 0 for record in manager.list_runs()):
                if time.monotonic() > deadline:
                    message = "the runs did not start"
                    raise TimeoutError(message)
                time.sleep(0.1)
            time.sleep(5.0)  # a spare worker warms up, and processes of the cluster settle
            began, before = time.perf_counter(), _env_steps(manager)
            time.sleep(options.window_s)
            return (_env_steps(manager) - before) / (time.perf_counter() - began)
        finally:
            manager.close()


def _env_steps(manager: RunManager) -> int:
    return sum(record.env_steps for record in manager.list_runs())


if __name__ == "__main__":
    main(tyro.cli(Options))
