"""A run's log as CSV files, written while they are downloaded; with decimal commas for spreadsheets that want them."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request

from dqn_core.events import EPISODE_COLUMNS
from dqn_core.runs.view import RunView
from dqn_core.training.csv_log import (
    CHANGE_COLUMNS,
    DECIMAL_COMMA,
    DECIMAL_POINT,
    CsvStyle,
    change_rows,
    csv_text,
    episode_rows,
)
from pages.server.answers import query_choice

__all__ = ["changes_csv", "csv_style", "episodes_csv"]

_ROWS_A_CHUNK = 1_000
_STYLES = {"point": DECIMAL_POINT, "comma": DECIMAL_COMMA}


def csv_style(request: Request) -> CsvStyle:
    """What ``decimal`` in the request's query asks for. Raises BadRequestError for what it cannot be."""
    return _STYLES[query_choice(request, "decimal", tuple(_STYLES))]


def episodes_csv(view: RunView, style: CsvStyle = DECIMAL_POINT) -> Iterator[str]:
    """A header and a line for each episode that has ended so far, in portions."""
    yield style.beginning + csv_text([EPISODE_COLUMNS], style)
    for rows in view.episodes(_ROWS_A_CHUNK):
        yield csv_text(episode_rows(rows), style)


def changes_csv(view: RunView, style: CsvStyle = DECIMAL_POINT) -> Iterator[str]:
    """A header and a line for each field changed while the run trained."""
    yield style.beginning + csv_text([CHANGE_COLUMNS], style)
    yield csv_text(change_rows(view.changes()), style)
