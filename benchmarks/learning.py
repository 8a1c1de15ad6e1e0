"""Train presets over seeds and write what came out into ``docs/results.md``.

    python -m benchmarks.learning --presets lab8 fast --seeds 0 1 2

Each run's result is kept in ``benchmarks/results/learning/``, so that a study goes on where it was broken off; remove
a file to train that run again. The final evaluation plays greedy episodes with the best weights on seeds that no
training saw.
"""

from __future__ import annotations

import json
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
from benchmarks.results_page import write_results_page
from dqn_core.events import RunEnded, RunStarted
from dqn_core.presets import PRESETS, preset_config
from dqn_core.training.evaluation import evaluate_folder
from dqn_core.training.run_folder import RunFolder, RunLog, end_summary
from dqn_core.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results" / "learning"
EVALUATION_SEED = 10_000
EVALUATION_EPISODES = 100


@dataclass(frozen=True, kw_only=True)
class Study:
    """Which presets to train, over which seeds."""

    envs: tuple[str, ...] = tuple(PRESETS)
    """Gymnasium ids of the environments."""
    presets: tuple[str, ...] = ("lab8", "fast")
    """Names of the presets."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the runs."""
    workers: int = 1
    """Processes that train at the same time; with more than one the wall times say less."""


def train_once(env_id: str, preset: str, seed: int) -> dict[str, Any]:
    """Train and evaluate one run; its result as JSON values."""
    config = preset_config(env_id, preset).replace(seed=seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder.create(Path(scratch) / "run", config)
        log, started_at = RunLog(folder), time.perf_counter()
        for event in Trainer(config).events():
            log.write(event)
            match event:
                case RunStarted():
                    compute = event.compute
                case RunEnded():
                    summary = end_summary(event)
        wall_s = time.perf_counter() - started_at
        log.close()
        if summary["message"]:
            raise RuntimeError(summary["message"])
        result = evaluate_folder(folder, "best", episodes=EVALUATION_EPISODES, seed=EVALUATION_SEED)
    returns = [round(value, 3) for value in result.returns]
    return {
        "env": env_id,
        "preset": preset,
        "seed": seed,
        "config": config.to_dict(),
        "compute": compute,
        "machine": machine_summary(),
        **{name: summary[name] for name in ("episodes", "env_steps", "updates", "best_eval", "solved", "reason")},
        "wall_s": round(wall_s, 2),
        "returns": returns,
        "command": f"python -m benchmarks.learning --envs {env_id} --presets {preset} --seeds {seed}",
    }


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
        if not result_path(env_id, preset, seed).exists()
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(study.workers, os.cpu_count() or 1), mp_context=context) as pool:
        running = {pool.submit(train_once, *run): run for run in missing}
        for future in as_completed(running):
            result = future.result()
            result_path(*running[future]).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            print(json.dumps({name: value for name, value in result.items() if name not in {"config", "returns"}}))
    write_results_page(RESULTS)


if __name__ == "__main__":
    main(tyro.cli(Study))
