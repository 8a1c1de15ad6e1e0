"""Train presets over seeds and write what came out into ``docs/results.md``.

    python -m benchmarks.learning                                       every preset, all of its seeds
    python -m benchmarks.learning --envs CartPole-v1 --presets strong --seeds 0 1 2 --workers 2

Results are kept in ``benchmarks/results/learning/``, a small table a preset with a row a seed, so that a study goes on
where it was broken off; a run is trained again once its preset, or ``VERSION``, has changed. The final evaluation plays
100 greedy episodes (more where chance has a large part) with the weights that the run itself chose, on starts that no
training and no choice saw, and that no other seed's run is judged on.
"""

from __future__ import annotations

import csv
import json
import math
import multiprocessing
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import tyro

from benchmarks.machine import machine_summary
from benchmarks.results_page import SeedResult, final_episodes, first_threshold, write_results_page
from dqn_core.config import TrainingConfig
from dqn_core.events import EpisodeEnded, RunEnded
from dqn_core.presets import PRESETS, preset_config, settings_digest
from dqn_core.training.evaluation import evaluate_folder
from dqn_core.training.run_folder import RunFolder, RunLog, end_summary
from dqn_core.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results" / "learning"
VERSION = 2
"""Raise it when the same config and seed come to learn something else: then all kept results are of the past."""


def evaluation_seed(seed: int, env_id: str) -> int:
    """Reset seed of the first final episode of the run with ``seed``; the others follow, one by one."""
    return 10_000 + max(1_000, final_episodes(env_id)) * seed


@dataclass(frozen=True, kw_only=True)
class Study:
    """Which presets to train, over which seeds."""

    envs: tuple[str, ...] = tuple(PRESETS)
    """Gymnasium ids of the environments."""
    presets: tuple[str, ...] = ("lab8", "fast", "strong")
    """Names of the presets."""
    seeds: tuple[int, ...] = ()
    """Seeds of the runs; none: 0 to 99 for CartPole's fast and strong, 0 to 9 for MinAtar, 0 to 29 for the others."""
    workers: int = 1
    """Processes that train at the same time; with more than one the wall times say less."""

    def seeds_of(self, env_id: str, preset: str) -> tuple[int, ...]:
        """The seeds of one preset."""
        is_cartpole = env_id == "CartPole-v1" and preset != "lab8"
        count = 10 if env_id.startswith("MinAtar/") else 100 if is_cartpole else 30
        return self.seeds or tuple(range(count))


def train_once(config: TrainingConfig, threshold: float) -> SeedResult:
    """Train and evaluate one run; ``threshold`` is the evaluation return whose first time is noted."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder.create(Path(scratch) / "run", config)
        log, started_at = RunLog(folder), time.perf_counter()
        first: EpisodeEnded | None = None
        for event in Trainer(config).events():
            log.write(event)
            match event:
                case EpisodeEnded() if first is None and event.eval_return >= threshold:
                    first = event
                case RunEnded():
                    summary = end_summary(event, config)
        wall_s = time.perf_counter() - started_at
        log.close()
        if summary["message"]:
            raise RuntimeError(summary["message"])
        env_id = config.env_id
        seed = evaluation_seed(config.seed, env_id)
        result = evaluate_folder(folder, "best", episodes=final_episodes(env_id), seed=seed)
    best_eval = summary["best_eval"]
    return SeedResult(
        seed=config.seed,
        reason=summary["reason"],
        episodes=summary["episodes"],
        env_steps=summary["env_steps"],
        updates=summary["updates"],
        best_eval=math.nan if best_eval is None else round(best_eval, 2),
        first_episode=first.episode if first else None,
        first_env_step=first.env_step if first else None,
        wall_s=round(wall_s, 1),
        mean_20=round(statistics.fmean(result.returns[:20]), 2),
        mean_100=round(statistics.fmean(result.returns), 3),
        worst=round(min(result.returns), 2),
    )


def table_path(env_id: str, preset: str) -> Path:
    """Where the results of one preset are kept."""
    return RESULTS / f"{env_id.replace('/', '-')}_{preset}.csv"


def read_table(env_id: str, preset: str) -> list[SeedResult]:
    """What is kept of the preset as it is now, by seed; empty where it has changed since."""
    path = table_path(env_id, preset)
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        head = json.loads(file.readline().removeprefix("# "))
        if (head["version"], head["settings"]) != (VERSION, settings_digest(preset_config(env_id, preset))):
            return []
        return [SeedResult.from_row(row) for row in csv.DictReader(file)]


def write_table(env_id: str, preset: str, results: list[SeedResult]) -> None:
    """Keep ``results`` in place of what was kept of the preset."""
    head = {
        "version": VERSION,
        "settings": settings_digest(preset_config(env_id, preset)),
        "machine": machine_summary(),
        "command": f"python -m benchmarks.learning --envs {env_id} --presets {preset}",
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    with table_path(env_id, preset).open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {json.dumps(head)}\n")
        table = csv.DictWriter(file, [each.name for each in fields(SeedResult)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(each) for each in sorted(results, key=lambda each: each.seed))


def write_page() -> None:
    """Make ``docs/results.md``, its picture and the presets' records from all tables."""
    kept = {
        (env_id, preset): results
        for env_id in PRESETS
        for preset in PRESETS[env_id].configs
        if (results := read_table(env_id, preset))
    }
    machines = {json.loads(table_path(*key).read_text("utf-8").partition("\n")[0][2:])["machine"] for key in kept}
    write_results_page(kept, ", ".join(sorted(machines)))


def main(study: Study) -> None:
    """Train what is missing, then write the page."""
    kept = {
        (env_id, preset): read_table(env_id, preset)
        for env_id in study.envs
        for preset in study.presets
        if preset in PRESETS[env_id].configs
    }
    missing: list[tuple[tuple[str, str], int]] = [
        (key, seed)
        for key, results in kept.items()
        for seed in study.seeds_of(*key)
        if seed not in {each.seed for each in results}
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(study.workers, os.cpu_count() or 1), mp_context=context) as pool:
        running: dict[Any, tuple[str, str]] = {
            pool.submit(train_once, preset_config(*key).replace(seed=seed), first_threshold(*key)): key
            for key, seed in missing
        }
        for future in as_completed(running):
            key, result = running[future], future.result()
            kept[key].append(result)
            write_table(*key, kept[key])
            print(*key, json.dumps(asdict(result)), flush=True)
    write_page()


if __name__ == "__main__":
    main(tyro.cli(Study))
