"""The figures of the Inside page, in the order of its parts; last, those of how numbers are spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dqn_core.environments.maps import Grid
from dqn_core.inside.distributions import Histograms
from dqn_core.inside.landscape import Landscape, Plane
from dqn_core.inside.overestimation import ValueEstimate
from pages.shared.browser.plot_theme import SERIES, plain_figure

__all__ = [
    "MOST_UNITS",
    "Cells",
    "NetworkDrawing",
    "Visits",
    "bands_figure",
    "bars_figure",
    "coverage_figure",
    "epsilon_figure",
    "estimates_figure",
    "fill_figure",
    "greedy_figure",
    "map_figure",
    "network_figure",
    "shades_figure",
    "update_figure",
    "value_figure",
]

# ------------------------------------------------------------------------------------------------------------- network

MOST_UNITS = 40
"""Of a layer; of a wider one, the most active are drawn."""
_MOST_LINES = 220
"""Between two layers: the strongest."""
_STRENGTHS = (0.08, 0.2, 0.45, 0.9)
"""Opacities of lines, from weak to strong."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkDrawing:
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


def network_figure(drawing: NetworkDrawing, labels: Mapping[str, str]) -> go.Figure:
    """Each unit a dot, each strong connection a line, both coloured by what passes.

    ``labels`` has "unit", "activation", "raises" and "lowers".
    """
    shown = [_drawn_units(activation) for activation in drawing.activations]
    heights = [_heights(len(units)) for units in shown]
    traces = _connections(drawing, shown, heights, labels)
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
    return drawn.update_layout(showlegend=True, margin={"l": 24, "r": 24, "t": 30, "b": 8})


def _drawn_units(activation: NDArray[np.float32]) -> NDArray[np.int64]:
    """Units of a layer that are drawn, in their order."""
    strongest = np.argsort(-np.abs(activation), kind="stable")[:MOST_UNITS]
    return np.sort(strongest)


def _heights(count: int) -> NDArray[np.float64]:
    reach = min(1.0, 0.12 * count)
    return np.linspace(reach, -reach, count) if count > 1 else np.zeros(1)


