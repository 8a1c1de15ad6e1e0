"""The Q-network as a drawing: each unit a dot, each strong connection a line, both coloured by what passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.shared.plot_theme import plain_figure

__all__ = ["MOST_UNITS", "Drawing", "figure"]

MOST_UNITS = 40
"""Of a layer; of a wider one, the most active are drawn."""
_MOST_LINES = 220
"""Between two layers: the strongest."""
_STRENGTHS = (0.08, 0.2, 0.45, 0.9)
"""Opacities of lines, from weak to strong."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """What is drawn."""

    activations: Sequence[NDArray[np.float32]]
    """What enters each layer, and what leaves the last."""
    weights: Sequence[NDArray[np.float32]]
    """[out, in] of each layer."""
    titles: Sequence[str]
    """Of each column of units."""
    names: Mapping[int, Sequence[str]]
    """Names of the units of a column: the observation's numbers, the outputs."""
    chosen: int | None
    """Output that the agent chooses; None where outputs are no actions."""


def figure(drawing: Drawing, labels: Mapping[str, str]) -> go.Figure:
    """``labels`` has "unit", "activation", "raises" and "lowers"."""
    shown = [_shown(activation) for activation in drawing.activations]
    heights = [_heights(len(units)) for units in shown]
    traces = _lines(drawing, shown, heights, labels)
    for column, units in enumerate(shown):
        traces.append(_units(drawing, column, units, heights[column], labels))
    titles = [
        {"x": column, "y": 1.06, "text": title, "showarrow": False, "yanchor": "bottom"}
        for column, title in enumerate(drawing.titles)
    ]
    blank = {"visible": False, "fixedrange": True}
    drawn = plain_figure(
        traces,
        x_title="",
        y_title="",
        x={**blank, "range": [-0.45, len(shown) - 0.5]},
        y={**blank, "range": [-1.1, 1.22]},
        annotations=titles,
        hovermode="closest",
    )
    return drawn.update_layout(showlegend=True, margin={"l": 8, "r": 8, "t": 30, "b": 8})


def _shown(activation: NDArray[np.float32]) -> NDArray[np.int64]:
    """Units of a layer that are drawn, in their order."""
    strongest = np.argsort(-np.abs(activation), kind="stable")[:MOST_UNITS]
    return np.sort(strongest)


def _heights(count: int) -> NDArray[np.float64]:
    reach = min(1.0, 0.12 * count)
    return np.linspace(reach, -reach, count) if count > 1 else np.zeros(1)


def _units(
    drawing: Drawing,
    column: int,
    units: NDArray[np.int64],
    heights: NDArray[np.float64],
    labels: Mapping[str, str],
) -> go.Scatter:
    values = drawing.activations[column][units]
    names = drawing.names.get(column)
    called = [names[unit] if names else f"{labels['unit']} {unit}" for unit in units]
    scale = float(np.abs(drawing.activations[column]).max()) or 1.0
    is_output = column == len(drawing.activations) - 1
    texts = [f"{value:.3g}" for value in values] if names else None
    sizes = [17 if is_output and unit == drawing.chosen else 11 if names else 9 for unit in units]
    return go.Scatter(
        x=np.full(len(units), float(column)),
        y=heights,
        mode="markers+text" if names else "markers",
        text=texts,
        textposition="middle right" if is_output else "middle left",
        textfont={"size": 12},
        customdata=[[name, float(value), drawing.titles[column]] for name, value in zip(called, values, strict=True)],
        hovertemplate="%{customdata[0]}<br>" + labels["activation"] + " %{customdata[1]:.4f}<extra></extra>",
        marker={
            "size": sizes,
            "color": np.abs(values) / scale,
            "cmin": 0,
            "cmax": 1,
            "showscale": False,
            "line": {"width": 1, "color": "rgba(128, 140, 140, 0.8)"},
        },
        showlegend=False,
        name=drawing.titles[column],
        meta={"scale": "density", "columns": {"customdata": ["unit", "activation", "layer"]}},
    )


def _lines(
    drawing: Drawing,
    shown: Sequence[NDArray[np.int64]],
    heights: Sequence[NDArray[np.float64]],
    labels: Mapping[str, str],
) -> list[go.Scatter]:
    """Connections in as few traces as there are shades: what a unit passes on is weight times activation."""
    parts: dict[tuple[bool, int], list[NDArray[np.float64]]] = {}
    for column, weight in enumerate(drawing.weights):
        below, above = shown[column], shown[column + 1]
        passed = weight[np.ix_(above, below)] * drawing.activations[column][below]
        strongest = np.argsort(-np.abs(passed), axis=None)[:_MOST_LINES]
        top = float(np.abs(passed).max(initial=0.0))
        for place in strongest:
            to, start = np.unravel_index(place, passed.shape)
            value = float(passed[to, start])
            if value == 0.0:
                break
            shade = min(len(_STRENGTHS) - 1, int(abs(value) / top * len(_STRENGTHS)))
            line = np.array([[column, heights[column][start]], [column + 1, heights[column + 1][to]], [np.nan, np.nan]])
            parts.setdefault((value > 0, shade), []).append(line)
    return [_line_trace(is_positive, shade, lines, labels) for (is_positive, shade), lines in sorted(parts.items())]


def _line_trace(
    is_positive: bool, shade: int, lines: Sequence[NDArray[np.float64]], labels: Mapping[str, str]
) -> go.Scatter:
    points = np.concatenate(lines)
    return go.Scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="lines",
        line={"width": 1 + 0.5 * shade},
        opacity=_STRENGTHS[shade],
        hoverinfo="skip",
        name=labels["raises" if is_positive else "lowers"],
        legendgroup=str(is_positive),
        showlegend=shade == len(_STRENGTHS) - 1,
        meta={"color": "data" if is_positive else "evaluation"},
    )
