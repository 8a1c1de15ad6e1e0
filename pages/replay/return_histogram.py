"""How often an evaluation's episodes came to which return, as a small drawing.

It is an SVG rather than a plotly figure: it needs no script in the browser, and there is nothing to zoom into.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from pages.shared.plot_theme import INK, PALETTE

__all__ = ["histogram_bins", "return_histogram_svg"]

_WIDTH, _HEIGHT = 520.0, 180.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 12.0, 26.0, 34.0
_MOST_BINS = 20


def histogram_bins(returns: Sequence[float]) -> tuple[list[int], list[float]]:
    """(episodes in each bin, the n + 1 edges): equally wide, at most 20; one of width 1 where all are the same."""
    low, high = min(returns), max(returns)
    if low == high:
        return [len(returns)], [low - 0.5, high + 0.5]
    bins = min(_MOST_BINS, max(5, math.ceil(2 * len(returns) ** (1 / 3))))
    counts, edges = np.histogram(np.asarray(returns), bins=bins)
    return counts.tolist(), edges.tolist()


def return_histogram_svg(  # noqa: PLR0913  what is drawn, and in which words and colours
    returns: Sequence[float], mean: float, interval: tuple[float, float], *, x_title: str, y_title: str, ground: str
) -> str:
    """The histogram of ``returns`` with their mean and its ``interval`` (NaN for none) above it, as SVG text.

    ``ground`` is "light" or "dark": what the drawing stands on.
    """
    counts, edges = histogram_bins(returns)
    ink, colours = INK[ground], PALETTE[ground]
    first, last, most = edges[0], edges[-1], max(counts)

    def x(value: float) -> float:
        return _LEFT + (value - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def y(count: float) -> float:
        return _TOP + (1 - count / most) * (_HEIGHT - _TOP - _BOTTOM)

    bars = "".join(
        f'<rect x="{x(left) + 1:.1f}" y="{y(count):.1f}" width="{max(1.0, x(right) - x(left) - 2):.1f}" '
        f'height="{y(0) - y(count):.1f}" rx="1.5" fill="{colours["data"]}" fill-opacity="0.75"/>'
        for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True)
    )
    texts = (
        (_LEFT - 6, y(most) + 4, f"{most}", "end"),
        (_LEFT - 6, y(0) + 3, "0", "end"),
        (_LEFT, y(0) + 15, _edge(first), "start"),
        (_WIDTH - _RIGHT, y(0) + 15, _edge(last), "end"),
        ((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 4, x_title, "middle"),
        (4.0, 11.0, y_title, "start"),
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" '
        f'width="{_WIDTH:g}" height="{_HEIGHT:g}">'
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(0):.1f}" y2="{y(0):.1f}" stroke="{ink}" '
        f'stroke-opacity="0.35"/>{bars}{_spread(x(mean), [x(end) for end in interval], colours["evaluation"])}'
        f'<g font-size="11" font-family="system-ui, sans-serif" fill="{ink}" fill-opacity="0.8">'
        f"{''.join(_text(*text) for text in texts)}</g></svg>"
    )


def _spread(mean: float, interval: Sequence[float], colour: str) -> str:
    """A diamond at the mean and a line over its interval, on the horizontal axis."""
    at = _HEIGHT - _BOTTOM
    low, high = interval
    line = (
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{at}" y2="{at}" stroke="{colour}" stroke-width="4"/>'
        if math.isfinite(low + high)
        else ""
    )
    return f'{line}<path d="M{mean:.1f} {at - 8}l6 8l-6 8l-6 -8z" fill="{colour}"/>'


def _edge(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
