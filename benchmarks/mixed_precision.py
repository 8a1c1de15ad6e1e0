"""What mixed precision does to results, beside float32 with the same settings and seeds.

    python -m benchmarks.mixed_precision                         CartPole's preset fast, and some of MinAtar's Breakout
    python -m benchmarks.mixed_precision --compute torch-cuda    the same on a GPU

A run of CartPole ends where it is solved, one of Breakout after ``--breakout-steps`` env steps. Each seed is trained
both ways, one after the other. How long an update takes is measured by ``benchmarks.picture_rates``.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Literal, NamedTuple

import tyro

from benchmarks.machine import machine_summary
from dqn_core.algorithm.devices import device_summary
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.events import EndReason, EpisodeEnded, RunEnded
from dqn_core.presets import preset_config
from dqn_core.training.trainer import Trainer

__all__ = ["main"]

BREAKOUT = "MinAtar/Breakout-v1"
_LAST = 0.2
"""Share of the env steps whose episodes are the end of a run."""
_NAMES = {False: "float32", True: "mixed"}


@dataclass(frozen=True, kw_only=True)
class Study:
    """Compare float32 and mixed precision."""

    compute: Literal["torch-cpu", "torch-cuda"] = "torch-cpu"
    """Where the updates run."""
    cartpole_seeds: tuple[int, ...] = (100, 101, 102, 103, 104)
    """Seeds of CartPole's runs."""
    breakout_seeds: tuple[int, ...] = (100, 101, 102)
    """Seeds of Breakout's runs."""
    cartpole_steps: int = 60_000
    """Env steps of CartPole's runs at most."""
    breakout_steps: int = 30_000
    """Env steps of Breakout's runs."""


class _Outcome(NamedTuple):
    env_steps: int
    is_solved: bool
    last_return: float
    """Mean of the training episodes in the last part of the run."""
    seconds: float
    """Of processor time."""


def _train(config: TrainingConfig) -> _Outcome:
    began, episodes = time.process_time(), []
    for event in Trainer(config).events():
        if isinstance(event, EpisodeEnded):
            episodes.append((event.env_step, event.episode_return))
        elif isinstance(event, RunEnded):
            ended = event
    if ended.template:
        raise RuntimeError(ended.template.format(**ended.parameters))
    first = (1.0 - _LAST) * ended.env_steps
    last = statistics.fmean(each for env_step, each in episodes if env_step > first)
    return _Outcome(ended.env_steps, ended.reason is EndReason.SOLVED, last, time.process_time() - began)


def _compare(title: str, config: TrainingConfig, seeds: tuple[int, ...]) -> None:
    print(title, flush=True)
    found: dict[bool, list[_Outcome]] = {False: [], True: []}
    for seed in seeds:
        for is_mixed, outcomes in found.items():
            outcome = _train(config.replace(seed=seed, mixed_precision=is_mixed))
            outcomes.append(outcome)
            ending = f"{'solved' if outcome.is_solved else 'ended'} after {outcome.env_steps:>7,} env steps"
            end = f"return at the end {outcome.last_return:7.2f}, {outcome.seconds:6.1f} s of processor time"
            print(f"  seed {seed}, {_NAMES[is_mixed]:<8} {ending}, {end}", flush=True)
    for is_mixed, outcomes in found.items():
        solved = f"{sum(each.is_solved for each in outcomes)} of {len(outcomes)} solved"
        env_steps = statistics.median(each.env_steps for each in outcomes)
        last_return = statistics.median(each.last_return for each in outcomes)
        print(f"  {_NAMES[is_mixed]:<8} {solved}; medians: {env_steps:,.0f} env steps, return {last_return:.2f}")


def main(arguments: list[str] | None = None) -> None:
    """Train and time, and print what came out."""
    study = tyro.cli(Study, args=arguments, prog="python -m benchmarks.mixed_precision", description=__doc__)
    inspect_environment(BREAKOUT)  # registers MinAtar's
    cartpole = preset_config("CartPole-v1", "fast").replace(compute=study.compute, max_env_steps=study.cartpole_steps)
    _compare("CartPole-v1, preset fast", cartpole, study.cartpole_seeds)
    breakout = preset_config(BREAKOUT, "fast").replace(
        compute=study.compute,
        max_env_steps=study.breakout_steps,
        warmup_steps=study.breakout_steps // 10,
        epsilon_decay_steps=study.breakout_steps // 3,
        evaluate_every=0,
    )
    _compare(f"{BREAKOUT}, preset fast with a shorter decay of epsilon", breakout, study.breakout_seeds)
    print(f"{study.compute}; {machine_summary()}, {device_summary()}")


if __name__ == "__main__":
    main()
