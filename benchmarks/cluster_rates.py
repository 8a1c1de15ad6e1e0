"""Runs on a Ray cluster beside runs in local processes: env steps a second in all, on the cores of this one machine.

python -m benchmarks.cluster_rates --rounds 5 --window-s 15

The cluster has two machines, which are processes here, and between them as many cores as runs. Beside the rates, which
other programs disturb, it is measured what a second of processor time yields, that of the server, the cluster and the
trainers together. Prints one line of JSON; figures stand in docs/decisions/025-ray.md.
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

from benchmarks.measuring import ratios, summary
from dqn_core.cli.bench import speed_config
from dqn_core.runs.manager import Executor, RunManager

_RUNS = 4
_EXECUTORS: tuple[Executor, ...] = ("process", "ray")
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
    rates: dict[str, list[float]] = {"process": [], "ray": []}
    yields: dict[str, list[float]] = {"process": [], "ray": []}
    loads = []
    with _cluster() as address:
        for _round in range(options.rounds):
            for executor in _EXECUTORS:
                rate, per_cpu_s = _rate(executor, address, options)
                rates[executor].append(rate)
                yields[executor].append(per_cpu_s)
                loads.append(os.getloadavg()[0])
    result = {
        "runs": _RUNS,
        "cores": os.cpu_count(),
        "load": [min(loads), max(loads)],
        "steps_per_s": {name: summary(each) for name, each in rates.items()},
        "ray_over_process": summary(ratios(rates, "ray", "process")),
        "steps_per_cpu_s": {name: summary(each) for name, each in yields.items()},
        "ray_over_process_per_cpu_s": summary(ratios(yields, "ray", "process")),
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


def _rate(executor: Executor, address: str, options: Options) -> tuple[float, float]:
    """Env steps a second, and in a second of processor time."""
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
            began, before, used = time.perf_counter(), _env_steps(manager), _cpu_s()
            time.sleep(options.window_s)
            seconds, steps = time.perf_counter() - began, _env_steps(manager) - before
            cpu_s = sum(after - used[pid] for pid, after in _cpu_s().items() if pid in used)
            return steps / seconds, steps / cpu_s
        finally:
            manager.close()


def _cpu_s() -> dict[int, float]:
    """Processor seconds of this process and of all below it, by id (Linux)."""
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("ascii", errors="replace").rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        pid = int(path.parent.name)
        parents[pid], used[pid] = int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return {pid: used[pid] for pid in ours}


def _env_steps(manager: RunManager) -> int:
    return sum(record.env_steps for record in manager.list_runs())


if __name__ == "__main__":
    main(tyro.cli(Options))
