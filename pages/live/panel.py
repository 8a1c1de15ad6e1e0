"""The live panel of one run: a Streamlit component whose browser side draws what the run's stream brings.

    live_panel() ── data: texts, chart templates, palette, state ──> panel.js ── EventSource ──> /live/runs/<id>/events
                 <─ trigger "state" when the run's state changed ──┘

Python says once how things look and what they are called; numbers never pass through a script run, so that training
at any speed causes no rerun. The one thing that does is a change of the run's state: the page's buttons follow it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from pages.charts import live_epsilon, live_length, live_loss, live_return
from pages.charts.theme import PALETTE
from pages.i18n import _, current_language

__all__ = ["COMPONENT_NAME", "labels", "live_panel", "script", "style"]

COMPONENT_NAME = "dqn_lab_live_panel"
_HERE = Path(__file__).parent
_SCRIPTS = (
    "panel_format.js",
    "panel_series.js",
    "panel_stream.js",
    "panel_theme.js",
    "panel_marks.js",
    "panel_charts.js",
    "panel_view.js",
    "panel_stage.js",
    "panel.js",
)
"""Parts of the component's one module, in this order: what stands in an earlier part is known to a later one."""
_STYLES = ("panel.css", "panel_charts.css", "panel_stage.css", "panel_sizes.css")
_CHARTS = (live_return, live_loss, live_length, live_epsilon)


def script() -> str:
    """The component's JavaScript module."""
    return "\n".join((_HERE / name).read_text("utf-8") for name in _SCRIPTS)


def style() -> str:
    """The component's style sheet; every rule in it is for the panel alone."""
    return "\n".join((_HERE / name).read_text("utf-8") for name in _STYLES)


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
    goal_score: float | None = None,
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
    goal_score
        Mean evaluation return to exceed; drawn as a line.
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
        "goal_score": goal_score,
        "message": message,
        "locale": current_language(),
        "palette": PALETTE,
        "charts": _templates(tuple(sorted(labels.items()))),
    }
    _mount(key=key, data=data, on_state_change=_rerun_only)


@functools.lru_cache(maxsize=8)
def _templates(labels: tuple[tuple[str, str], ...]) -> list[Any]:
    """Chart templates as plain values; they differ by language alone."""
    return [json.loads(chart.figure(dict(labels)).to_json()) for chart in _CHARTS]


def _rerun_only() -> None:
    """The trigger reruns the script; there is nothing more to do about it."""


def labels() -> dict[str, str]:
    """Every text of the panel in the session's language, by name."""
    return _state_labels() | _status_labels() | _chart_labels() | _stage_labels() | _plotly_labels()


def _state_labels() -> dict[str, str]:
    return {
        "state_starting": _("Starting"),
        "state_running": _("Running"),
        "state_paused": _("Paused"),
        "state_finished": _("Finished"),
        "state_stopped": _("Stopped"),
        "state_failed": _("Failed"),
        "state_interrupted": _("Interrupted"),
        "solved": _("Solved!"),
        "reason_solved": _("The goal was reached and confirmed."),
        "reason_max_episodes": _("The episode limit was reached."),
        "reason_max_env_steps": _("The limit of environment steps was reached."),
        "reason_stopped": _("Stopped by hand; everything up to here is kept."),
        "reason_diverged": _("The loss became infinite or not a number; the last good weights are kept."),
        "reason_failed": _("The run ended with an error."),
        "reason_interrupted": _("The server went away while this run trained; everything up to then is kept."),
    }


def _status_labels() -> dict[str, str]:
    return {
        "panel": _("Live view of the run"),
        "progress": _("Progress of the run"),
        "elapsed": _("Elapsed"),
        "time_left": _("Time left"),
        "connection_lost": _("Connection lost, trying again…"),
        "notices": _("Notices"),
        "tiles": _("Figures of the run"),
        "tile_episode": _("Episode"),
        "tile_env_steps": _("Environment steps"),
        "tile_steps_per_s": _("Steps per second"),
        "tile_epsilon": _("Epsilon"),
        "tile_last_return": _("Last return"),
        "tile_mean_100": _("Mean of last 100"),
        "tile_best_eval": _("Best evaluation"),
        "tile_compute": _("Compute"),
        "changes": _("Live changes"),
        "at_episode": _("episode {n}"),
    }


def _chart_labels() -> dict[str, str]:
    return {
        "chart_return": _("Return per episode"),
        "chart_loss": _("Mean loss per episode"),
        "chart_length": _("Episode length"),
        "chart_epsilon": _("Exploration (epsilon)"),
        "chart_summary": _("{title}: {rows} episodes, the newest at {value}"),
        "episode": _("episode"),
        "hover_episode": _("episode {n}").replace("{n}", "%{x}"),
        "per_episode": _("episodes"),
        "mean_20": _("mean 20"),
        "mean_100": _("mean 100"),
        "evaluation": _("evaluation"),
        "goal": _("goal"),
        "epsilon": _("epsilon"),
        "log_axis": _("log axis"),
        "waiting_first_episode": _("Waiting for the first episode…"),
        "filling_memory": _("Filling the replay memory with a random policy…"),
        "no_episodes": _("No episode was finished."),
    }


def _stage_labels() -> dict[str, str]:
    return {
        "stage": _("Running episode"),
        "frame_episode": _("Episode"),
        "frame_step": _("Steps so far"),
        "frame_return": _("Return so far"),
        "frame_alt": _("Picture of the environment in episode {n}"),
        "waiting_frame": _("Waiting for a picture…"),
        "no_frame": _("Pictures are shown while the run trains."),
        "q_values": _("Q-values"),
        "action_n": _("Action {n}"),
        "move_greedy": _("greedy choice"),
        "move_random": _("random exploration"),
    }


def _plotly_labels() -> dict[str, str]:
    return {
        "zoom": _("Zoom: drag over a part of the chart"),
        "pan": _("Move the chart"),
        "reset_axes": _("Show everything"),
        "download_png": _("Download as PNG"),
        "zoom_out_hint": _("Double-click to zoom out"),
    }
