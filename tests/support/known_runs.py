"""Runs whose curves are known, for tests of what is worked out from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from dqn_core.analysis.episode_table import COLUMNS, EpisodeTable
from dqn_core.analysis.run_data import RunData
from dqn_core.config import TrainingConfig
from dqn_core.runs.storage.records import RunRecord


def table(env_steps: Iterable[float], **columns: Iterable[float]) -> EpisodeTable:
    """Episodes that end at ``env_steps``; columns not given are NaN, time is a hundredth of a second a step."""
    steps = np.asarray(list(env_steps), dtype=float)
    known: Mapping[str, Any] = {
        "episode": np.arange(1, len(steps) + 1),
        "env_step": steps,
        "wall_time_s": steps / 100,
        **{name: np.asarray(list(values), dtype=float) for name, values in columns.items()},
    }
    return EpisodeTable.from_columns({name: known.get(name, np.full(len(steps), np.nan)) for name in COLUMNS})


def run(
    number: int,
    episodes: EpisodeTable | None = None,
    *,
    is_altered: bool = False,
    is_solved: bool = False,
    **config: Any,
) -> RunData:
    """Run ``number`` of a server's, in the order of their starts."""
    return RunData(
        run_id=f"20260401-120000-{number:04}",
        name=f"run {number}",
        started_at=datetime(2026, 4, 1, 12, tzinfo=UTC) + timedelta(seconds=number),
        config=TrainingConfig(**config),
        episodes=table([]) if episodes is None else episodes,
        is_altered=is_altered,
        is_solved=is_solved,
    )


def record_of(run_id: str, **values: Any) -> RunRecord:
    """What a store keeps of a run."""
    config = TrainingConfig()
    started_at = datetime(2026, 4, 1, 14, 35, 1, 500, tzinfo=UTC)
    known = {"name": "a run", "config": config, "initial_config": config, "started_at": started_at}
    return RunRecord(run_id=run_id, **known | values)


def noisy_run(number: int, episodes: int, seed: int = 0, **config: Any) -> RunData:
    """A run with random episode lengths and returns, an evaluation after every fifth episode."""
    generator = np.random.default_rng([number, seed])
    lengths = generator.integers(5, 60, episodes)
    evaluations = np.where(np.arange(1, episodes + 1) % 5 == 0, generator.normal(100, 20, episodes), np.nan)
    curves = {
        "episode_return": generator.normal(50, 10, episodes),
        "length": lengths,
        "loss_mean": generator.uniform(0.1, 1, episodes),
        "q_mean": generator.normal(5, 1, episodes),
        "epsilon": 0.99 ** np.arange(episodes),
        "eval_return": evaluations,
    }
    return run(number, table(np.cumsum(lengths), **curves), seed=seed, **config)
