"""``python -m benchmarks.comparison``: how long the Compare page waits for its server, with 50 runs of 10,000 episodes.

Prints one JSON object: seconds of the first answer (every run is read), of answers after a choice (nothing is read),
and of the question whether there is anything new. Compare them on a quiet machine.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from starlette.applications import Starlette

from benchmarks.measuring import summary
from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason, EpisodeEnded, RunState
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import RunRecord
from dqn_core.runs.storage.store import RunStore
from pages.compare.routes import compare_routes

RUNS, EPISODES, DISCOUNTS = 50, 10_000, (0.9, 0.95, 0.97, 0.98, 0.99)
REPETITIONS = 5


def main() -> None:
    """Make the runs, ask about them, print the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        run_ids = _make_runs(Path(folder) / "dqn_lab.sqlite")
        manager = RunManager(Path(folder))
        transport = httpx.ASGITransport(Starlette(routes=compare_routes(lambda: manager)))
        print(json.dumps(asyncio.run(_measure(transport, ",".join(run_ids))), indent=2))
        manager.close()


async def _measure(transport: httpx.ASGITransport, runs: str) -> dict[str, Any]:
    async with httpx.AsyncClient(transport=transport, base_url="http://lab", trust_env=False) as client:

        async def seconds(**query: object) -> tuple[float, dict[str, Any], int]:
            started_at = time.perf_counter()
            response = await client.get("/live/compare/figure.json", params={"runs": runs, "points": 24_000, **query})
            return time.perf_counter() - started_at, response.json(), len(response.content)

        first, answer, size = await seconds(window=20)
        windows = (5, 10, 20, 50, 100)[:REPETITIONS]
        smoothed = [(await seconds(window=window))[0] for window in windows]
        by_episode = [(await seconds(window=window, x="episode"))[0] for window in windows]
        known = [(await seconds(known=answer["version"]))[0] for _ in windows]
    return {
        "runs": RUNS,
        "episodes_each": EPISODES,
        "kilobytes": size // 1_000,
        "first_s": first,
        "another_smoothing_s": summary(smoothed),
        "each_run_by_episode_s": summary(by_episode),
        "nothing_new_s": summary(known),
    }


def _make_runs(path: Path) -> list[str]:
    """Runs whose returns rise and tremble, ten seeds of each discount."""
    store, run_ids = RunStore(path), []
    for number in range(RUNS):
        seed, gamma = divmod(number, len(DISCOUNTS))
        config = TrainingConfig(gamma=DISCOUNTS[gamma], seed=seed, max_episodes=EPISODES)
        episodes = _episodes(config)
        record = RunRecord(
            run_id=f"20260401-120000-{number:04}",
            name=f"run {number}",
            config=config,
            initial_config=config,
            started_at=datetime(2026, 4, 1, 12, tzinfo=UTC) + timedelta(seconds=number),
            state=RunState.FINISHED,
            reason=EndReason.MAX_EPISODES,
            episodes=EPISODES,
            env_steps=episodes[-1].env_step,
            wall_time_s=episodes[-1].wall_time_s,
        )
        store.create_run(record)
        store.append(record.run_id, episodes, [])
        run_ids.append(record.run_id)
    store.close()
    return run_ids


def _episodes(config: TrainingConfig) -> list[EpisodeEnded]:
    generator = np.random.default_rng([config.seed, round(1_000 * config.gamma)])
    level = 500 / (1 + np.exp(-np.linspace(-4, 6, EPISODES) * config.gamma))
    returns = np.clip(level + generator.normal(0, 60, EPISODES), 9, 500)
    steps = np.cumsum(returns.astype(int))
    return [
        EpisodeEnded(
            episode=number + 1,
            env_step=int(steps[number]),
            wall_time_s=steps[number] / 10_000,
            episode_return=float(returns[number]),
            length=int(returns[number]),
            loss_mean=float(generator.gamma(2.0)),
            q_mean=float(level[number] / 5),
            epsilon=0.999**number,
            gamma=config.gamma,
            learning_rate=config.learning_rate,
            buffer_size=config.buffer_size,
            buffer_fill=config.buffer_size,
            eval_return=float(returns[number]) if number % 5 == 0 else float("nan"),
            terminated=True,
            truncated=False,
        )
        for number in range(EPISODES)
    ]


if __name__ == "__main__":
    main()
