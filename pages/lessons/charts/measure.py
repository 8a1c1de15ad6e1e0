"""The number that answers a guided experiment's question: each seed a point, beside its variant's mean and interval."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dqn_core.lessons.results import Verdict
from pages.shared.plot_theme import plain_figure

__all__ = ["figure"]

_ASIDE = 0.18
"""The seeds' points stand beside the mean, not upon it."""


def figure(verdict: Verdict, labels: Sequence[str], *, y_title: str, column: str) -> go.Figure:
    """``labels`` name the variants; the measure is ``y_title`` on the page and ``column`` in the table."""
    traces = []
    for place, (label, values, mean) in enumerate(zip(labels, verdict.measured, verdict.estimates, strict=True)):
        traces.append(
            go.Scatter(
                x=[place - _ASIDE] * len(values),
                y=list(values.values()),
                customdata=[[seed] for seed in values],
                mode="markers",
                marker={"size": 8, "opacity": 0.55},
                name=label,
                hovertemplate="seed %{customdata[0]}: %{y:.4~g}<extra></extra>",
                meta={"color": place, "columns": {"customdata": ["seed"], "y": column}},
            )
        )
        traces.append(
            go.Scatter(
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
                marker={"size": 12, "symbol": "diamond"},
                hovertemplate=f"%{{y:.4~g}} [{mean.low:.4g}, {mean.high:.4g}], n = {mean.n}<extra></extra>",
                meta={"color": place},
            )
        )
    drawn = plain_figure(
        traces,
        x_title="",
        y_title=y_title,
        x={
            "tickvals": list(range(len(labels))),
            "ticktext": [label.replace(" ", "<br>", 1) for label in labels],
            "range": [-0.6, len(labels) - 0.4],
        },
        y={"zeroline": True, "nticks": 8},
    )
    return drawn.update_layout(showlegend=False, margin={"t": 10})
