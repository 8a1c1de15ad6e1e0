"""What one event costs a run's thread: into the live feed, and into SQLite when a flush is due."""

from __future__ import annotations

import dataclasses
import itertools
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from benchmarks.measuring import microseconds_each
from dqn_core.config import TrainingConfig
from dqn_core.events import EpisodeEnded, Phase, Progress, RunStarted
from dqn_core.runs.live_feed import LiveFeed
from dqn_core.runs.recorder import RunRecorder
from dqn_core.runs.storage.records import RunRecord, new_run_id
from dqn_core.runs.storage.store import RunStore
from dqn_core.training.run_folder import RunFolder

__all__ = ["ROWS_A_FLUSH", "EventCosts", "made_up_episode"]

ROWS_A_FLUSH = 25
"""A quarter of a second of episodes 200 steps long, at 20,000 steps a second."""


def made_up_episode(config: TrainingConfig, number: int) -> EpisodeEnded:
    """The event of episode ``number``, 200 steps long."""
    return EpisodeEnded(
        episode=number,
        env_step=200 * number,
        wall_time_s=0.01 * number,
        episode_return=200.0,
        length=200,
        loss_mean=0.1,
        q_mean=20.0,
        epsilon=0.1,
        gamma=config.gamma,
        learning_rate=config.learning_rate,
        buffer_size=config.buffer_size,
        buffer_fill=config.buffer_size,
        eval_return=float("nan"),
        terminated=True,
        truncated=False,
    )


class EventCosts:
    """A recorder as a run's thread has one, in ``folder``. Its clock stands still: it stores only when told."""

    def __init__(self, folder: Path, config: TrainingConfig) -> None:
        now = datetime.now(UTC)
        record = RunRecord(run_id=new_run_id(now), name="events", config=config, initial_config=config, started_at=now)
        self._store = RunStore(folder / "events.sqlite")
        self._store.create_run(record)
        self.recorder = RunRecorder(
            LiveFeed(record), self._store, RunFolder.create(folder / "run", config), clock=lambda: 0.0
        )
        self.recorder.take(RunStarted(compute="fused", compute_template="", compute_parameters={}, parameters=1))
        self._config = config
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def heartbeat_us(self, seconds: float) -> float:
        """Microseconds of one heartbeat."""
        first = Progress(
            wall_time_s=0.0,
            env_step=0,
            updates=0,
            episode=1,
            phase=Phase.TRAINING,
            epsilon=0.1,
            steps_per_s=20_000.0,
            episode_return=0.0,
            buffer_fill=10_000,
        )
        steps = itertools.count(1_000, 1_000)
        return microseconds_each(lambda: self.recorder.take(dataclasses.replace(first, env_step=next(steps))), seconds)

    def episode_us(self, seconds: float) -> float:
        """Microseconds of one ended episode."""
        took = microseconds_each(self._end_episode, seconds)
        self.recorder.flush()
        return took

    def flush_us(self, seconds: float) -> float:
        """Microseconds of one transaction that stores ``ROWS_A_FLUSH`` episodes."""
        took: list[float] = []
        while sum(took) < seconds:
            for _ in range(ROWS_A_FLUSH):
                self._end_episode()
            started_at = time.perf_counter()
            self.recorder.flush()
            took.append(time.perf_counter() - started_at)
        return 1e6 * sum(took) / len(took)

    def _end_episode(self) -> None:
        self.recorder.take(made_up_episode(self._config, next(self._numbers)))
