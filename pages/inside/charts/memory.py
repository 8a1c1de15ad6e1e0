"""What a replay memory holds: where its states lie, and how it filled."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.shared.plot_theme import plain_figure

__all__ = ["coverage_figure", "fill_figure"]


def coverage_figure(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    ages: NDArray[np.int64],
    terminated: NDArray[np.bool_],
    labels: Mapping[str, str],
) -> go.Figure:
    """Stored states [N] by two of their numbers, coloured by age; those that an episode ended in are ringed.

    ``labels`` has "x", "y", "x_column", "y_column", "age", "states" and "last".
    """
    columns = {"x": labels["x_column"], "y": labels["y_column"], "customdata": ["age"]}
    hover = (
        f"{labels['x']} %{{x:.3f}}<br>{labels['y']} %{{y:.3f}}<br>{labels['age']} %{{customdata[0]:,d}}<extra></extra>"
    )
    last = np.flatnonzero(terminated)
    traces = [
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            name=labels["states"],
            customdata=ages[:, None],
            hovertemplate=hover,
            marker={
                "size": 5,
                "opacity": 0.75,
                "color": ages,
                "reversescale": True,
                "colorbar": {"title": {"text": labels["age"], "side": "top"}, "thickness": 12},
            },
            meta={"scale": "sequential", "columns": columns},
        ),
        go.Scatter(
            x=x[last],
            y=y[last],
            mode="markers",
            name=labels["last"],
            customdata=ages[last][:, None],
            hovertemplate=hover,
            marker={"size": 9, "symbol": "circle-open", "line": {"width": 1.5}},
            meta={"color": "danger", "columns": columns},
        ),
    ]
    return plain_figure(traces, x_title=labels["x"], y_title=labels["y"])


def fill_figure(
    env_steps: NDArray[np.float64],
    fill: NDArray[np.float64],
    capacity: NDArray[np.float64],
    labels: Mapping[str, str],
) -> go.Figure:
    """Transitions held and room for them over the training; ``labels`` has "x", "y", "fill" and "capacity"."""
    traces = [
        go.Scatter(
            x=env_steps,
            y=fill,
            mode="lines",
            name=labels["fill"],
            fill="tozeroy",
            line={"width": 2.5},
            hovertemplate="%{y:,d}",
            meta={"color": "length", "columns": {"x": "env_step", "y": "transitions"}},
        ),
        go.Scatter(
            x=env_steps,
            y=capacity,
            mode="lines",
            name=labels["capacity"],
            line={"width": 2, "dash": "dash", "shape": "hv"},
            hovertemplate="%{y:,d}",
            meta={"color": "change", "columns": {"x": "env_step", "y": "transitions"}},
        ),
    ]
    return plain_figure(
        traces, x_title=labels["x"], y_title=labels["y"], y={"rangemode": "tozero"}, hovermode="x unified"
    )
