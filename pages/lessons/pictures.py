"""A small drawing for each lesson, as an SVG image in tones that are seen on light and dark ground alike."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping

__all__ = ["PICTURES"]

_WIDTH, _HEIGHT = 240, 90
_GROUND = 78.0
_MAIN = "#1f9486"
_OTHER = "#cf7a2b"
_MUTED = "#84979a"
Point = tuple[float, float]


def _line(points: Iterable[Point], color: str, width: float = 3, dash: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    style = f"fill:none;stroke:{color};stroke-width:{width};stroke-linejoin:round;stroke-linecap:round"
    return f'<polyline points="{path}" style="{style};stroke-dasharray:{dash or "none"}" />'


def _dot(x: float, y: float, color: str, radius: float = 4, *, is_hollow: bool = False) -> str:
    style = f"fill:none;stroke:{color};stroke-width:2.5" if is_hollow else f"fill:{color}"
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" style="{style}" />'


def _box(x: float, y: float, width: float, height: float, color: str, opacity: float = 1.0) -> str:  # noqa: PLR0913, PLR0917
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"'
    return f'<rect {place} style="fill:{color};fill-opacity:{opacity:.2f}" />'


def _curve(y: Callable[[float], float], low: float = 12, high: float = 228) -> list[Point]:
    return [(x, y(x)) for x in (low + (high - low) * step / 60 for step in range(61))]


def _return() -> str:
    bars = [_box(14 + 21 * i, _GROUND - 9, 15, 9, _OTHER) for i in range(10)]
    return "".join([*bars, _line([(14, 16), (224, _GROUND)], _MAIN)])


def _exploration() -> str:
    falling = _line([(12, 14), (118, 66), (228, 66)], _MAIN)
    dots = [_dot(18 + 14 * i, 84, _OTHER if (i * 0.618) % 1 > 0.09 * i + 0.1 else _MAIN, 3.2) for i in range(16)]
    return falling + "".join(dots)


def _discount() -> str:
    return "".join(_box(14 + 15 * i, _GROUND - 64 * 0.82**i, 10, 64 * 0.82**i, _MAIN) for i in range(14))


def _learning_rate() -> str:
    bowl = _line(_curve(lambda x: 12 + 64 * (1 - ((x - 120) / 105) ** 2)), _MUTED, 2)
    xs = [120 + 92 * (-0.62) ** k for k in range(7)]
    path = [(x, 12 + 64 * (1 - ((x - 120) / 105) ** 2)) for x in xs]
    return bowl + _line(path, _MAIN, 2.5) + "".join(_dot(*point, _MAIN) for point in path)


def _replay() -> str:
    drawn = {2, 5, 6, 11, 14, 19, 23, 28, 33, 35}
    cells = [(i % 12, i // 12) for i in range(36)]
    return "".join(
        _box(14 + 18 * x, 12 + 23 * y, 14, 18, _MAIN if i in drawn else _MUTED, 1 if i in drawn else 0.35)
        for i, (x, y) in enumerate(cells)
    )


def _target_network() -> str:
    smooth = _curve(lambda x: _GROUND - 62 * (1 - math.exp(-(x - 12) / 75)))
    stairs = [(12.0, _GROUND)]
    for step in range(1, 7):
        x = 12 + 36 * step
        stairs += [(x, stairs[-1][1]), (x, _GROUND - 62 * (1 - math.exp(-(x - 12) / 75)))]
    return _line(stairs, _OTHER, 2.5) + _line(smooth, _MAIN)


def _n_step() -> str:
    places = [18 + 29 * i for i in range(8)]
    hop = "".join(
        f'<path d="M{places[i]} 54 Q{(places[i] + places[i + 3]) / 2} 2 {places[i + 3]} 54" '
        f'style="fill:none;stroke:{_MAIN};stroke-width:2.5" />'
        for i in (1, 4)
    )
    dots = "".join(_dot(x, 60, _MAIN if i in {1, 4, 7} else _MUTED, 6) for i, x in enumerate(places))
    return hop + dots


def _double_dqn() -> str:
    def bell(middle: float, width: float, height: float) -> list[Point]:
        return _curve(lambda x: _GROUND - height * math.exp(-(((x - middle) / width) ** 2)))

    return _line(bell(100, 44, 48), _OTHER, 2.5) + _line(bell(150, 30, 64), _MAIN)


def _time_limit() -> str:
    limit = _line([(150, 8), (150, 84)], _MUTED, 2, "3 5")
    going_on = _line([(12, 26), (150, 26)], _MAIN) + _line([(150, 26), (228, 26)], _MAIN, 3, "2 8")
    falling = _line([(12 + 1.38 * k, 26 + 52 * 0.94 ** (100 - k)) for k in range(101)], _OTHER, 2.5)
    return limit + falling + going_on


def _evaluation() -> str:
    def shaken(x: float) -> float:
        return 62 - 0.16 * x + 9 * math.sin(x * 0.55) + 6 * math.sin(x * 1.9)

    return _line(_curve(shaken), _OTHER, 2) + _line(_curve(lambda x: 66 - 52 * (1 - math.exp(-(x - 12) / 70))), _MAIN)


def _best_of_many() -> str:
    heights = [52, 40, 61, 47, 66, 36, 55, 44, 14, 58, 49, 39, 63, 50]
    dots = "".join(_dot(18 + 16 * i, height, _MUTED) for i, height in enumerate(heights))
    mean = _line([(12, 49), (228, 49)], _MUTED, 1.5, "5 5")
    return mean + dots + _dot(18 + 16 * 8, 14, _MAIN) + _dot(18 + 16 * 8, 14, _OTHER, 9, is_hollow=True)


def _reward_density() -> str:
    sparse = "".join(_box(14 + 21 * i, 16, 17, 20, _MUTED, 0.3) for i in range(9)) + _box(203, 16, 17, 20, _OTHER)
    dense = "".join(_box(14 + 21 * i, 52, 17, 20, _MAIN, 0.12 + 0.88 * i / 9) for i in range(10))
    return sparse + dense


_DRAWN = {
    "reward-and-return": _return,
    "epsilon-greedy": _exploration,
    "discount-factor": _discount,
    "learning-rate": _learning_rate,
    "experience-replay": _replay,
    "target-network": _target_network,
    "n-step-return": _n_step,
    "double-dqn": _double_dqn,
    "time-limit": _time_limit,
    "evaluation": _evaluation,
    "best-of-many": _best_of_many,
    "reward-density": _reward_density,
}


def _image(drawing: str) -> str:
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{drawing}</svg>'
    return f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'


PICTURES: Mapping[str, str] = {name: _image(draw()) for name, draw in _DRAWN.items()}
"""HTML by the lesson's name; they say nothing that the words beside them do not."""
