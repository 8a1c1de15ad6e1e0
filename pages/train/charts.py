"""The live charts: templates, which the live panel in the browser fills.

A template is layout and styled, empty traces. Each trace's ``meta`` says with what it is filled:

``x``, ``y``    columns of the episodes on the wire; ``y`` "goal" stands for the goal's score at both ends of x
``window``      where present, y is the moving mean of this many newest values
``color``       role in :data:`~pages.shared.browser.plot_theme.PALETTE`; the panel takes the page's light or dark tone
``key``         name of the trace, stable over languages

Text and lines of the axes take the page's own colours, which only the browser knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

__all__ = ["LIVE_CHARTS", "live_figures"]

_FAINT = 0.35
"""Opacity of values before smoothing, so that the mean over them stands out."""
_POINTS = {
    "mode": "markers",
    "marker": {"symbol": "diamond", "size": 7, "line": {"width": 1}},
    "cliponaxis": False,
    "opacity": 0.85,
}
"""Told from lines by their shape as well as by their colour."""


@dataclass(frozen=True, kw_only=True)
class _Trace:
    """One series: the ``key`` of the trace, the name of its label, what fills it and how it looks."""

    key: str
    label: str
    y: str
    color: str
    value: str = ""
    """Template of the value in the hover box."""
    window: int = 0
    bold: bool = False
    """The series to look at; otherwise the faint one behind it."""
    style: Mapping[str, Any] = field(default_factory=dict)

    def drawn(self, labels: Mapping[str, str]) -> go.Scatter:
        meta: dict[str, Any] = {"key": self.key, "x": "episode", "y": self.y, "color": self.color}
        if self.window:
            meta["window"] = self.window
        line = {"mode": "lines", "line": {"width": 2.5 if self.bold else 1.25}, "opacity": 1.0 if self.bold else _FAINT}
        hover = {"hovertemplate": self.value} if self.value else {}
        look = self.style if "mode" in self.style else _joined(line, self.style)
        return go.Scatter(x=[], y=[], name=labels[self.label], meta=meta, **hover, **look)


@dataclass(frozen=True, kw_only=True)
class _LiveChart:
    """One chart: its name in the page (``chart-<id>``) and in pictures, its traces, what is special of its y axis."""

    id: str
    traces: tuple[_Trace, ...]
    y: Mapping[str, Any] = field(default_factory=dict)
    has_log_switch: bool = False
    has_mark_labels: bool = False
    """Whether live changes are named in it; in the others a line marks them."""
    is_robust: bool = False
    """Whether a few values far below the rest leave its y axis as it is, and a mark at its lower end says so."""
    is_optional: bool = False
    """Shown only for a run that has values of its first trace."""


_RETURN, _LOSS, _LENGTH = "%{y:,.1f}", "%{y:.4~g}", "%{y:,d}"

LIVE_CHARTS = (
    _LiveChart(
        id="return",
        has_mark_labels=True,
        is_robust=True,
        traces=(
            _Trace(key="raw", label="per_episode", y="return", color="data", value=_RETURN),
            _Trace(
                key="evaluation", label="evaluation", y="eval_return", color="evaluation", value=_RETURN, style=_POINTS
            ),
            _Trace(key="mean_20", label="mean_20", y="return", color="data", value=_RETURN, window=20, bold=True),
            _Trace(
                key="mean_100",
                label="mean_100",
                y="return",
                color="mean_long",
                value=_RETURN,
                window=100,
                bold=True,
                style={"line": {"dash": "dash", "width": 2}, "visible": False},
            ),
            _Trace(
                key="goal",
                label="goal",
                y="goal",
                color="goal",
                bold=True,
                style={"line": {"dash": "dot", "width": 1.75}, "hoverinfo": "skip"},
            ),
        ),
    ),
    _LiveChart(
        id="shaped_return",
        traces=(
            _Trace(key="raw", label="per_episode", y="shaped_return", color="mean_long", value=_RETURN),
            _Trace(
                key="mean_20",
                label="mean_20",
                y="shaped_return",
                color="mean_long",
                value=_RETURN,
                window=20,
                bold=True,
            ),
        ),
        is_optional=True,
    ),
    _LiveChart(
        id="loss",
        traces=(
            _Trace(key="raw", label="per_episode", y="loss_mean", color="loss", value=_LOSS),
            _Trace(key="mean_20", label="mean_20", y="loss_mean", color="loss", value=_LOSS, window=20, bold=True),
        ),
        y={"rangemode": "tozero", "tickformat": "~g"},
        has_log_switch=True,
    ),
    _LiveChart(
        id="length",
        traces=(
            _Trace(key="raw", label="per_episode", y="length", color="length", value=_LENGTH),
            _Trace(key="mean_20", label="mean_20", y="length", color="length", value=_RETURN, window=20, bold=True),
        ),
        y={"rangemode": "tozero"},
    ),
    _LiveChart(
        id="epsilon",
        traces=(
            _Trace(
                key="raw",
                label="epsilon",
                y="epsilon",
                color="epsilon",
                value="%{y:.3f}",
                bold=True,
                style={"fill": "tozeroy"},
            ),
        ),
        y={"rangemode": "tozero"},
    ),
)
"""The charts of the panel, in their order: a further one is a further entry, and a label ``chart_<id>``."""


def live_figures(labels: Mapping[str, str]) -> list[go.Figure]:
    """The templates; ``labels`` are those of :func:`pages.train.labels.labels`."""
    return [_figure(chart, labels) for chart in LIVE_CHARTS]


def _figure(chart: _LiveChart, labels: Mapping[str, str]) -> go.Figure:
    options = {"log_switch": True} if chart.has_log_switch else {}
    options |= {"is_optional": True} if chart.is_optional else {}
    options |= {"mark_labels": True} if chart.has_mark_labels else {}
    options |= {"robust": True} if chart.is_robust else {}
    figure = go.Figure(data=[trace.drawn(labels) for trace in chart.traces])
    figure.layout.template = None
    figure.update_layout(
        meta={"id": chart.id, "title": labels[f"chart_{chart.id}"], **options},
        uirevision="live",
        autosize=False,
        showlegend=False,
        hovermode="x unified",
        dragmode="zoom",
        margin={"l": 50, "r": 14, "t": 10, "b": 46, "pad": 0},
        xaxis={
            "title": {"text": labels["episode"], "standoff": 2, "font": {"size": 12}},
            "unifiedhovertitle": {"text": labels["hover_episode"]},  # where %{x} stands for the episode
            "rangemode": "tozero",
            "zeroline": False,
            "showgrid": False,
            "ticks": "outside",
            "ticklen": 4,
            "nticks": 8,
            "tickformat": ",d",
        },
        yaxis={"zeroline": False, "nticks": 6, "separatethousands": True, **chart.y},
    )
    return figure


def _joined(plain: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """``plain`` with what is ``own``, the line's parts one by one."""
    return {**plain, **own, "line": {**plain["line"], **own.get("line", {})}}
