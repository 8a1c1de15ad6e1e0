"""What a guided experiment measured: evaluations over env steps, mean and band of each variant."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dqn_core.analysis.bands import band, common_grid
from dqn_core.analysis.comparison import Choices, GroupLine
from dqn_core.analysis.episode_table import Curve
from pages.charts.compare_curves import Drawing, View, painted
from pages.charts.compare_curves import figure as compared
from pages.live.compare.words import FigureTexts

__all__ = ["figure"]

_HEIGHT = 360


def figure(variants: Sequence[Sequence[Curve]], texts: FigureTexts, tone: str) -> go.Figure:
    """Mean and 95 % bootstrap band of each variant's curves, where all of them reach; ``tone`` is "light" or "dark"."""
    lines = []
    for number, curves in enumerate(variants):
        if any(len(curve) for curve in curves):
            shown = band(curves, common_grid(curves))
            lines.append(GroupLine(group=number, raw=shown, smooth=shown))
    drawing = Drawing(bands=lines, runs=(), marks={}, choices=Choices(y="eval_return"), texts=texts)
    drawn = painted(compared(drawing, View()), tone)
    return drawn.update_layout(height=_HEIGHT, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)")
