"""How the share of random actions fades, as a small drawing that a form can redraw at every move of a slider.

It is an SVG rather than a plotly figure: it needs no script in the browser and changes without a flash. Its letters
stand around it (:mod:`pages.shared.small_chart`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pages.shared.browser.plot_theme import INK, PALETTE

__all__ = ["epsilon_schedule_svg", "first_below"]

_SIZE = 100.0
_POINTS = 97


def epsilon_schedule_svg(epsilon: Callable[[int], float], end: int, *, ground: str) -> str:
    """The curve of ``epsilon`` from 0 to ``end`` as SVG text, which fills whatever place it is given.

    Parameters
    ----------
    epsilon
        Share of random actions, 0 to 1, after a number of episodes or env steps.
    end
        Last number drawn.
    ground
        "light" or "dark": what the drawing stands on.
    """
    ink, colour = INK[ground], PALETTE[ground]["epsilon"]
    at = [round(i * end / (_POINTS - 1)) for i in range(_POINTS)]
    line = [(_SIZE * each / max(end, 1), _y(epsilon(each))) for each in at]
    area = [(line[0][0], _y(0)), *line, (line[-1][0], _y(0))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -2 {_SIZE:g} {_SIZE + 4:g}" preserveAspectRatio="none">'
        f"{_grid(ink)}"
        f'<polygon points="{_points(area)}" fill="{colour}" fill-opacity="0.14"/>'
        f'<polyline points="{_points(line)}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round" '
        f'vector-effect="non-scaling-stroke"/></svg>'
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


def _y(epsilon: float) -> float:
    return _SIZE * (1 - epsilon)


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _grid(ink: str) -> str:
    return "".join(
        f'<line x1="0" x2="{_SIZE:g}" y1="{_y(level):.1f}" y2="{_y(level):.1f}" stroke="{ink}" '
        f'stroke-opacity="{0.35 if level == 0 else 0.14}" vector-effect="non-scaling-stroke"/>'
        for level in (0, 0.5, 1)
    )
