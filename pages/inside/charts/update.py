"""A batch before and after one update: how far each row's Q(s, a) is from the target that it is pulled towards."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.shared.plot_theme import plain_figure

__all__ = ["figure"]

_COLUMNS = {"x": "target", "y": "td_error", "customdata": ["batch_row"]}


def figure(
    targets: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32] | None,
    row: int,
    labels: Mapping[str, str],
) -> go.Figure:
    """Rows [B] by target and TD error y - Q(s, a) ``before`` and ``after``, if it has happened; ``row`` is looked at.

    ``labels`` has "target", "error", "before", "after" and "row".
    """
    chosen = slice(row, row + 1)
    marker = {"size": 15, "symbol": "circle-open", "line": {"width": 2}}
    traces = [
        _points(targets, before, labels, "before").update(marker={"size": 6, "symbol": "circle-open"}),
        go.Scatter(
            x=targets[chosen],
            y=before[chosen],
            mode="markers",
            name=labels["row"],
            marker=marker,
            hoverinfo="skip",
            meta={"color": "danger"},
        ),
    ]
    if after is not None:
        traces = [_ways(targets, before, after), *traces, _points(targets, after, labels, "after")]
    return plain_figure(
        traces,
        x_title=labels["target"],
        y_title=labels["error"],
        shapes=[{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": {"width": 1.5}}],
        hovermode="closest",
    )


def _points(x: NDArray[np.float32], y: NDArray[np.float32], labels: Mapping[str, str], when: str) -> go.Scatter:
    hover = f"{labels['row']} %{{customdata[0]}}<br>{labels['target']} %{{x:.4f}}<br>{labels['error']} %{{y:.4f}}"
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        name=labels[when],
        customdata=np.arange(len(x))[:, None],
        hovertemplate=f"{hover}<extra>{labels[when]}</extra>",
        marker={"size": 6},
        meta={"color": "evaluation" if when == "before" else "data", "columns": _COLUMNS},
    )


def _ways(x: NDArray[np.float32], before: NDArray[np.float32], after: NDArray[np.float32]) -> go.Scatter:
    """A line for each row from where it was to where it is, and a gap."""
    gaps = np.full_like(before, np.nan)
    return go.Scatter(
        x=np.repeat(x, 3),
        y=np.stack([before, after, gaps], axis=1).ravel(),
        mode="lines",
        line={"width": 1},
        opacity=0.6,
        hoverinfo="skip",
        showlegend=False,
        meta={"color": "data"},
    )
