"""Return per episode: each one faintly, moving means, evaluations, and the goal."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from pages.shared.plot_theme import line_trace, live_figure, marker_trace

__all__ = ["figure"]


def figure(labels: Mapping[str, str]) -> go.Figure:
    """Template of the return chart; ``labels`` are those of :func:`pages.train.panel.labels`."""
    value = "%{y:,.1f}"
    episodes = {"x": "episode", "y": "return", "color": "data"}
    traces = [
        line_trace("raw", labels["per_episode"], episodes, hovertemplate=value),
        marker_trace(
            "evaluation",
            labels["evaluation"],
            {"x": "episode", "y": "eval_return", "color": "evaluation"},
            hovertemplate=value,
            opacity=0.85,
        ),
        line_trace("mean_20", labels["mean_20"], {**episodes, "window": 20}, bold=True, hovertemplate=value),
        line_trace(
            "mean_100",
            labels["mean_100"],
            {**episodes, "window": 100, "color": "mean_long"},
            bold=True,
            line={"dash": "dash", "width": 2},
            hovertemplate=value,
            visible=False,
        ),
        line_trace(
            "goal",
            labels["goal"],
            {"x": "episode", "y": "goal", "color": "goal"},
            bold=True,
            line={"dash": "dot", "width": 1.75},
            hoverinfo="skip",
        ),
    ]
    return live_figure(
        "return",
        labels["chart_return"],
        traces,
        x_title=labels["episode"],
        unified_title=labels["hover_episode"],
    )
