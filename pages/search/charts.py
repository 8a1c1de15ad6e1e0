"""The figures of a search: its trials in their order, which settings matter, and which values are good."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dqn_core.runs.experiments.searches import SearchStatus
from pages.shared.plot_theme import plain_figure

__all__ = ["history", "importance", "parallel"]

_TICKS = 5
"""On an axis of powers."""
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


def parallel(status: SearchStatus, labels: Mapping[str, str], *, value_label: str) -> go.Figure:
    """Trials as lines across the settings: where the good ones pass, there the good values lie.

    ``labels`` name the fields.
    """
    trials = [trial for trial in status.trials if trial.state == "complete" and trial.value is not None]
    values = [trial.value or 0.0 for trial in trials]
    fields = [each.field for each in status.spec.ranges]
    axes = [
        _axis(labels[each.field], [trial.changes[each.field] for trial in trials], is_log=each.is_log)
        for each in status.spec.ranges
    ]
    lines = go.Parcoords(
        line={"color": values},
        dimensions=[*axes, {"label": value_label, "values": values}],
        customdata=[
            [trial.number, *(trial.changes[field] for field in fields), value]
            for trial, value in zip(trials, values, strict=True)
        ],
        meta={"scale": "ramp", "columns": {"customdata": ["trial", *fields, "mean_evaluation"]}},
    )
    drawn = plain_figure([lines], x_title="", y_title="")
    return drawn.update_layout(margin={"l": 60, "r": 60, "t": 50, "b": 24})


def _axis(label: str, values: Sequence[Any], *, is_log: bool) -> dict[str, Any]:
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        names = sorted({str(value) for value in values})
        places = [names.index(str(value)) for value in values]
        return {"label": label, "values": places, "tickvals": list(range(len(names))), "ticktext": names}
    if not is_log:
        return {"label": label, "values": list(values)}
    powers = [math.log10(value) for value in values]
    low, high = min(powers), max(powers)
    ticks = [low + (high - low) * place / (_TICKS - 1) for place in range(_TICKS)]
    return {"label": label, "values": powers, "tickvals": ticks, "ticktext": [f"{10**tick:.2g}" for tick in ticks]}
