"""How numbers are spread: over the training as shades or bands, or at one point of it as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dqn_core.inside.distributions import Histograms
from pages.shared.plot_theme import plain_figure

__all__ = ["bands_figure", "bars_figure", "shades_figure"]


def shades_figure(
    env_steps: Sequence[int], spread: Histograms, labels: Mapping[str, str], *, value_column: str
) -> go.Figure:
    """A column of shades for each snapshot; ``labels`` has "x", "value" and "share".

    The darkest stands for the largest share but that of the fullest bin, or one value that most numbers have would
    leave all others blank.
    """
    shares = spread.shares.T  # [bins, snapshots]
    top = float(np.quantile(shares[shares > 0], 0.98)) if (shares > 0).any() else 1.0
    hover = f"{labels['x']} %{{x:,d}}<br>{labels['value']} %{{y:.3g}}<br>{labels['share']} %{{z:.1%}}<extra></extra>"
    heat = go.Heatmap(
        x=list(env_steps),
        y=spread.centers,
        z=shares,
        zmin=0,
        zmax=top,
        hovertemplate=hover,
        colorbar={"title": {"text": labels["share"], "side": "top"}, "thickness": 12, "tickformat": ".2~%"},
        meta={"scale": "density", "columns": {"x": "env_step", "y": value_column, "z": "share"}},
    )
    return plain_figure([heat], x_title=labels["x"], y_title=labels["value"], y={"showgrid": False})


def bars_figure(
    spread: Histograms,
    labels: Mapping[str, str],
    *,
    value_column: str,
    role: str = "data",
    ticks: tuple[Sequence[float], Sequence[str]] | None = None,
) -> go.Figure:
    """One bar a bin; ``labels`` has "value" and "share". ``ticks`` are places along x and their names."""
    widths = np.diff(spread.edges)
    bars = go.Bar(
        x=spread.centers,
        y=spread.shares[0],
        width=widths * 0.92,
        hovertemplate=f"{labels['value']} %{{x}}<br>{labels['share']} %{{y:.1%}}<extra></extra>",
        meta={"color": role, "columns": {"x": value_column, "y": "share"}},
    )
    x = {} if ticks is None else {"tickvals": list(ticks[0]), "ticktext": list(ticks[1])}
    return plain_figure(
        [bars],
        x_title=labels["value"],
        y_title=labels["share"],
        x=x,
        y={"tickformat": ".2~%", "rangemode": "tozero"},
        bargap=0,
    )


def bands_figure(env_steps: Sequence[int], levels: NDArray[np.float64], labels: Mapping[str, str]) -> go.Figure:
    """Median and two bands of five quantiles [snapshots, 5]; ``labels`` has "x", "value", "median", "half", "most"."""
    x = list(env_steps)
    traces = [
        _edge(x, levels[:, 0], "5 %"),
        _edge(x, levels[:, 4], labels["most"], alpha=0.14),
        _edge(x, levels[:, 1], "25 %"),
        _edge(x, levels[:, 3], labels["half"], alpha=0.28),
        go.Scatter(
            x=x,
            y=levels[:, 2],
            mode="lines+markers" if len(x) == 1 else "lines",
            name=labels["median"],
            line={"width": 2.5},
            hovertemplate=f"%{{y:.4g}}<extra>{labels['median']}</extra>",
            meta={"color": "loss", "columns": {"x": "env_step", "y": "td_error"}},
        ),
    ]
    return plain_figure(traces, x_title=labels["x"], y_title=labels["value"], hovermode="x unified")


def _edge(x: Sequence[int], y: NDArray[np.float64], name: str, alpha: float | None = None) -> go.Scatter:
    """Lower edge of a band, or with ``alpha`` the upper one and the band down to the lower."""
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        line={"width": 0.5},
        fill=None if alpha is None else "tonexty",
        showlegend=alpha is not None,
        hovertemplate=f"%{{y:.4g}}<extra>{name}</extra>",
        meta={"color": "loss", "fill_alpha": alpha, "columns": {"x": "env_step", "y": "td_error"}},
    )
