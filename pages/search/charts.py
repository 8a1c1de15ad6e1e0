"""The figures of a search: its trials in their order, which settings matter, and which values are good."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dqn_core.runs.experiments.search_spec import SearchRange
from dqn_core.runs.experiments.searches import SearchStatus
from pages.shared.browser.plot_theme import plain_figure
from pages.shared.texts.numbers import number_text, one_two_five

__all__ = ["history", "importance", "parallel"]

_MOST_TICKS = 8
"""On an axis of powers: of more, the powers of ten alone."""
_MOST_LEVEL, _LONGEST_LEVEL = 3, 16
"""Axes, and letters in the name of one, for which there is room on a phone side by side; more stand at an angle."""
_LEAST_GAP_PX = 60
"""Between two axes: in less, the numbers of one stand on the next."""
_FEW_TRIALS = 8


def history(status: SearchStatus, *, x_title: str, y_title: str) -> go.Figure:
    """A search's trials in their order, stopped ones hollow, and the best one so far."""
    known = [trial for trial in status.trials if trial.value is not None and trial.state in {"complete", "pruned"}]
    best, so_far = [], float("-inf")
    for trial in known:
        if trial.state == "complete":
            so_far = max(so_far, trial.value or 0.0)
            best.append((trial.number, so_far))
    best_so_far = go.Scatter(
        x=[number for number, _ in best],
        y=[value for _, value in best],
        mode="lines",
        line={"width": 2, "shape": "hv"},
        hoverinfo="skip",
        meta={"color": 1},
    )
    trials = go.Scatter(
        x=[trial.number for trial in known],
        y=[trial.value for trial in known],
        customdata=[[trial.state] for trial in known],
        mode="markers",
        marker={
            "size": 9,
            "symbol": ["circle" if trial.state == "complete" else "circle-open" for trial in known],
        },
        hovertemplate="#%{x}: %{y:.4~g}<extra></extra>",
        meta={"color": 0, "columns": {"x": "trial", "y": "mean_evaluation", "customdata": ["state"]}},
    )
    x = {"dtick": 1} if len(known) <= _FEW_TRIALS else {}  # Plotly would write half trials
    return plain_figure([best_so_far, trials], x_title=x_title, y_title=y_title, x=x)


def importance(shares: Mapping[str, float]) -> go.Figure:
    """How much each setting matters: shares by label, the largest on top."""
    labels = list(shares)[::-1]
    bars = go.Bar(
        x=[shares[label] for label in labels],
        y=labels,
        orientation="h",
        texttemplate="%{x:.0%}",
        textposition="auto",
        hoverinfo="skip",
        meta={"color": 0, "columns": {"y": "setting", "x": "importance"}},
    )
    x = {"tickformat": ".0%", "rangemode": "tozero", "showgrid": True}
    return plain_figure([bars], x_title="", y_title="", x=x, y={"showgrid": False})


def parallel(
    status: SearchStatus, labels: Mapping[str, str], *, value_label: str, text: Callable[[str, Any], str]
) -> go.Figure:
    """Trials as lines across the settings: where the good ones pass, there the good values lie.

    ``labels`` name the fields, ``text`` a value of a field.
    """
    trials = [trial for trial in status.trials if trial.state == "complete" and trial.value is not None]
    values = [trial.value or 0.0 for trial in trials]
    fields = [each.field for each in status.spec.ranges]
    axes = [
        _axis(labels[each.field], [trial.changes[each.field] for trial in trials], each, text)
        for each in status.spec.ranges
    ]
    axes.append({"label": value_label, "values": values})
    is_crowded = len(axes) > _MOST_LEVEL or any(len(axis["label"]) > _LONGEST_LEVEL for axis in axes)
    lines = go.Parcoords(
        line={"color": values},
        dimensions=axes,
        labelangle=-30 if is_crowded else 0,
        labelfont={"size": 12},
        tickfont={"size": 12},
        rangefont={"color": "rgba(0, 0, 0, 0)"},  # Plotly writes an axis' ends over its title and its ticks
        customdata=[
            [trial.number, *(trial.changes[field] for field in fields), value]
            for trial, value in zip(trials, values, strict=True)
        ],
        meta={"scale": "ramp", "columns": {"customdata": ["trial", *fields, "mean_evaluation"]}},
    )
    margin = {"l": 60, "r": 100 if is_crowded else 60, "t": 112 if is_crowded else 44, "b": 16}
    least_width = margin["l"] + (len(axes) - 1) * _LEAST_GAP_PX + margin["r"]
    drawn = plain_figure([lines], x_title="", y_title="")
    return drawn.update_layout(margin=margin, meta={"least_width": least_width})


def _axis(label: str, values: Sequence[Any], searched: SearchRange, text: Callable[[str, Any], str]) -> dict[str, Any]:
    """The axis of one setting, as far as it was searched."""
    if searched.choices:
        names = [text(searched.field, each) for each in searched.choices]
        places = [names.index(text(searched.field, value)) for value in values]
        return {"label": label, "values": places, "tickvals": list(range(len(names))), "ticktext": names}
    low, high = searched.low, searched.high
    if not searched.is_log:
        return {"label": label, "values": list(values), "range": [low, high]}
    ends = math.log10(low), math.log10(high)
    ticks = [
        each for each in one_two_five(10.0 ** math.floor(ends[0]), 10.0 ** math.ceil(ends[1])) if low <= each <= high
    ]
    if len(ticks) > _MOST_TICKS:
        ticks = [each for each in ticks if math.log10(each).is_integer()]
    return {
        "label": label,
        "values": [math.log10(value) for value in values],
        "range": list(ends),
        "tickvals": [math.log10(each) for each in ticks],
        "ticktext": [number_text(each) for each in ticks],
    }
