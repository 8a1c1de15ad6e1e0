"""A search's trials in their order, and the best one so far."""

from __future__ import annotations

import plotly.graph_objects as go

from dqn_core.runs.searches import SearchStatus
from pages.shared.plot_theme import plain_figure

__all__ = ["figure"]


def figure(status: SearchStatus, *, x_title: str, y_title: str) -> go.Figure:
    """Each trial's value; stopped ones hollow."""
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
    return plain_figure([best_so_far, trials], x_title=x_title, y_title=y_title)
