"""Q over a plane of states, snapshot after snapshot: how much is expected, and what would be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dqn_core.inside.landscape import Landscape, Plane
from pages.shared.plot_theme import SERIES, plain_figure

__all__ = ["Visits", "greedy_figure", "value_figure"]


@dataclass(frozen=True, eq=False)
class Visits:
    """Where the agent has been in the plane."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    chosen: tuple[float, float]
    """The state that fixes the other numbers."""


def value_figure(
    plane: Plane, snapshots: Sequence[tuple[str, Landscape]], visits: Visits, labels: Mapping[str, str]
) -> go.Figure:
    """max_a Q(s, a); ``labels`` has "x", "y", "max_q", "visited" and "chosen".

    One scale of colours for all snapshots, so that the growth of Q is seen.
    """
    heights = [seen.max_q for _, seen in snapshots]
    heat = _heat(plane, heights[-1], labels, "max_q").update(
        zmin=min(float(np.min(each)) for each in heights),
        zmax=max(float(np.max(each)) for each in heights),
        zsmooth="best",
        colorbar={"title": {"text": labels["max_q"], "side": "top"}, "thickness": 12, "x": 1.01, "xpad": 4},
        meta={"scale": "sequential", "columns": {"x": labels["x_column"], "y": labels["y_column"], "z": "max_q"}},
    )
    figure = _plane_figure(heat, visits, labels)
    figure.frames = [go.Frame(name=name, data=[go.Heatmap(z=seen.max_q)]) for name, seen in snapshots]
    return figure


def greedy_figure(
    plane: Plane,
    snapshots: Sequence[tuple[str, Landscape]],
    visits: Visits,
    labels: Mapping[str, str],
    names: Sequence[str],
) -> go.Figure:
    """The greedy action; ``names`` are the actions', the other ``labels`` as for :func:`value_figure`."""
    count = len(names)
    heat = _heat(plane, snapshots[-1][1].greedy, labels, "greedy").update(
        zmin=-0.5,
        zmax=count - 0.5,
        colorbar={"tickvals": list(range(count)), "ticktext": list(names), "thickness": 12, "x": 1.01, "xpad": 4},
        meta={
            "scale": {"steps": [action % len(SERIES["light"]) for action in range(count)]},
            "columns": {"x": labels["x_column"], "y": labels["y_column"], "z": "greedy_action"},
        },
    )
    figure = _plane_figure(heat, visits, labels)
    figure.frames = [go.Frame(name=name, data=[go.Heatmap(z=seen.greedy.astype(np.int8))]) for name, seen in snapshots]
    return figure


def _heat(plane: Plane, z: NDArray[np.generic], labels: Mapping[str, str], what: str) -> go.Heatmap:
    hover = f"{labels['x']} %{{x:.3f}}<br>{labels['y']} %{{y:.3f}}<br>{labels[what]} %{{z:.3f}}<extra></extra>"
    return go.Heatmap(x=plane.x_values, y=plane.y_values, z=z, hovertemplate=hover, name=labels[what])


def _plane_figure(heat: go.Heatmap, visits: Visits, labels: Mapping[str, str]) -> go.Figure:
    rim = {"color": "rgba(255, 255, 255, 0.75)", "width": 0.6}
    marker = {"size": 4, "color": "rgba(20, 20, 20, 0.55)", "line": rim}
    x, y = visits.chosen
    traces = [
        heat,
        go.Scatter(x=visits.x, y=visits.y, mode="markers", marker=marker, name=labels["visited"], hoverinfo="skip"),
        go.Scatter(
            x=[x],
            y=[y],
            mode="markers",
            marker={"size": 15, "symbol": "x", "color": "#ffffff", "line": {"color": "#111111", "width": 2}},
            name=labels["chosen"],
            hovertemplate=f"{labels['chosen']}<extra></extra>",
        ),
    ]
    ranges = ([float(values[0]), float(values[-1])] for values in (heat.x, heat.y))
    x_range, y_range = ranges
    return plain_figure(
        traces,
        x_title=labels["x"],
        y_title=labels["y"],
        x={"range": x_range, "ticks": "outside"},
        y={"range": y_range, "ticks": "outside", "showgrid": False},
    )
