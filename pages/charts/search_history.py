"""A search's trials in their order, and the best one so far."""

from __future__ import annotations

import plotly.graph_objects as go

from dqn_core.runs.searches import SearchStatus
from pages.charts.search_style import in_tone
from pages.charts.theme import SERIES

__all__ = ["figure"]


def figure(status: SearchStatus, x_title: str, y_title: str, tone: str) -> go.Figure:
    """Each trial's value; stopped ones hollow; ``tone`` is "light" or "dark"."""
    main, second, *_ = SERIES[tone]
    known = [trial for trial in status.trials if trial.value is not None and trial.state in {"complete", "pruned"}]
    drawn = go.Figure()
    best, so_far = [], float("-inf")
    for trial in known:
        if trial.state == "complete":
            so_far = max(so_far, trial.value or 0.0)
            best.append((trial.number, so_far))
    drawn.add_scatter(
        x=[number for number, _ in best],
        y=[value for _, value in best],
        mode="lines",
        line={"color": second, "width": 2, "shape": "hv"},
        hoverinfo="skip",
    )
    drawn.add_scatter(
        x=[trial.number for trial in known],
        y=[trial.value for trial in known],
        mode="markers",
        marker={
            "color": main,
            "size": 9,
            "symbol": ["circle" if trial.state == "complete" else "circle-open" for trial in known],
        },
        hovertemplate="#%{x}: %{y:.4~g}<extra></extra>",
    )
    drawn.update_layout(xaxis={"title": {"text": x_title}}, yaxis={"title": {"text": y_title}})
    return in_tone(drawn, tone)
