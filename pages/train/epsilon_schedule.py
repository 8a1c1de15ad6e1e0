"""How the share of random actions fades, as a small drawing that a form can redraw at every move of a slider.

It is an SVG rather than a plotly figure: it needs no script in the browser and changes without a flash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from pages.shared.plot_theme import INK, PALETTE

__all__ = ["epsilon_schedule_svg", "first_below"]

_WIDTH, _HEIGHT = 264.0, 92.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 30.0, 6.0, 8.0, 18.0
_POINTS = 97


def epsilon_schedule_svg(epsilon: Callable[[int], float], end: int, *, unit: str, ground: str) -> str:
    """The curve of ``epsilon`` from 0 to ``end`` as SVG text.

    Parameters
    ----------
    epsilon
        Share of random actions, 0 to 1, after a number of episodes or env steps.
    end
        Last number drawn.
    unit
        What is counted, in words; stands at the end of the axis.
    ground
        "light" or "dark": what the drawing stands on.
    """
    ink, colour = INK[ground], PALETTE[ground]["epsilon"]
    at = [round(i * end / (_POINTS - 1)) for i in range(_POINTS)]
    line = [(_x(each / max(end, 1)), _y(epsilon(each))) for each in at]
    area = [(line[0][0], _y(0)), *line, (line[-1][0], _y(0))]
    texts = (
        (_LEFT - 6, _y(1) + 4, "1", "end"),
        (_LEFT - 6, _y(0.5) + 4, "ε", "end"),
        (_LEFT - 6, _y(0) + 3, "0", "end"),
        (_LEFT, _HEIGHT - 4, "0", "start"),
        (_WIDTH - _RIGHT, _HEIGHT - 4, f"{end:,} {unit}", "end"),
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" '
        f'width="{_WIDTH:g}" height="{_HEIGHT:g}">'
        f"{_grid(ink)}"
        f'<polygon points="{_points(area)}" fill="{colour}" fill-opacity="0.14"/>'
        f'<polyline points="{_points(line)}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'
        f'<g font-size="10.5" font-family="system-ui, sans-serif" fill="{ink}" fill-opacity="0.75">'
        f"{''.join(_text(*text) for text in texts)}</g></svg>"
    )


def first_below(epsilon: Callable[[int], float], threshold: float, end: int) -> int | None:
    """The first whole number up to ``end`` where the falling ``epsilon`` is at most ``threshold``; None if nowhere."""
    if epsilon(end) > threshold:
        return None
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if epsilon(middle) <= threshold else (middle + 1, high)
    return low


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(epsilon: float) -> float:
    return _TOP + (1 - epsilon) * (_HEIGHT - _TOP - _BOTTOM)


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _grid(ink: str) -> str:
    return "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_y(level):.1f}" y2="{_y(level):.1f}" stroke="{ink}" '
        f'stroke-opacity="{0.35 if level == 0 else 0.14}"/>'
        for level in (0, 0.5, 1)
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
