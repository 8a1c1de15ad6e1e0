"""A run's log as CSV files, written while they are downloaded."""

from __future__ import annotations

from collections.abc import Iterator

from dqn_core.events import EPISODE_COLUMNS
from dqn_core.runs.view import RunView
from dqn_core.training.csv_log import CHANGE_COLUMNS, change_rows, csv_text, episode_rows

__all__ = ["changes_csv", "episodes_csv"]

_ROWS_A_CHUNK = 1_000


def episodes_csv(view: RunView) -> Iterator[str]:
    """A header and a line for each episode that has ended so far, in portions."""
    yield csv_text([EPISODE_COLUMNS])
    for rows in view.episodes(_ROWS_A_CHUNK):
        yield csv_text(episode_rows(rows))


def changes_csv(view: RunView) -> Iterator[str]:
    """A header and a line for each field changed while the run trained."""
    yield csv_text([CHANGE_COLUMNS])
    yield csv_text(change_rows(view.changes()))
