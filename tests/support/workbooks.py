"""Excel workbooks, read by the standard they are written to (ECMA-376) and by no library."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any
from xml.etree import ElementTree as ET

__all__ = ["formulas", "read_workbook"]

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def read_workbook(content: bytes) -> dict[str, list[list[Any]]]:
    """The rows of each sheet; None for an empty cell."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        texts = _shared_texts(file)
        names = [each.attrib["name"] for each in _root(file, "xl/workbook.xml").iter(f"{_MAIN}sheet")]
        sheets = [_root(file, f"xl/worksheets/sheet{number}.xml") for number in range(1, len(names) + 1)]
    return {
        name: [_row(row, texts) for row in sheet.iter(f"{_MAIN}row")] for name, sheet in zip(names, sheets, strict=True)
    }


def formulas(content: bytes) -> int:
    """Cells of it that a spreadsheet would calculate."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        sheets = [name for name in file.namelist() if name.startswith("xl/worksheets/sheet")]
        return sum(len(list(_root(file, name).iter(f"{_MAIN}f"))) for name in sheets)


def _root(file: zipfile.ZipFile, name: str) -> ET.Element:
    return ET.fromstring(file.read(name))  # noqa: S314  made by this very test


def _shared_texts(file: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in file.namelist():
        return []
    return ["".join(each.itertext()) for each in _root(file, "xl/sharedStrings.xml").iter(f"{_MAIN}si")]


def _row(row: ET.Element, texts: list[str]) -> list[Any]:
    values: list[Any] = []
    for cell in row.iter(f"{_MAIN}c"):
        column = _column(cell.attrib["r"])
        values += [None] * (column - len(values))
        values.append(_value(cell, texts))
    return values


def _column(reference: str) -> int:
    letters = re.sub(r"\d", "", reference)
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _value(cell: ET.Element, texts: list[str]) -> Any:
    kind, value = cell.attrib.get("t", "n"), cell.findtext(f"{_MAIN}v")
    if kind == "inlineStr":
        return "".join(cell.itertext())
    if value is None:
        return None
    if kind == "s":
        return texts[int(value)]
    return value == "1" if kind == "b" else float(value) if kind == "n" else value
