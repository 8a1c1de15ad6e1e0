"""Numbers and tables as ``docs/performance.md`` shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

__all__ = ["megabytes", "microseconds", "milliseconds", "percent", "rate", "seconds", "spread", "table", "times"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in (head, rule, *rows))


def spread(summary: Mapping[str, float], form: str = ",.3g", unit: str = "", scale: float = 1.0) -> str:
    """``19,500 (18,900–20,100)``: the median, and the lowest and highest in brackets."""
    median, low, high = (_number(scale * summary[name], form) for name in ("median", "low", "high"))
    return f"{median}{unit} ({low}–{high})"


def _number(value: float, form: str) -> str:
    """Three digits, and never an exponent."""
    text = format(value, form)
    return f"{float(text.replace(',', '')):,.0f}" if "e" in text else text


rate = partial(spread, form=",.0f")
microseconds = partial(spread, unit=" µs")
milliseconds = partial(spread, form=".0f", unit=" ms")
seconds = partial(spread, form=".2f", unit=" s")
times = partial(spread, form=".3g", unit="×")
percent = partial(spread, form=".0f", unit=" %", scale=100.0)


def megabytes(count: float) -> str:
    """Bytes in megabytes of a million."""
    return f"{count / 1e6:,.0f} MB"
