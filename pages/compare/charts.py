"""Curves of several runs over each other: means with bands, single runs, and marks of live changes.

Each trace's ``meta`` has ``group`` (the place of its group, which gives colour and dash) and ``part``: "band", "mean",
"run", "raw" (before smoothing), "mark" (a live change) or "count" (where fewer runs are left). The browser gives the
traces their colours; those of a file have them already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dqn_core.analysis.bands import Band, thinned, within
from dqn_core.analysis.comparison import ChangeMark, Choices, GroupLine, RunLine
from dqn_core.analysis.episode_table import Curve
from pages.compare.words import FigureTexts
from pages.shared.browser.plot_theme import DASHES, INK, SERIES

__all__ = ["Drawing", "View", "figure", "figure_html", "figure_json"]

_FAINT = 0.3
_BAND_OPACITY = 0.18
_LEAST_POINTS = 150
_CURTAIN = 8
"""Of more runs than this, the curves before smoothing become fainter, lest they hide the smoothed ones."""
_UNIFIED_HOVER = 8
"""With more lines than this, a box that names them all would cover them."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What of the curves is wanted: everything, or as much as a screen can show of a part of x."""

    points: int | None = None
    """Points of all lines together, about; None for every one."""
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What a figure is made from."""

    bands: Sequence[GroupLine]
    runs: Sequence[RunLine]
    marks: Mapping[str, Sequence[tuple[ChangeMark, str]]]
    """Live changes with their texts, by run id."""
    choices: Choices
    texts: FigureTexts


def figure(drawing: Drawing, view: View) -> go.Figure:
    """The figure without colours."""
    choices, texts = drawing.choices, drawing.texts
    traces = [trace for line in drawing.bands for trace in _group_traces(line, choices, texts)]
    shown = _Shown(view, _limit(drawing, view), faint=_FAINT * min(1.0, _CURTAIN / max(1, len(drawing.runs))))
    has_mean = {line.group for line in drawing.bands}
    for line in drawing.runs:
        traces += _run_traces(line, choices, texts, shown, is_thin=line.group in has_mean)
        traces += _mark_trace(line, drawing.marks.get(line.run.run_id, ()))
    drawn = go.Figure(data=sorted(traces, key=lambda trace: _DEPTH[trace.meta["part"]]))
    drawn.layout.template = None
    lines = len(drawing.bands) + len(drawing.runs)
    is_crowded = lines > _UNIFIED_HOVER or not drawing.bands
    return drawn.update_layout(_layout(choices, texts, is_crowded=is_crowded))


def figure_json(drawing: Drawing, view: View) -> str:
    """The figure without colours as JSON; arrays are base64."""
    text: str = figure(drawing, view).to_json()
    return text


_DEPTH = {"raw": 0, "band": 1, "run": 2, "mean": 3, "count": 4, "mark": 5}
"""What lies above what."""


@dataclass(frozen=True)
class _Shown:
    view: View
    limit: int | None
    faint: float
    """Opacity of curves before smoothing."""

    def of(self, curve: Curve) -> Curve:
        seen = within(curve, self.view.low, self.view.high)
        return seen if self.limit is None else thinned(seen, self.limit)


def _limit(drawing: Drawing, view: View) -> int | None:
    lines = len(drawing.runs) * (2 if drawing.choices.window > 1 else 1)
    return None if view.points is None else max(_LEAST_POINTS, view.points // max(1, lines))


# --------------------------------------------------------------------------------------------------- the traces


def _group_traces(line: GroupLine, choices: Choices, texts: FigureTexts) -> Iterator[go.Scatter]:
    group, smooth = line.group, line.smooth
    if not len(smooth.x):
        return
    common = {"legendgroup": str(group), "name": _plain(texts.groups[group])}
    if choices.window > 1:
        yield _line(line.raw.x, line.raw.mean, group, "raw", **common, opacity=_FAINT, hoverinfo="skip")
    yield _band_trace(smooth, group, **common)
    beside = texts.band.format(low="%{customdata[0]:.4~g}", high="%{customdata[1]:.4~g}", n="%{customdata[2]}")
    yield _line(
        smooth.x,
        smooth.mean,
        group,
        "mean",
        **common,
        customdata=np.stack([smooth.low, smooth.high, smooth.n], axis=1).astype(np.float32),
        hovertemplate=f"%{{y:.4~g}} {beside}",
        showlegend=True,
        line={"width": 2.5, "dash": _dash(group)},
    )
    yield from _count_trace(smooth, group, texts, **common)


def _band_trace(band: Band, group: int, **common: Any) -> go.Scatter:
    known = np.isfinite(band.low)
    x, low, high = band.x[known], band.low[known], band.high[known]
    return go.Scatter(
        x=_compact(np.concatenate([x, x[::-1]])),
        y=_compact(np.concatenate([high, low[::-1]])),
        fill="toself",
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        **_identity(group, "band"),
        **common,
    )


def _count_trace(band: Band, group: int, texts: FigureTexts, **common: Any) -> Iterator[go.Scatter]:
    """The number of runs where it becomes another."""
    falls = np.flatnonzero(np.diff(band.n) < 0) + 1
    if len(falls):
        yield go.Scatter(
            x=_compact(band.x[falls]),
            y=_compact(band.mean[falls]),
            text=[texts.count.format(n=int(n)) for n in band.n[falls]],
            mode="markers+text",
            textposition="top center",
            marker={"symbol": "line-ns-open", "size": 9},
            hoverinfo="skip",
            **_identity(group, "count"),
            **common,
        )


def _run_traces(
    line: RunLine, choices: Choices, texts: FigureTexts, shown: _Shown, *, is_thin: bool
) -> Iterator[go.Scatter]:
    group, run = line.group, line.run
    common = {"legendgroup": str(group), "name": _plain(texts.groups[group])}
    if choices.window > 1 and not is_thin:
        raw = shown.of(line.raw)
        told = {"hovertemplate": f"%{{y:.4~g}}<extra>{texts.before_smoothing}</extra>"}
        yield _line(raw.x, raw.y, group, "raw", run.run_id, **common, **told, opacity=shown.faint, line={"width": 1})
    curve = shown.of(line.smooth)
    label = texts.run.format(seed=run.config.seed, name=_plain(run.name))
    yield _line(
        curve.x,
        curve.y,
        group,
        "run",
        run.run_id,
        **common,
        hovertemplate=f"%{{x:,.6~g}}: %{{y:.4~g}}<extra>{label}</extra>",
        line={"width": 1 if is_thin else 2, "dash": _dash(group)},
        opacity=0.5 if is_thin else 1.0,
        mode="lines" if len(curve) > 1 else "markers",
    )


def _mark_trace(line: RunLine, marks: Sequence[tuple[ChangeMark, str]]) -> Iterator[go.Scatter]:
    if marks:
        yield go.Scatter(
            x=[mark.x for mark, _ in marks],
            y=[mark.y for mark, _ in marks],
            text=[_plain(text) for _, text in marks],
            mode="markers",
            marker={"symbol": "diamond", "size": 10, "line": {"width": 1.5}},
            hovertemplate="%{text}<extra></extra>",
            legendgroup=str(line.group),
            showlegend=False,
            cliponaxis=False,
            **_identity(line.group, "mark", line.run.run_id),
        )


def _line(x: NDArray[Any], y: NDArray[Any], group: int, part: str, run_id: str = "", /, **style: Any) -> go.Scatter:
    line = {"width": 1.5, **style.pop("line", {})}
    shown = {"mode": "lines", "showlegend": False, **style}
    return go.Scatter(x=_compact(x), y=_compact(y), line=line, **_identity(group, part, run_id), **shown)


def _identity(group: int, part: str, run_id: str = "") -> dict[str, Any]:
    return {"uid": f"{part}-{group}-{run_id}", "meta": {"group": group, "part": part, "run": run_id}}


def _compact(values: NDArray[Any]) -> NDArray[Any]:
    """Half the bytes on the wire; whole numbers stay whole."""
    whole = np.asarray(values).astype(np.int32) if np.all(np.abs(values) < np.iinfo(np.int32).max) else values
    return whole if np.array_equal(whole, values) else np.asarray(values, dtype=np.float32)


def _dash(group: int) -> str:
    return DASHES[group // len(SERIES["light"]) % len(DASHES)]


def _plain(text: str) -> str:
    """Plotly reads some tags in a text; a run's name has none."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _layout(choices: Choices, texts: FigureTexts, *, is_crowded: bool) -> dict[str, Any]:
    return {
        "uirevision": "compare",
        "autosize": False,
        "showlegend": False,
        "hovermode": "closest" if is_crowded else "x unified",
        "dragmode": "zoom",
        "margin": {"l": 58, "r": 18, "t": 14, "b": 48},
        "xaxis": {
            "title": {"text": texts.x_title, "standoff": 4},
            "uirevision": choices.x,
            "zeroline": False,
            "showgrid": False,
            "ticks": "outside",
            "tickformat": ",.6~g",
        },
        "yaxis": {"title": {"text": texts.y_title, "standoff": 6}, "zeroline": False, "nticks": 8},
    }


