"""Exploration per episode: the probability of a random action."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from pages.shared.plot_theme import line_trace, live_figure

__all__ = ["figure"]


def figure(labels: Mapping[str, str]) -> go.Figure:
    """Template of the epsilon chart; ``labels`` are those of :func:`pages.train.panel.labels`."""
    trace = line_trace(
        "raw",
        labels["epsilon"],
        {"x": "episode", "y": "epsilon", "color": "epsilon"},
        bold=True,
        fill="tozeroy",
        hovertemplate="%{y:.3f}",
    )
    return live_figure(
        "epsilon",
        labels["chart_epsilon"],
        [trace],
        x_title=labels["episode"],
        unified_title=labels["hover_episode"],
        rangemode="tozero",
    )
