"""How the seeds of each preset are spread, as one SVG: a panel an environment, a row a preset, a dot a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

__all__ = ["distributions_svg"]

_WIDTH, _ROW, _MARGIN = 430, 66, 54
_COLORS = {"lab8": "#8a6d1c", "fast": "#0f766e", "strong": "#7c3aed"}
_STACK = 3.0
"""Distance of dots that lie above each other, in pixels; dots within as much share a stack."""
_RANGE = 0.05
"""Of all seeds of an environment, so many of the lowest may stand at the edge."""


def distributions_svg(means: Mapping[tuple[str, str], Sequence[float]]) -> str:
    """The picture for the seeds' means by (environment, preset)."""
    by_env: dict[str, dict[str, Sequence[float]]] = {}
    for (env_id, preset), values in means.items():
        by_env.setdefault(env_id, {})[preset] = values
    panels, heights = [], [0.0, 0.0]
    for i, (env_id, presets) in enumerate(by_env.items()):
        column = i % 2
        panels.append(f'<g transform="translate({_WIDTH * column} {heights[column]})">{_panel(env_id, presets)}</g>')
        heights[column] += _ROW * len(presets) + 70
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH} {max(heights):.0f}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(panels)}</svg>\n"
    )


def _panel(env_id: str, presets: Mapping[str, Sequence[float]]) -> str:
    values = sorted(value for each in presets.values() for value in each)
    low, high = values[int(_RANGE * (len(values) - 1))], values[-1]
    high = high if high > low else low + 1.0

    def place(value: float) -> float:
        return _MARGIN + (_WIDTH - _MARGIN - 20) * max(0.0, value - low) / (high - low)

    bottom = 34 + _ROW * len(presets)
    parts = [f'<text x="{_MARGIN}" y="22" font-size="13" font-weight="bold">{escape(env_id)}</text>']
    for value, anchor in ((low, "start"), ((low + high) / 2, "middle"), (high, "end")):
        parts += [
            f'<path d="M{place(value):.1f} 34V{bottom}" stroke="#e2e2e2"/>',
            f'<text x="{place(value):.1f}" y="{bottom + 16}" text-anchor="{anchor}">{_text(value, high - low)}</text>',
        ]
    for i, (preset, each) in enumerate(presets.items()):
        base = 34 + _ROW * (i + 1) - 8
        parts.append(
            f'<text x="6" y="{base}" fill="{_COLORS[preset]}">{preset}</text>'
            f'<text x="6" y="{base - 14}" fill="#777">n={len(each)}</text>{_dots(each, place, base, _COLORS[preset])}'
        )
    return "".join(parts)


def _text(value: float, span: float) -> str:
    return f"{value:.1f}" if span >= 1.0 else f"{value:.3f}"


def _dots(values: Sequence[float], place: Callable[[float], float], base: float, color: str) -> str:
    """A dot a value, those that would cover each other in a stack."""
    stacks: dict[int, int] = {}
    parts = []
    for value in sorted(values):
        column = round(place(value) / _STACK)
        height = stacks.get(column, 0)
        stacks[column] = height + 1
        y = base - min(height * _STACK, _ROW - 14)
        parts.append(f'<circle cx="{column * _STACK:.1f}" cy="{y:.1f}" r="1.8" fill="{color}" opacity="0.75"/>')
    return "".join(parts)
