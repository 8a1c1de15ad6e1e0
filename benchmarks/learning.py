"""Train presets over seeds and write what came out into ``docs/results.md``.

    python -m benchmarks.learning                                       every preset, seeds 0 to 9
    python -m benchmarks.learning --envs CartPole-v1 --presets strong --seeds 0 1 2 --workers 2

Each run's result is kept in ``benchmarks/results/learning/``, so that a study goes on where it was broken off; a run is
trained again once its preset, or ``VERSION`` in ``results_page``, has changed. The final evaluation plays greedy
episodes with the weights that the run itself chose, those of its best evaluation, on seeds that no training saw.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from benchmarks.machine import machine_summary
from benchmarks.results_page import VERSION, is_current, write_results_page
from dqn_core.events import EpisodeEnded, RunEnded, RunStarted
from dqn_core.presets import PRESETS, preset_config
from dqn_core.training.evaluation import evaluate_folder
from dqn_core.training.run_folder import RunFolder, RunLog, end_summary
from dqn_core.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results" / "learning"
EVALUATION_SEED = 10_000
EVALUATION_EPISODES = 100
GOALS = {"CartPole-v1": 475.0, "LunarLander-v3": 200.0, "Acrobot-v1": -100.0, "MountainCar-v0": -110.0}
"""Evaluation return from which an environment counts as solved (Gymnasium's registry; Acrobot has none there)."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """Which presets to train, over which seeds."""

    envs: tuple[str, ...] = tuple(PRESETS)
    """Gymnasium ids of the environments."""
    presets: tuple[str, ...] = ("lab8", "fast", "strong")
    """Names of the presets."""
    seeds: tuple[int, ...] = tuple(range(10))
    """Seeds of the runs."""
    workers: int = 1
    """Processes that train at the same time; with more than one the wall times say less."""


def train_once(env_id: str, preset: str, seed: int) -> dict[str, Any]:
    """Train and evaluate one run; its result as JSON values."""
    config = preset_config(env_id, preset).replace(seed=seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder.create(Path(scratch) / "run", config)
        log, started_at = RunLog(folder), time.perf_counter()
        curve: list[tuple[int, float, float]] = []
        for event in Trainer(config).events():
            log.write(event)
            match event:
                case RunStarted():
                    compute = event.compute
                case EpisodeEnded() if not math.isnan(event.eval_return):
                    curve.append((event.env_step, round(event.wall_time_s, 2), round(event.eval_return, 2)))
                case RunEnded():
                    summary = end_summary(event)
        wall_s = time.perf_counter() - started_at
        log.close()
        if summary["message"]:
            raise RuntimeError(summary["message"])
        result = evaluate_folder(folder, "best", episodes=EVALUATION_EPISODES, seed=EVALUATION_SEED)
    returns = [round(value, 3) for value in result.returns]
    return {
        "version": VERSION,
        "env": env_id,
        "preset": preset,
        "seed": seed,
        "config": config.to_dict(),
        "compute": compute,
        "machine": machine_summary(),
        **{name: summary[name] for name in ("episodes", "env_steps", "updates", "best_eval", "solved", "reason")},
        "wall_s": round(wall_s, 2),
        "returns": returns,
        "goal": goal_reached(curve, GOALS[env_id]),
        "curve": curve,
        "command": f"python -m benchmarks.learning --envs {env_id} --presets {preset} --seeds {seed}",
    }


def goal_reached(curve: list[tuple[int, float, float]], goal: float) -> dict[str, float] | None:
    """Env steps and seconds of training until the first evaluation that reached ``goal``; None where none did."""
    for env_step, wall_s, eval_return in curve:
        if eval_return >= goal:
            return {"env_steps": env_step, "wall_s": wall_s}
    return None


def is_done(env_id: str, preset: str, seed: int) -> bool:
    """Whether a result of this run is kept, of the preset as it is now."""
    path = result_path(env_id, preset, seed)
    return path.exists() and is_current(json.loads(path.read_text(encoding="utf-8")))


def result_path(env_id: str, preset: str, seed: int) -> Path:
    """Where the result of one run is kept."""
    return RESULTS / f"{env_id}_{preset}_{seed}.json"


def main(study: Study) -> None:
    """Train what is missing, then write the page."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    missing = [
        (env_id, preset, seed)
        for env_id in study.envs
        for preset in study.presets
        if preset in PRESETS[env_id].configs
        for seed in study.seeds
        if not is_done(env_id, preset, seed)
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(study.workers, os.cpu_count() or 1), mp_context=context) as pool:
        running = {pool.submit(train_once, *run): run for run in missing}
        for future in as_completed(running):
            result = future.result()
            result_path(*running[future]).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            shown = {name: value for name, value in result.items() if name not in {"config", "returns", "curve"}}
            print(json.dumps(shown), flush=True)
            write_results_page(RESULTS)
    write_results_page(RESULTS)


if __name__ == "__main__":
    main(tyro.cli(Study))
