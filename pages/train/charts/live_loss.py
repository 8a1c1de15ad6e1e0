"""Mean loss of each episode's updates; its y axis can be switched to a logarithm."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from pages.shared.plot_theme import line_trace, live_figure

__all__ = ["figure"]


def figure(labels: Mapping[str, str]) -> go.Figure:
    """Template of the loss chart; ``labels`` are those of :func:`pages.train.panel.labels`."""
    value = "%{y:.4~g}"
    episodes = {"x": "episode", "y": "loss_mean", "color": "loss"}
    traces = [
        line_trace("raw", labels["per_episode"], episodes, hovertemplate=value),
        line_trace("mean_20", labels["mean_20"], {**episodes, "window": 20}, bold=True, hovertemplate=value),
    ]
    return live_figure(
        "loss",
        labels["chart_loss"],
        traces,
        x_title=labels["episode"],
        unified_title=labels["hover_episode"],
        rangemode="tozero",
        tickformat="~g",
    ).update_layout(meta={"id": "loss", "title": labels["chart_loss"], "log_switch": True})
