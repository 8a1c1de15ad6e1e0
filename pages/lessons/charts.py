"""The figures of a guided experiment: what was measured over time, and the number that answers its question."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go

from dqn_core.analysis.bands import Band, band, common_grid
from dqn_core.analysis.episode_table import Curve
from dqn_core.lessons.results import Verdict
from pages.shared.browser.plot_theme import plain_figure

__all__ = ["curves", "measure"]

_TICK_LENGTH = 22
"""Letters of a line under the axis."""
_ASIDE = 0.18
"""The seeds' points stand beside the mean, not upon it."""


def curves(variants: Sequence[Sequence[Curve]], labels: Sequence[str], *, x_title: str, y_title: str) -> go.Figure:
    """Mean and 95 % bootstrap band of each variant's curves, where all of them reach; ``labels`` name the variants."""
    traces: list[go.Scatter] = []
    for number, (own, label) in enumerate(zip(variants, labels, strict=True)):
        if any(len(curve) for curve in own):
            traces += _traces(band(own, common_grid(own)), label, number)
    return plain_figure(
        traces, x_title=x_title, y_title=y_title, x={"tickformat": ",.6~g"}, y={"nticks": 8}, hovermode="x unified"
    )


def _traces(shown: Band, label: str, color: int) -> Iterator[go.Scatter]:
    known = np.isfinite(shown.low)
    x = shown.x[known]
    yield go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([shown.high[known], shown.low[known][::-1]]),
        fill="toself",
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        legendgroup=label,
        meta={"color": color},
    )
    yield go.Scatter(
        x=shown.x,
        y=shown.mean,
        customdata=np.stack([shown.low, shown.high, shown.n], axis=1),
        mode="lines",
        name=label,
        legendgroup=label,
        line={"width": 2.5},
        hovertemplate="%{y:.4~g} [%{customdata[0]:.4~g}, %{customdata[1]:.4~g}], n = %{customdata[2]}",
        meta={"color": color, "columns": {"x": "env_step", "y": "mean", "customdata": ["low", "high", "n"]}},
    )


def measure(
    verdict: Verdict, labels: Sequence[str], *, y_title: str, column: str, reference: tuple[float, str] | None = None
) -> go.Figure:
    """The number that answers the question: each seed a point, beside its variant's mean and interval.

    ``labels`` name the variants; the measure is ``y_title`` on the page and ``column`` in the table. ``reference`` is a
    value to compare with, and what it is.
    """
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
    if reference is not None:
        traces += _reference(*reference, verdict)
    drawn = plain_figure(
        traces,
        x_title="",
        y_title=y_title,
        x={
            "tickvals": list(range(len(labels))),
            "ticktext": [_wrapped(label) for label in labels],
            "range": [-0.6, len(labels) - 0.4],
        },
        y={"zeroline": True, "nticks": 8},
    )
    return drawn.update_layout(showlegend=False, margin={"t": 10})


def _wrapped(label: str) -> str:
    """``label`` in lines; what stands around an equals sign stays together."""
    return "<br>".join(textwrap.wrap(label.replace(" = ", "\u00a0=\u00a0"), _TICK_LENGTH))


def _reference(height: float, name: str, verdict: Verdict) -> Iterator[go.Scatter]:
    """A line over all variants, and under it what it is."""
    places = [-0.5, len(verdict.measured) - 0.5]
    values = [height, *(value for values in verdict.measured for value in values.values() if np.isfinite(value))]
    below = height - 0.06 * (max(values) - min(values))
    hover = f"{name}: {height:.4g}<extra></extra>"
    line = {"width": 1.5, "dash": "dash"}
    yield go.Scatter(x=places, y=[height] * 2, mode="lines", line=line, hovertemplate=hover, meta={"color": "change"})
    yield go.Scatter(x=places[:1], y=[below], mode="text", text=[name], textposition="middle right", hoverinfo="skip")
