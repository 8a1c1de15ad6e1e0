"""The live panel of one run: a Streamlit component whose browser side draws what the run's stream brings.

    live_panel() ── data: texts, chart templates, palette, state ──> panel.js ── EventSource ──> /live/runs/<id>/events
                 <─ triggers "state" and "settings" ───────────────┘

Python says once how things look and what they are called; numbers never pass through a script run, so that training
at any speed causes no rerun. What does is a change of the run's state, for the page's buttons follow it, and a setting
changed in another tab, for the page's form does.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from dqn_core.json_text import json_text
from pages.shared.i18n import current_language
from pages.shared.plot_theme import PALETTE
from pages.train.charts import live_epsilon, live_length, live_loss, live_return
from pages.train.labels import labels

__all__ = ["COMPONENT_NAME", "labels", "live_panel", "preload_script", "script", "style"]

COMPONENT_NAME = "dqn_lab_live_panel"
_PAGES = Path(__file__).parents[1]
_SCRIPTS = (
    "shared/plotly_loader.js",
    "shared/mounting.js",
    "shared/format.js",
    "shared/words.js",
    "train/panel_series.js",
    "train/panel_stream.js",
    "shared/plot_theme.js",
    "train/panel_marks.js",
    "train/panel_charts.js",
    "train/panel_view.js",
    "shared/action_bars.js",
    "train/panel_stage.js",
    "train/panel.js",
)
"""Parts of the component's one module, in this order: what stands in an earlier part is known to a later one."""
_STYLES = (
    "shared/base.css",
    "shared/badge.css",
    "shared/panel.css",
    "shared/panel_charts.css",
    "train/panel_stage.css",
    "shared/action_bars.css",
    "train/panel_sizes.css",
)
_CHARTS = (live_return, live_loss, live_length, live_epsilon)


def script() -> str:
    """The component's JavaScript module."""
    return "\n".join((_PAGES / name).read_text("utf-8") for name in _SCRIPTS)


def preload_script(base_path: str) -> str:
    """A script for any page: the plotting library, which takes a second to start, is there before a panel asks.

    It waits until the page has nothing else to do.
    """
    loader = (_PAGES / "shared/plotly_loader.js").read_text("utf-8")
    start = f"loadPlotly({json_text(base_path)}).catch(() => undefined)"
    return f"(() => {{\n{loader}\n(window.requestIdleCallback ?? setTimeout)(() => {start});\n}})();"


def style() -> str:
    """The component's style sheet; every rule in it is for the panel alone."""
    return "\n".join((_PAGES / name).read_text("utf-8") for name in _STYLES)


_mount = st.components.v2.component(COMPONENT_NAME, css=style(), js=script(), isolate_styles=False)


def live_panel(  # noqa: PLR0913  each is one plain fact about the run or the page
    run_id: str,
    *,
    labels: Mapping[str, str],
    action_names: Sequence[str],
    watch_frames: bool,
    base_path: str,
    key: str,
    state: str,
    settings: Mapping[str, Any],
    message: str = "",
) -> None:
    """Show the run ``run_id``; a rerun with the same ``key`` leaves zoom, legend and history as they are.

    Parameters
    ----------
    labels
        Texts by name, as :func:`labels` gives them; an English message template among the keys stands for its
        translation.
    action_names
        Name of each action, by its number.
    watch_frames
        Whether frames and Q-values of the running episode are shown (and, on the server, made).
    base_path
        What stands before ``/live/...`` in this server's addresses; empty where it is not behind a path.
    state
        The run's state that this script run shows; the panel asks for a rerun when the run's own differs.
    settings
        The run's settings that this script run shows; the panel asks for a rerun when one was changed elsewhere, and
        draws the goal among them as a line.
    message
        What is to be said about ``state``, in the reader's language; empty for the panel's own words.
    """
    data = {
        "run_id": run_id,
        "labels": dict(labels),
        "action_names": list(action_names),
        "watch_frames": watch_frames,
        "base_path": base_path.rstrip("/"),
        "state": str(state),
        "settings": dict(settings),
        "message": message,
        "locale": current_language(),
        "palette": PALETTE,
        "charts": _templates(tuple(sorted(labels.items()))),
    }
    _mount(key=key, data=data, on_state_change=_rerun_only, on_settings_change=_rerun_only)


@functools.lru_cache(maxsize=8)
def _templates(labels: tuple[tuple[str, str], ...]) -> list[Any]:
    """Chart templates as plain values; they differ by language alone."""
    return [json.loads(chart.figure(dict(labels)).to_json()) for chart in _CHARTS]


def _rerun_only() -> None:
    """The trigger reruns the script; there is nothing more to do about it."""
