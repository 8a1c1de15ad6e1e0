"""A search's trials as lines across its settings: where the good ones pass, there the good values lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dqn_core.runs.searches import SearchStatus
from pages.charts.search_style import in_tone

__all__ = ["figure"]

_TICKS = 5


def figure(status: SearchStatus, labels: Mapping[str, str], value_label: str, tone: str) -> go.Figure:
    """``labels`` name the fields; ``tone`` is "light" or "dark"."""
    trials = [trial for trial in status.trials if trial.state == "complete" and trial.value is not None]
    values = [trial.value or 0.0 for trial in trials]
    axes = [
        _axis(labels[each.field], [trial.changes[each.field] for trial in trials], is_log=each.is_log)
        for each in status.spec.ranges
    ]
    scale = ["#b7d9d4", "#0f766e"] if tone == "light" else ["#28504c", "#4fd1bf"]
    drawn = go.Figure(
        go.Parcoords(
            line={"color": values, "colorscale": [[0.0, scale[0]], [1.0, scale[1]]]},
            dimensions=[*axes, {"label": value_label, "values": values}],
        )
    )
    return in_tone(drawn, tone).update_layout(margin={"l": 60, "r": 60, "t": 50, "b": 24})


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
