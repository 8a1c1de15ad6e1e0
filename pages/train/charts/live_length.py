"""Env steps of each episode."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from pages.shared.plot_theme import line_trace, live_figure

__all__ = ["figure"]


def figure(labels: Mapping[str, str]) -> go.Figure:
    """Template of the length chart; ``labels`` are those of :func:`pages.train.panel.labels`."""
    episodes = {"x": "episode", "y": "length", "color": "length"}
    traces = [
        line_trace("raw", labels["per_episode"], episodes, hovertemplate="%{y:,d}"),
        line_trace("mean_20", labels["mean_20"], {**episodes, "window": 20}, bold=True, hovertemplate="%{y:,.1f}"),
    ]
    return live_figure(
        "length",
        labels["chart_length"],
        traces,
        x_title=labels["episode"],
        unified_title=labels["hover_episode"],
        rangemode="tozero",
    )
