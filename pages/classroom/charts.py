"""The figures of a class: a setting against the result, all settings at once, and the curves of all runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dqn_core.runs.classes.results import MemberRun
from pages.shared.browser.plot_theme import plain_figure

__all__ = ["curves", "parallel", "scatter"]

_FAINT = 0.35
_MOST_NAMES = 6
"""Runs that a legend names; of more, it names the best alone."""


def scatter(runs: Sequence[MemberRun], field: str, *, x_title: str, y_title: str, is_log: bool) -> go.Figure:
    """A point a run: the value of the setting ``field`` and the best evaluation, named by nickname."""
    known = [each for each in runs if math.isfinite(each.score)]
    values = [_plain(each.run.initial_config.value(field)) for each in known]
    points = go.Scatter(
        x=values,
        y=[each.score for each in known],
        customdata=[[each.member.nickname, each.run.initial_config.seed] for each in known],
        mode="markers",
        marker={"size": 11, "opacity": 0.75},
        hovertemplate="%{customdata[0]}: %{y:.4~g}<extra></extra>",
        meta={"color": 0, "columns": {"x": field, "y": "best_evaluation", "customdata": ["nickname", "seed"]}},
    )
    are_numbers = all(isinstance(each, (int, float)) for each in values)
    x = {"type": "log" if is_log and all(each > 0 for each in values) else "linear" if are_numbers else "category"}
    return plain_figure([points], x_title=x_title, y_title=y_title, x=x)


def parallel(runs: Sequence[MemberRun], labels: Mapping[str, str], *, value_label: str) -> go.Figure:
    """Runs as lines across the settings in ``labels``: where the good ones pass, there the good values lie."""
    known = [each for each in runs if math.isfinite(each.score)]
    scores = [each.score for each in known]
    columns = {name: [_plain(each.run.initial_config.value(name)) for each in known] for name in labels}
    axes = [_axis(label, columns[name]) for name, label in labels.items()]
    lines = go.Parcoords(
        line={"color": scores},
        dimensions=[*axes, {"label": value_label, "values": scores}],
        customdata=[
            [each.member.nickname, *values, each.score] for each, *values in zip(known, *columns.values(), strict=True)
        ],
        meta={"scale": "ramp", "columns": {"customdata": ["nickname", *labels, "best_evaluation"]}},
    )
    drawn = plain_figure([lines], x_title="", y_title="")
    return drawn.update_layout(margin={"l": 60, "r": 60, "t": 50, "b": 24})


def curves(
    runs: Sequence[MemberRun], points: Mapping[str, Sequence[float]], best: str, *, x_title: str, y_title: str
) -> go.Figure:
    """The returns of all runs over each other, from the beginning of each to its end; the run ``best`` stands out.

    ``points`` are means of equally many episodes, by run.
    """
    in_order = sorted(runs, key=lambda each: each.run.run_id == best)  # the best on top
    lines = [
        go.Scatter(
            x=[100.0 * (place + 1) / len(shown) for place in range(len(shown))],
            y=list(shown),
            mode="lines",
            name=each.member.nickname,
            showlegend=len(runs) <= _MOST_NAMES or each.run.run_id == best,
            line={"width": 3.5 if each.run.run_id == best else 1.5},
            opacity=1.0 if each.run.run_id == best else _FAINT,
            hovertemplate="%{y:.4~g}<extra>%{fullData.name}</extra>",
            meta={"color": 1 if each.run.run_id == best else 0, "columns": {"x": "percent_of_run", "y": "return"}},
        )
        for each in in_order
        if (shown := points.get(each.run.run_id))
    ]
    drawn = plain_figure(lines, x_title=x_title, y_title=y_title, x={"ticksuffix": " %"})
    return drawn.update_layout(showlegend=True)  # of a single name too


def _axis(label: str, values: Sequence[Any]) -> dict[str, Any]:
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return {"label": label, "values": list(values)}
    names = sorted({str(value) for value in values})
    places = [names.index(str(value)) for value in values]
    return {"label": label, "values": places, "tickvals": list(range(len(names))), "ticktext": names}


def _plain(value: Any) -> Any:
    """A number, or a text that a figure can show."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number else ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
