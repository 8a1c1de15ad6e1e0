"""What all charts share: a colour-blind-safe palette, and a figure with one pair of axes.

A trace names the role of its colour in ``meta``; text and lines of the axes take the page's own colours, which only the
browser knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

__all__ = ["DASHES", "INK", "PALETTE", "SCALES", "SERIES", "plain_figure"]

PALETTE: dict[str, dict[str, str]] = {
    "light": {
        "data": "#0072B2",
        "mean_long": "#8F3F97",
        "evaluation": "#C24E00",
        "goal": "#00795A",
        "loss": "#A8467B",
        "length": "#00795A",
        "epsilon": "#9A5B00",
        "change": "#4A5568",
        "warning": "#9A5B00",
        "danger": "#B3261E",
    },
    "dark": {
        "data": "#5AB9F0",
        "mean_long": "#D6A3E0",
        "evaluation": "#FF9F5A",
        "goal": "#3FCF9F",
        "loss": "#F08FC0",
        "length": "#3FCF9F",
        "epsilon": "#F2B84B",
        "change": "#B8C2D0",
        "warning": "#F2B84B",
        "danger": "#FF8A80",
    },
}
"""Colours by role, after Okabe and Ito (2008), toned so that each reads at 4.5:1 or more on its page."""

INK = {"light": "#1b2a2b", "dark": "#e3ecea"}
"""Colour of the numbers and lines of drawings, on the page's light and dark ground."""

SERIES: dict[str, tuple[str, ...]] = {
    "light": ("#0f766e", "#b0560a", "#5b4bb5", "#b8346b", "#1f6aa5", "#6b7a12", "#8a5a44", "#4a5a59"),
    "dark": ("#4fd1bf", "#f0a35e", "#b9a5f2", "#f28bb2", "#7cb8ea", "#c4cf5e", "#d6a98f", "#9fb0ae"),
}
"""Colours of things that are many and alike, as in the pages' theme; beyond eight, they come again dashed."""
DASHES = ("solid", "dash", "dot", "dashdot")

_VIRIDIS = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725")

SCALES: dict[str, dict[str, tuple[str, ...]]] = {
    "light": {
        "sequential": _VIRIDIS,
        "points": _VIRIDIS[:6],
        "density": ("#fcfcfa", "#cfe3df", "#7fb9b0", "#2f8d83", "#0a4e48"),
        "ramp": ("#b7d9d4", "#0f766e"),
        "difference": ("#0072B2", "#f4f4f1", "#C24E00"),
    },
    "dark": {
        "sequential": _VIRIDIS,
        "points": _VIRIDIS[3:],
        "density": ("#11191c", "#1d3a3a", "#2a6b66", "#43ab9c", "#a6f0e2"),
        "ramp": ("#28504c", "#4fd1bf"),
        "difference": ("#5AB9F0", "#1a2427", "#FF9F5A"),
    },
}
"""Colours of an amount: "sequential" for a value, "points" for a value of points on the page's ground, from which all
stand out, "density" for how much of something, from nothing at all, "ramp" for lines, of which the faintest is seen
too, "difference" for what may lie on both sides of nothing."""


def plain_figure(
    traces: Sequence[Any],
    *,
    x_title: str,
    y_title: str,
    x: Mapping[str, Any] | None = None,
    y: Mapping[str, Any] | None = None,
    **layout: Any,
) -> go.Figure:
    """A figure with one pair of axes, to be shown by :func:`pages.shared.figure.figure.show_figure`.

    ``x`` and ``y`` are further attributes of the axes. A legend is drawn below where several traces have names.
    """
    axis = {"zeroline": False, "separatethousands": True, "automargin": True}
    named = sum(bool(trace.name) and trace.showlegend is not False for trace in traces)
    of_all = {
        "uirevision": "kept",
        "autosize": False,
        "showlegend": named > 1,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "itemwidth": 30},
        "dragmode": "zoom",
        # To the right, room for a half of the last tick's label, which Plotly leaves out otherwise.
        "margin": {"l": 56, "r": 24, "t": 30 if named > 1 else 10, "b": 44, "pad": 0},
        "xaxis": {
            "title": {"text": x_title, "standoff": 6, "font": {"size": 12}},
            "showgrid": False,
            **axis,
            **(x or {}),
        },
        "yaxis": {
            "title": {"text": y_title, "standoff": 8, "font": {"size": 12}},
            "nticks": 6,
            **axis,
            **(y or {}),
        },
    }
    figure = go.Figure(data=list(traces), layout={**of_all, **layout})  # update_layout takes ten times as long
    figure.layout.template = None
    return figure
