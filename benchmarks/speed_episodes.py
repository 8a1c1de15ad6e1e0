"""Whether a run gets slower as its episodes add up: one long run of short episodes, with live feed and SQLite log."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.measuring import summary
from benchmarks.real_path import manager_in_scratch, run_to_its_end
from benchmarks.sizes import Sizes
from dqn_core.cli.bench import speed_config
from dqn_core.events import EpisodeEnded

__all__ = ["measure"]

_EPISODE_STEPS = 10
_PORTIONS = 10
_BLOCK = 50
"""Episodes timed as one piece."""


def measure(sizes: Sizes) -> dict[str, Any]:
    """Microseconds of an env step in each tenth of the run, and the last tenth's over the first's.

    The replay memory is full from the beginning, and nothing is learned, so that only the episodes' number changes.
    """
    config = speed_config(
        "CartPole-v1",
        1_000_000_000,
        max_episodes=sizes.episodes,
        max_episode_steps=_EPISODE_STEPS,
        warmup_steps=10_000,
        learning_rate=1e-12,
    )
    with manager_in_scratch() as manager:
        record = run_to_its_end(manager, config)
        rows = manager.store.episodes(record.run_id)
    size = max(2 * _BLOCK, len(rows) // _PORTIONS)
    tenths = [_block_us(rows[start : start + size]) for start in range(0, len(rows) - size + 1, size)]
    return {
        "episodes": len(rows),
        "episode_steps": _EPISODE_STEPS,
        "us": [summary(blocks) for blocks in tenths],
        "times_longer": statistics.median(tenths[-1]) / statistics.median(tenths[0]),
    }


def _block_us(rows: Sequence[EpisodeEnded]) -> list[float]:
    """Microseconds of an env step over each block of episodes; the log's own clock."""
    ends = rows[::_BLOCK]
    return [
        1e6 * (later.wall_time_s - earlier.wall_time_s) / (later.env_step - earlier.env_step)
        for earlier, later in itertools.pairwise(ends)
    ]
