"""What a search's figures have in common."""

from __future__ import annotations

import plotly.graph_objects as go

__all__ = ["in_tone"]

_HEIGHT = 300


def in_tone(drawn: go.Figure, tone: str) -> go.Figure:
    """``drawn`` on the light or the dark page."""
    text, grid = ("#1b2a2b", "#d5dedc") if tone == "light" else ("#e3ecea", "#2b3a3b")
    axis = {"gridcolor": grid, "zerolinecolor": grid}
    return drawn.update_layout(
        height=_HEIGHT,
        showlegend=False,
        margin={"l": 58, "r": 18, "t": 14, "b": 48},
        font={"family": "sans-serif", "color": text, "size": 13},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        xaxis=axis,
        yaxis=axis,
    )
