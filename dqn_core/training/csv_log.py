"""A run's log as CSV text: the same columns and formats on disk, on the page and for every executor.

Numbers keep full precision, but one that is a short decimal but for the noise of its arithmetic is written as that:
0.05, not 0.050000000000000044. NaN is an empty cell, booleans are True and False. A text that a spreadsheet would take
for a formula gets an apostrophe before it. Files that people open in a spreadsheet and that hold names begin with
:data:`BYTE_ORDER_MARK`; logs, which programs read and which are ASCII alone, do not. Where spreadsheets write 0,5, they
want :data:`DECIMAL_COMMA`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dqn_core.events import EpisodeEnded, HyperparametersChanged, episode_row

__all__ = [
    "BYTE_ORDER_MARK",
    "CHANGE_COLUMNS",
    "DECIMAL_COMMA",
    "DECIMAL_POINT",
    "CsvStyle",
    "change_rows",
    "csv_text",
    "episode_rows",
    "plain_number",
    "plain_text",
]

BYTE_ORDER_MARK = "\ufeff"
"""At the beginning of a file it tells a spreadsheet that the text is UTF-8: without it, Korean names come out wrong."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
CHANGE_COLUMNS = ("wall_time_s", "env_step", "field", "old", "new")


@dataclass(frozen=True, kw_only=True)
class CsvStyle:
    """How numbers and columns are written."""

    decimal: str
    delimiter: str
    beginning: str
    """Of a file with a log."""

    def number(self, value: float) -> str:
        """A finite number, in full."""
        return repr(plain_number(value)).replace(".", self.decimal)


DECIMAL_POINT = CsvStyle(decimal=".", delimiter=",", beginning="")
"""What programs read, and spreadsheets in English, Korean, Japanese and Chinese."""
DECIMAL_COMMA = CsvStyle(decimal=",", delimiter=";", beginning=BYTE_ORDER_MARK)
"""What spreadsheets open in most of Europe and of South America."""


def csv_text(rows: Iterable[Iterable[Any]], style: CsvStyle = DECIMAL_POINT) -> str:
    """``rows`` as CSV lines."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=style.delimiter, lineterminator="\n")
    writer.writerows([_cell(value, style) for value in row] for row in rows)
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


def plain_number(value: float) -> float:
    """``value``, or the decimal of at most ten digits that it is in its first fifteen."""
    short = f"{value:.10g}"
    return float(short) if short == f"{value:.15g}" else value


def plain_text(text: str) -> str:
    """``text`` so that no spreadsheet takes it for a formula; a number is none."""
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cell(value: Any, style: CsvStyle) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else style.number(value)
    return plain_text(value) if isinstance(value, str) else value