# ---------------------------------------------------------------------------------------------------- as a file


def _painted(drawn: go.Figure) -> go.Figure:
    """``drawn`` in the colours of the light page, with a legend: complete in itself."""
    colors = SERIES["light"]
    for trace in drawn.data:
        color = colors[trace.meta["group"] % len(colors)]
        if trace.meta["part"] == "band":
            trace.fillcolor, trace.line.color = _translucent(color), color
        elif trace.meta["part"] in {"mark", "count"}:
            trace.marker.color = color
        else:
            trace.line.color = color
    text, back = INK["light"], "#ffffff"
    _legend_once(drawn)
    return drawn.update_layout(
        autosize=True,
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "maxheight": 0.25},
        margin={"t": 60},
        font={"family": "sans-serif", "color": text, "size": 13},
        paper_bgcolor=back,
        plot_bgcolor=back,
        xaxis={"gridcolor": _translucent(text), "linecolor": text, "showline": True},
        yaxis={"gridcolor": _translucent(text), "linecolor": text},
    )


def _legend_once(drawn: go.Figure) -> None:
    """One entry a group: its mean, or else the first of its runs."""
    named: set[int] = set()
    for part in ("mean", "run"):
        for trace in drawn.data:
            group = trace.meta["group"]
            if trace.meta["part"] == part:
                trace.showlegend = group not in named
                named.add(group)


def _translucent(color: str) -> str:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {_BAND_OPACITY})"


def figure_html(drawing: Drawing) -> str:
    """A ``div`` with the whole figure, every point of it, and with plotly.js itself: it needs no network."""
    drawn = _painted(figure(drawing, View()))
    text: str = drawn.to_html(
        full_html=False,
        include_plotlyjs=True,
        default_height="560px",
        config={"displaylogo": False, "responsive": True},
    )
    return text
