"""Learning curves as one SVG: a panel an environment, a line a preset (mean over seeds) with the range of the seeds."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["learning_curves_svg", "on_grid"]

Curve = Sequence[Sequence[float]]
"""(env step, seconds, evaluation return) of each evaluation."""
Point = tuple[float, float]

_WIDTH, _HEIGHT, _MARGIN = 430, 250, 54
_POINTS = 60
_BELOW = 50
"""Of so many evaluations, the lowest one lies on the panel's edge: a first network may do a hundred times worse."""
_COLORS = {"lab8": "#8a6d1c", "fast": "#0f766e", "strong": "#7c3aed"}


def learning_curves_svg(groups: Mapping[tuple[str, str], list[dict[str, Any]]]) -> str:
    """The picture for results by (environment, preset); runs without a kept curve are left out."""
    by_env: dict[str, dict[str, list[Curve]]] = {}
    for (env_id, preset), rows in groups.items():
        if curves := [row["curve"] for row in rows if row.get("curve")]:
            by_env.setdefault(env_id, {})[preset] = curves
    panels = [
        f'<g transform="translate({_WIDTH * (i % 2)} {_HEIGHT * (i // 2)})">{_panel(env_id, presets)}</g>'
        for i, (env_id, presets) in enumerate(by_env.items())
    ]
    height = _HEIGHT * ((len(panels) + 1) // 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH} {height}" font-family="sans-serif" '
        f'font-size="11"><rect width="100%" height="100%" fill="#fff"/>{"".join(panels)}</svg>\n'
    )


def on_grid(curve: Curve, grid: Sequence[float]) -> list[float]:
    """The curve's return at each env step of ``grid``: that of the last evaluation before it, or of the first."""
    steps = [point[0] for point in curve]
    return [curve[max(0, bisect_right(steps, step) - 1)][2] for step in grid]


def _panel(env_id: str, presets: Mapping[str, list[Curve]]) -> str:
    last = max(curve[-1][0] for curves in presets.values() for curve in curves)
    values = sorted(point[2] for curves in presets.values() for curve in curves for point in curve)
    low, high = values[len(values) // _BELOW], values[-1]
    high = high if high > low else low + 1.0

    def place(step: float, value: float) -> Point:
        x = _MARGIN + (_WIDTH - _MARGIN - 16) * step / last
        return x, _HEIGHT - 40 - (_HEIGHT - 80) * max(0.0, value - low) / (high - low)

    parts = [f'<text x="{_MARGIN}" y="22" font-size="13" font-weight="bold">{escape(env_id)}</text>']
    for value in (low, (low + high) / 2, high):
        (left, y), (right, _) = place(0, value), place(last, value)
        parts += [
            f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="#e2e2e2"/>',
            f'<text x="{_MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.0f}</text>',
        ]
    for step, anchor in ((0.0, "start"), (last, "end")):
        x, y = place(step, low)
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="{anchor}">{step:,.0f} env steps</text>')
    for i, (preset, curves) in enumerate(presets.items()):
        parts.append(_band_and_line(preset, curves, place))
        x = _WIDTH - 16 - 62 * (len(presets) - i)
        parts.append(f'<text x="{x}" y="22" fill="{_COLORS[preset]}">{preset} (n={len(curves)})</text>')
    return "".join(parts)


def _band_and_line(preset: str, curves: list[Curve], place: Any) -> str:
    last = max(curve[-1][0] for curve in curves)
    grid = [last * k / _POINTS for k in range(_POINTS + 1)]
    columns = list(zip(*(on_grid(curve, grid) for curve in curves), strict=True))
    upper = [place(step, max(column)) for step, column in zip(grid, columns, strict=True)]
    lower = [place(step, min(column)) for step, column in zip(grid, columns, strict=True)]
    middle = [place(step, statistics.fmean(column)) for step, column in zip(grid, columns, strict=True)]
    color = _COLORS[preset]
    return (
        f'<path d="{_path([*upper, *reversed(lower)])}Z" fill="{color}" opacity="0.13"/>'
        f'<path d="{_path(middle)}" fill="none" stroke="{color}" stroke-width="1.8"/>'
    )


def _path(points: list[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
