"""Runs through everything that the dashboard uses: manager, thread, trainer, live feed, SQLite log, run folder."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dqn_core.config import TrainingConfig
from dqn_core.events import RunState
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import RunRecord

__all__ = ["manager_in_scratch", "run_to_its_end"]

_LOOK_EVERY_S = 0.02


@contextmanager
def manager_in_scratch() -> Iterator[RunManager]:
    """A manager whose data are thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        manager = RunManager(Path(folder))
        try:
            yield manager
        finally:
            manager.close()


def run_to_its_end(manager: RunManager, config: TrainingConfig) -> RunRecord:
    """Train ``config`` in its own thread, as the dashboard does, and wait; raises RuntimeError where it fails.

    The record's ``wall_time_s`` counts from the end of the set-up to the run's end, feed and log included.
    """
    run_id = manager.start(config)
    feed = manager.feed(run_id)
    while feed is not None and not feed.is_over:
        time.sleep(_LOOK_EVERY_S)
    record = manager.snapshot(run_id).record
    if record.state is not RunState.FINISHED:
        raise RuntimeError(record.message_template.format(**record.message_parameters))
    return record
