"""A run's log as CSV text: the same columns and formats on disk, on the page and for every executor.

Numbers keep full precision, NaN is an empty cell, booleans are True and False.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator
from typing import Any

from dqn_core.events import EpisodeEnded, HyperparametersChanged, episode_row

__all__ = ["CHANGE_COLUMNS", "change_rows", "csv_text", "episode_rows"]

CHANGE_COLUMNS = ("wall_time_s", "env_step", "field", "old", "new")


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """``rows`` as CSV lines."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def episode_rows(events: Iterable[EpisodeEnded]) -> Iterator[list[Any]]:
    """One row of ``EPISODE_COLUMNS`` for each event."""
    return (list(episode_row(event).values()) for event in events)


def change_rows(events: Iterable[HyperparametersChanged]) -> Iterator[list[Any]]:
    """One row of ``CHANGE_COLUMNS`` for each changed field."""
    return (
        [event.wall_time_s, event.env_step, change.field, change.old, change.new]
        for event in events
        for change in event.changes
    )


def _cell(value: Any) -> Any:
    return "" if isinstance(value, float) and math.isnan(value) else value
