"""The lab's work on CartPole: as many env steps as its report gives, with an update each, through the real trainer."""

from __future__ import annotations

from typing import Any

from benchmarks.measuring import interleaved, summary
from benchmarks.real_path import manager_in_scratch, run_to_its_end
from benchmarks.sizes import Sizes
from dqn_core.cli.bench import training_speed
from dqn_core.config import TrainingConfig
from dqn_core.presets import preset_config

__all__ = ["measure"]


def measure(sizes: Sizes) -> dict[str, Any]:
    """Seconds from the end of the set-up to the end of the run, with the preset ``lab8``; its goal is taken away."""
    work = preset_config("CartPole-v1", "lab8").replace(goal_score=None, max_episodes=10_000_000, epsilon_start=0.01)
    plain = _of_steps(work.replace(evaluate_every=0), sizes)
    training_speed(_of_steps(plain, sizes, share=0.02))
    with manager_in_scratch() as manager:
        contenders = {
            "trainer": lambda: training_speed(plain).seconds,
            "real_path": lambda: run_to_its_end(manager, plain).wall_time_s,
            "with_evaluations": lambda: run_to_its_end(manager, _of_steps(work, sizes)).wall_time_s,
        }
        values = interleaved(contenders, sizes.repetitions)
    return {"env_steps": sizes.lab_steps, "seconds": {name: summary(each) for name, each in values.items()}}


def _of_steps(config: TrainingConfig, sizes: Sizes, share: float = 1.0) -> TrainingConfig:
    return config.replace(max_env_steps=config.warmup_steps + round(share * sizes.lab_steps))
