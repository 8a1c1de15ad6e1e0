"""A search's trials as lines across its settings: where the good ones pass, there the good values lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dqn_core.runs.searches import SearchStatus
from pages.shared.plot_theme import plain_figure

__all__ = ["figure"]

_TICKS = 5


def figure(status: SearchStatus, labels: Mapping[str, str], *, value_label: str) -> go.Figure:
    """``labels`` name the fields."""
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
