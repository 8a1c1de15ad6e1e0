"""How much each setting of a search matters."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from pages.shared.plot_theme import plain_figure

__all__ = ["figure"]


def figure(shares: Mapping[str, float]) -> go.Figure:
    """Shares by label, the largest on top."""
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
