"""How much each setting of a search matters."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from pages.charts.search_style import in_tone
from pages.charts.theme import SERIES

__all__ = ["figure"]


def figure(shares: Mapping[str, float], tone: str) -> go.Figure:
    """Shares by label, the largest on top; ``tone`` is "light" or "dark"."""
    labels = list(shares)[::-1]
    drawn = go.Figure()
    drawn.add_bar(
        x=[shares[label] for label in labels],
        y=labels,
        orientation="h",
        marker={"color": SERIES[tone][0]},
        texttemplate="%{x:.0%}",
        textposition="auto",
        hoverinfo="skip",
    )
    drawn.update_layout(xaxis={"tickformat": ".0%", "rangemode": "tozero"}, yaxis={"automargin": True})
    return in_tone(drawn, tone)
