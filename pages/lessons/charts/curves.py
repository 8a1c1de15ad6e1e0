"""What a guided experiment measured: evaluations over env steps, mean and band of each variant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go

from dqn_core.analysis.bands import Band, band, common_grid
from dqn_core.analysis.episode_table import Curve
from pages.shared.plot_theme import plain_figure

__all__ = ["figure"]


def figure(variants: Sequence[Sequence[Curve]], labels: Sequence[str], *, x_title: str, y_title: str) -> go.Figure:
    """Mean and 95 % bootstrap band of each variant's curves, where all of them reach; ``labels`` name the variants."""
    traces: list[go.Scatter] = []
    for number, (curves, label) in enumerate(zip(variants, labels, strict=True)):
        if any(len(curve) for curve in curves):
            traces += _traces(band(curves, common_grid(curves)), label, number)
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
