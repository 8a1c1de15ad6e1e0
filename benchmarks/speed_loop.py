"""The whole loop, one update an env step, beside other implementations that do the same work in the same process."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

from benchmarks.measuring import interleaved, ratios, summary
from benchmarks.real_path import manager_in_scratch, run_to_its_end
from benchmarks.rivals import RIVALS, TORCH_THREADS, Rival, check_updates, has_stable_baselines, torch_threads
from benchmarks.sizes import Sizes
from dqn_core.cli.bench import speed_config, training_speed
from dqn_core.config import TrainingConfig
from dqn_core.runs.manager import RunManager

__all__ = ["measure"]


def measure(sizes: Sizes) -> dict[str, Any]:
    """Env steps a second of every implementation in each environment, and ratios to the rivals'."""
    rivals = {name: rate for name, rate in RIVALS.items() if name != "sb3" or has_stable_baselines()}
    with manager_in_scratch() as manager:
        return {env_id: _measure_in(env_id, sizes, rivals, manager) for env_id in sizes.envs}


def _measure_in(env_id: str, sizes: Sizes, rivals: dict[str, Rival], manager: RunManager) -> dict[str, Any]:
    trials = {name: _trial(rate, env_id, sizes) for name, rate in rivals.items()}
    threads = {name: max(rates, key=rates.__getitem__) for name, rates in trials.items()}
    _warm_up(env_id, sizes, manager)
    seeds = itertools.count(1)

    def config(steps: int) -> TrainingConfig:
        return speed_config(env_id, steps, seed=next(seeds))

    def rival(name: str) -> float:
        with torch_threads(threads[name]):
            return rivals[name](config(sizes.loop_steps))

    contenders: dict[str, Callable[[], float]] = {
        "real_path": lambda: _real_rate(manager, config(sizes.loop_steps)),
        "trainer": lambda: _trainer_rate(config(sizes.loop_steps)),
        "sustained": lambda: _real_rate(manager, config(sizes.sustained_steps)),
        **{name: functools.partial(rival, name) for name in rivals},
    }
    values = interleaved(contenders, sizes.repetitions)
    own = ("real_path", "trainer", "sustained")
    return {
        "compute": manager.list_runs(limit=1)[0].compute,
        "steps": sizes.loop_steps,
        "sustained_steps": sizes.sustained_steps,
        "threads": threads,
        "threads_tried": {name: {str(count): rate for count, rate in rates.items()} for name, rates in trials.items()},
        "steps_per_s": {name: summary(each) for name, each in values.items()},
        "times_faster": {name: {base: summary(ratios(values, name, base)) for base in rivals} for name in own},
    }


def _trial(rate: Rival, env_id: str, sizes: Sizes) -> dict[int, float]:
    """Env steps a second by number of torch's threads: one, and torch's own choice."""
    rates = {}
    for count in sorted({1, TORCH_THREADS}):
        with torch_threads(count):
            rate(speed_config(env_id, sizes.trial_steps // 3))  # what only the first steps cost is not compared
            rates[count] = rate(speed_config(env_id, sizes.trial_steps))
    return rates


def _warm_up(env_id: str, sizes: Sizes, manager: RunManager) -> None:
    _real_rate(manager, speed_config(env_id, sizes.trial_steps))
    _trainer_rate(speed_config(env_id, sizes.trial_steps))


def _real_rate(manager: RunManager, config: TrainingConfig) -> float:
    record = run_to_its_end(manager, config)
    check_updates(record.updates, config)
    return record.updates / record.wall_time_s


def _trainer_rate(config: TrainingConfig) -> float:
    speed = training_speed(config)
    check_updates(speed.env_steps, config)
    return speed.rate
