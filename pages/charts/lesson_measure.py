"""The number that answers a guided experiment's question: each seed a point, beside its variant's mean and interval."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dqn_core.lessons.results import Verdict
from pages.charts.theme import SERIES

__all__ = ["figure"]

_HEIGHT = 360
_ASIDE = 0.18
"""The seeds' points stand beside the mean, not upon it."""


def figure(verdict: Verdict, labels: Sequence[str], title: str, tone: str) -> go.Figure:
    """``labels`` name the variants; ``title`` is the measure's; ``tone`` is "light" or "dark"."""
    drawn = go.Figure()
    colors = SERIES[tone]
    for place, (label, values, mean) in enumerate(zip(labels, verdict.measured, verdict.estimates, strict=True)):
        color = colors[place % len(colors)]
        drawn.add_scatter(
            x=[place - _ASIDE] * len(values),
            y=list(values.values()),
            customdata=list(values),
            mode="markers",
            marker={"color": color, "size": 8, "opacity": 0.55},
            hovertemplate="seed %{customdata}: %{y:.4~g}<extra></extra>",
        )
        drawn.add_scatter(
            x=[place],
            y=[mean.mean],
            error_y={
                "symmetric": False,
                "array": [mean.high - mean.mean],
                "arrayminus": [mean.mean - mean.low],
                "thickness": 2.5,
                "width": 8,
            },
            mode="markers",
            marker={"color": color, "size": 12, "symbol": "diamond"},
            name=label,
            hovertemplate=f"%{{y:.4~g}} [{mean.low:.4g}, {mean.high:.4g}], n = {mean.n}<extra></extra>",
        )
    text = "#1b2a2b" if tone == "light" else "#e3ecea"
    return drawn.update_layout(
        height=_HEIGHT,
        showlegend=False,
        margin={"l": 58, "r": 18, "t": 24, "b": 60},
        font={"family": "sans-serif", "color": text, "size": 13},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        xaxis={
            "tickvals": list(range(len(labels))),
            "ticktext": [label.replace(" ", "<br>", 1) for label in labels],
            "range": [-0.6, len(labels) - 0.4],
            "showgrid": False,
            "zeroline": False,
        },
        yaxis={"title": {"text": title, "standoff": 6}, "zeroline": True, "nticks": 8},
    )
