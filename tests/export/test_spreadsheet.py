"""Tables as Excel workbooks."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from dqn_core.export import spreadsheet
from dqn_core.export.spreadsheet import workbook
from workbooks import formulas, read_workbook


def test_cells_come_back_as_what_they_were() -> None:
    row = ["환경 하나", 3, 0.1 + 0.2, True, None, math.nan, math.inf, (1, 2), ""]
    table = read_workbook(workbook({"a table": [["a", "b"], row]}))["a table"]
    assert table[0] == ["a", "b"]
    assert table[1][:6] == ["환경 하나", 3.0, 0.3, True, None, None]
    assert table[1][6:8] == ["inf", "(1, 2)"]


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "http://example.org", "{=1}", "1e5"])
def test_a_text_stays_a_text(text: str) -> None:
    content = workbook({"names": [["name"], [text]]})
    assert read_workbook(content)["names"] == [["name"], [text]]
    assert formulas(content) == 0


def test_moments_are_written_in_utc() -> None:
    moment = datetime(2026, 4, 1, 14, 0, tzinfo=timezone(timedelta(hours=9)))
    _head, (value,) = read_workbook(workbook({"t": [["at"], [moment]]}))["t"]
    assert value == pytest.approx(
        (datetime(2026, 4, 1, 5, 0, tzinfo=UTC) - datetime(1899, 12, 30, tzinfo=UTC)) / timedelta(days=1), abs=1e-6
    )


def test_names_that_no_sheet_may_have_are_changed() -> None:
    book = read_workbook(workbook({"a/b:c*d?[e]" + "x" * 40: [["a"]], "'": [["b"]]}))
    assert [len(name) <= 31 for name in book] == [True, True]
    assert list(book)[1] == "table"


def test_rows_that_one_sheet_cannot_hold_go_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "_MOST_ROWS", 4)
    for count in range(10):
        book = read_workbook(workbook({"many": [["n"], *([number] for number in range(count))]}))
        assert len(book) == max(1, math.ceil(count / 3))
        assert all(rows[0] == ["n"] for rows in book.values())
        assert [row for rows in book.values() for row in rows[1:]] == [[float(number)] for number in range(count)]


def test_a_table_without_rows_is_a_workbook_too() -> None:
    assert read_workbook(workbook({"none": []})) == {"none": []}
