"""Tables as an Excel workbook (XLSX), which every spreadsheet opens whatever its language and its decimal sign.

A text is written as a text, whatever it begins with: no cell is a formula or a link.
"""

from __future__ import annotations

import io
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dqn_core.events import EPISODE_COLUMNS
from dqn_core.export.run_content import RunContent
from dqn_core.training.csv_log import episode_rows, plain_number

__all__ = ["XLSX_TYPE", "workbook", "xlsx_portions"]

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_ROWS = 2**20
"""Of one sheet, its head included."""
_MOST_TEXT = 32_767
"""Characters of one cell."""
_NAME_LENGTH = 31
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\]")
_OPTIONS = {
    "constant_memory": True,
    "in_memory": False,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


def xlsx_portions(content: RunContent) -> Iterator[bytes]:
    """A run's episodes: a row an episode, the columns of the episodes' CSV."""
    yield workbook({"episodes": itertools.chain([EPISODE_COLUMNS], episode_rows(content.episodes()))})


def workbook(sheets: Mapping[str, Iterable[Sequence[Any]]]) -> bytes:
    """The file; of each sheet by its name the rows, the first of which is its head.

    Cells are texts, numbers, booleans, moments (written in UTC) or None; NaN and None are empty, other things are
    written as the text that they are. Rows that one sheet cannot hold go on in the next.
    """
    import xlsxwriter

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        bold = book.add_format({"bold": True})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for name, rows in sheets.items():
            lines = iter(rows)
            head = next(lines, ())
            for number in itertools.count(1):
                sheet = book.add_worksheet(_sheet_name(name, number))
                sheet.freeze_panes(1, 0)
                for column, text in enumerate(head):
                    sheet.write_string(0, column, str(text)[:_MOST_TEXT], bold)
                rest = _fill(sheet, itertools.islice(lines, _MOST_ROWS - 1), moment)
                following = next(lines, None) if rest else None
                if following is None:
                    break
                lines = itertools.chain([following], lines)
    return file.getvalue()


def _fill(sheet: Any, rows: Iterable[Sequence[Any]], moment: Any) -> bool:
    """Write ``rows`` below the head; whether the sheet is full."""
    last = 0
    for last, row in enumerate(rows, 1):
        for column, value in enumerate(row):
            _write(sheet, last, column, value, moment)
    return last == _MOST_ROWS - 1


def _write(sheet: Any, row: int, column: int, value: Any, moment: Any) -> None:
    match value:
        case None:
            pass
        case bool():
            sheet.write_boolean(row, column, value)
        case int() | float() if math.isfinite(value):
            sheet.write_number(row, column, plain_number(value) if isinstance(value, float) else value)
        case float() if math.isnan(value):
            pass
        case datetime():
            sheet.write_datetime(row, column, value.astimezone(UTC).replace(tzinfo=None), moment)
        case _:
            sheet.write_string(row, column, str(value)[:_MOST_TEXT])


def _sheet_name(name: str, number: int) -> str:
    suffix = f" ({number})" if number > 1 else ""
    cleaned = _NOT_IN_NAMES.sub(" ", name).strip().strip("'") or "table"
    return cleaned[: _NAME_LENGTH - len(suffix)] + suffix
