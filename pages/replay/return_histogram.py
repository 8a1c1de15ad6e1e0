"""How often an evaluation's episodes came to which return, as a small drawing.

It is HTML rather than a plotly figure: it needs no script in the browser, and there is nothing to zoom into.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pages.shared.browser.plot_theme import PALETTE
from pages.shared.small_chart import small_chart_html

__all__ = ["histogram_bins", "return_histogram_html"]

_MOST_BINS = 20


def histogram_bins(returns: Sequence[float]) -> tuple[list[int], list[float]]:
    """(episodes in each bin, the n + 1 edges): equally wide, at most 20; one of width 1 where all are the same."""
    low, high = min(returns), max(returns)
    if low == high:
        return [len(returns)], [low - 0.5, high + 0.5]
    bins = min(_MOST_BINS, max(5, math.ceil(2 * len(returns) ** (1 / 3))))
    counts, edges = np.histogram(np.asarray(returns), bins=bins)
    return counts.tolist(), edges.tolist()


def return_histogram_html(  # noqa: PLR0913  what is drawn, and in which words
    returns: Sequence[float], mean: float, interval: tuple[float, float], *, x_title: str, y_title: str, spoken: str
) -> str:
    """The histogram of ``returns`` with their mean and its ``interval`` (NaN for none) on the horizontal axis."""
    counts, edges = histogram_bins(returns)
    first, last, most = edges[0], edges[-1], max(counts)

    def share(value: float) -> float:
        return 100 * min(1.0, max(0.0, (value - first) / (last - first)))

    bars = "".join(
        f'<div class="bar" style="background-color: {_colour("data")}; left: {share(left):.2f}%; '
        f'width: {share(right) - share(left):.2f}%; height: {100 * count / most:.2f}%"></div>'
        for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True)
    )
    low, high = map(share, interval) if math.isfinite(sum(interval)) else (0.0, 0.0)
    colour = f"background-color: {_colour('evaluation')}"
    spread = f'<div class="interval" style="{colour}; left: {low:.2f}%; width: {high - low:.2f}%"></div>'
    drawing = f'{bars}{spread}<div class="mean" style="{colour}; left: {share(mean):.2f}%"></div>'
    return small_chart_html(
        drawing, x=(_edge(first), x_title, _edge(last)), y=(f"{most:,}", "0"), title=y_title, spoken=spoken
    )


def _colour(role: str) -> str:
    return f"light-dark({PALETTE['light'][role]}, {PALETTE['dark'][role]})"


def _edge(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")