def _units(
    drawing: NetworkDrawing,
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
        cliponaxis=False,  # on a phone, numbers reach into the margin, and one without its sign would be another
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


def _connections(
    drawing: NetworkDrawing,
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
    return [
        _connection_trace(is_positive, shade, lines, labels) for (is_positive, shade), lines in sorted(parts.items())
    ]


def _connection_trace(
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


# ---------------------------------------------------------------------------------------------------------- one update

_BATCH_COLUMNS = {"x": "target", "y": "td_error", "customdata": ["batch_row"]}


def update_figure(
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
        _batch_points(targets, before, labels, "before").update(marker={"size": 6, "symbol": "circle-open"}),
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
        traces = [_batch_ways(targets, before, after), *traces, _batch_points(targets, after, labels, "after")]
    return plain_figure(
        traces,
        x_title=labels["target"],
        y_title=labels["error"],
        shapes=[{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": {"width": 1.5}}],
        hovermode="closest",
    )


def _batch_points(x: NDArray[np.float32], y: NDArray[np.float32], labels: Mapping[str, str], when: str) -> go.Scatter:
    hover = f"{labels['row']} %{{customdata[0]}}<br>{labels['target']} %{{x:.4f}}<br>{labels['error']} %{{y:.4f}}"
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        name=labels[when],
        customdata=np.arange(len(x))[:, None],
        hovertemplate=f"{hover}<extra>{labels[when]}</extra>",
        marker={"size": 6},
        meta={"color": "evaluation" if when == "before" else "data", "columns": _BATCH_COLUMNS},
    )


def _batch_ways(x: NDArray[np.float32], before: NDArray[np.float32], after: NDArray[np.float32]) -> go.Scatter:
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


# ------------------------------------------------------------------------------------------------------------- Q-table

_MOST_ROWS_WITH_TEXT = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """What is drawn of each state on its map."""

    values: NDArray[np.float64]
    """[S]: the colour, and the number in the cell; NaN where there is none."""
    texts: Sequence[str]
    """[S]: what stands above the number: an arrow, say."""
    hovers: Sequence[str]
    """[S]"""
    digits: int = 3
    """Of the number in the cell."""


def map_figure(
    grid: Grid, frames: Sequence[tuple[str, Cells]], labels: Mapping[str, str], *, is_difference: bool = False
) -> go.Figure:
    """The newest of ``frames``, and all of them to be played; ``labels`` has "value", "row" and "column"."""
    drawn = [_cell_arrays(grid, cells) for _name, cells in frames]
    finite = np.concatenate([each["z"][np.isfinite(each["z"])] for each in drawn])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if is_difference:
        high = max(-low, high)
        low = -high
    if low == high:
        low, high = low - 0.5, high + 0.5
    heat = go.Heatmap(
        **drawn[-1],
        x=grid.columns,
        y=grid.rows,
        zmin=low,
        zmax=high,
        xgap=2,
        ygap=2,
        name=labels["value"],
        texttemplate="%{text}" if len(grid.rows) <= _MOST_ROWS_WITH_TEXT else None,
        hovertemplate="%{customdata}<extra></extra>",
        colorbar={"title": {"text": labels["value"], "side": "top"}, "thickness": 12, "x": 1.01, "xpad": 4},
        meta={
            "scale": "difference" if is_difference else "sequential",
            "columns": {"x": "column", "y": "row", "z": "value"},
        },
    )
    figure = plain_figure(
        [heat],
        x_title=labels["column"],
        y_title=labels["row"],
        x={"type": "category"},
        y={"type": "category", "showgrid": False, "autorange": "reversed", "nticks": len(grid.rows)},
        shapes=[_wall(*each) for each in grid.walls],
    )
    figure.frames = [
        go.Frame(name=name, data=[go.Heatmap(**each)]) for (name, _cells), each in zip(frames, drawn, strict=True)
    ]
    return figure


def _cell_arrays(grid: Grid, cells: Cells) -> dict[str, Any]:
    """Colours [R, C], texts and hover texts [R][C]."""
    states, is_state = grid.states, grid.states >= 0
    texts = [
        [_cell_text(cells, state, mark) for state, mark in zip(row, marks, strict=True)]
        for row, marks in zip(states.tolist(), grid.marks, strict=True)
    ]
    hovers = [[cells.hovers[state] if state >= 0 else "" for state in row] for row in states.tolist()]
    return {"z": np.where(is_state, cells.values[states], np.nan), "text": texts, "customdata": hovers}


def _cell_text(cells: Cells, state: int, mark: str) -> str:
    """The map's mark, what is done, and the value below."""
    head = " ".join(filter(None, (mark, cells.texts[state] if state >= 0 else "")))
    if state < 0 or not np.isfinite(cells.values[state]):
        return head
    number = f"{cells.values[state]:.{cells.digits}g}"
    return f"{head}<br>{number}" if head else number


def _wall(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any]:
    return {"type": "line", "x0": x0, "y0": y0, "x1": x1, "y1": y1, "line": {"width": 4, "color": "#8a8f98"}}


# --------------------------------------------------------------------------------------------------------- Q landscape


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


# ------------------------------------------------------------------------------------------------------- replay memory


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
                "colorbar": {
                    "title": {"text": labels["age"], "side": "top"},
                    "thickness": 12,
                    "separatethousands": True,
                },
            },
            meta={"scale": "points", "columns": columns},
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


# ------------------------------------------------------------------------------------------------------ overestimation


def estimates_figure(estimates: Sequence[ValueEstimate], labels: Mapping[str, str]) -> go.Figure:
    """Means over the episodes of each snapshot as lines, single episodes as points.

    Episodes cut off at the step limit are hollow. ``labels`` has "x", "y", "predicted", "got", "single", "seed" and
    "length".
    """
    env_steps = sorted({each.env_step for each in estimates})  # one a snapshot
    means = {
        name: [float(np.mean([getattr(each, name) for each in estimates if each.env_step == at])) for at in env_steps]
        for name in ("predicted", "got")
    }
    roles = {"predicted": "evaluation", "got": "goal"}
    traces = []
    for name, role in roles.items():
        traces += [
            _estimate_points(estimates, name, role, labels),
            _estimate_line(env_steps, means[name], name, role, labels),
        ]
    return plain_figure(traces, x_title=labels["x"], y_title=labels["y"], hovermode="closest")


def _estimate_points(estimates: Sequence[ValueEstimate], name: str, role: str, labels: Mapping[str, str]) -> go.Scatter:
    return go.Scatter(
        x=[each.env_step for each in estimates],
        y=[getattr(each, name) for each in estimates],
        mode="markers",
        name=f"{labels[name]} · {labels['single']}",
        showlegend=False,
        opacity=0.45,
        marker={"size": 6, "symbol": ["circle-open" if each.truncated else "circle" for each in estimates]},
        customdata=[[each.seed, each.length, each.episode_return, each.truncated] for each in estimates],
        hovertemplate=f"{labels[name]} %{{y:.3f}}<br>{labels['seed']} %{{customdata[0]}}, "
        f"{labels['length']} %{{customdata[1]}}<extra></extra>",
        meta={
            "color": role,
            "columns": {
                "x": "env_step",
                "y": "discounted_return",
                "customdata": ["seed", "length", "episode_return", "truncated"],
            },
        },
    )


def _estimate_line(
    env_steps: Sequence[int], means: Sequence[float], name: str, role: str, labels: Mapping[str, str]
) -> go.Scatter:
    return go.Scatter(
        x=list(env_steps),
        y=list(means),
        mode="lines+markers" if len(env_steps) == 1 else "lines",
        name=labels[name],
        line={"width": 2.5, "dash": "dash" if name == "predicted" else "solid"},
        hovertemplate=f"{labels[name]} %{{y:.3f}}<extra></extra>",
        meta={"color": role, "columns": {"x": "env_step", "y": "discounted_return"}},
    )


def epsilon_figure(
    env_steps: NDArray[np.float64], epsilons: NDArray[np.float64], labels: Mapping[str, str]
) -> go.Figure:
    """Share of random actions in each episode; ``labels`` has "x" and "epsilon"."""
    line = go.Scatter(
        x=env_steps,
        y=epsilons,
        mode="lines",
        name=labels["epsilon"],
        fill="tozeroy",
        line={"width": 2.5},
        hovertemplate="%{y:.3f}<extra></extra>",
        meta={"color": "epsilon", "columns": {"x": "env_step", "y": "epsilon"}},
    )
    return plain_figure([line], x_title=labels["x"], y_title=labels["epsilon"], y={"rangemode": "tozero"})


# -------------------------------------------------------------------------------------------------------------- spread


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
        _band_edge(x, levels[:, 0], "5 %"),
        _band_edge(x, levels[:, 4], labels["most"], alpha=0.14),
        _band_edge(x, levels[:, 1], "25 %"),
        _band_edge(x, levels[:, 3], labels["half"], alpha=0.28),
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


def _band_edge(x: Sequence[int], y: NDArray[np.float64], name: str, alpha: float | None = None) -> go.Scatter:
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
