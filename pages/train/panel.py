"""The live panel of one run: a Streamlit component whose browser side draws what the live socket brings.

    live_panel() ── data: the run, its state and settings ──> panel.js ── the tab's live socket, topic "run"
                 <─ triggers "state" and "settings" ───────────────┘

Python says once how things look and what they are called; numbers never pass through a script run, so that training
at any speed causes no rerun. What does is a change of the run's state, for the page's buttons follow it, and a setting
changed in another tab, for the page's form does.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from dqn_core.environments.planes import PictureLayout
from pages.shared.browser.component import Component
from pages.shared.browser.plot_theme import PALETTE
from pages.shared.episode.seen import layout_data
from pages.shared.texts.i18n import current_language
from pages.train.charts import live_figures
from pages.train.labels import labels

__all__ = ["COMPONENT_NAME", "STYLES", "fetch_panel_early", "labels", "live_panel"]

COMPONENT_NAME = "dqn_lab_live_panel"
STYLES = (
    "shared/browser/base.css",
    "shared/browser/badge.css",
    "shared/browser/panel.css",
    "shared/browser/panel_charts.css",
    "train/panel_stage.css",
    "shared/episode/seen.css",
    "shared/episode/action_bars.css",
    "train/panel_sizes.css",
    "train/presentation.css",
)

_draw = Component(COMPONENT_NAME, "train/panel.js", STYLES)


def live_panel(  # noqa: PLR0913  each is one plain fact about the run or the page
    run_id: str,
    *,
    labels: Mapping[str, str],
    action_names: Sequence[str],
    watch_frames: bool,
    key: str,
    state: str,
    settings: Mapping[str, Any],
    agent_episode: str | None = None,
    layout: PictureLayout | None = None,
    picture_size: tuple[int, int] | None = None,
) -> None:
    """Show the run ``run_id``; a rerun with the same ``key`` leaves zoom, legend and history as they are.

    Parameters
    ----------
    labels
        Texts by name, as :func:`labels` gives them.
    action_names
        Name of each action, by its number.
    watch_frames
        Whether frames and Q-values of the running episode are shown (and, on the server, made).
    state
        The run's state that this script run shows; the panel asks for a rerun when the run's own differs.
    settings
        The run's settings that this script run shows; the panel asks for a rerun when one was changed elsewhere, and
        draws the goal among them as a line.
    agent_episode
        Address of an episode of the trained agent, below ``/live``; for a run that is over.
    layout
        How an observation is a picture; None where it is none.
    picture_size
        Width and height of the environment's pictures, where they are known before one has come.
    """
    data = {
        "run_id": run_id,
        "action_names": list(action_names),
        "watch_frames": watch_frames,
        "state": str(state),
        "settings": dict(settings),
        "agent_episode": {"url": agent_episode} if agent_episode else None,
        "layout": layout_data(layout),
        "picture_size": picture_size,
        "locale": current_language(),
    }
    _draw(key=key, data=data, constants=_constants(labels), on_state_change=_rerun_only, on_settings_change=_rerun_only)


def fetch_panel_early(labels: Mapping[str, str]) -> None:
    """Before there is a run to show: what the panel needs is at hand when Start is pressed."""
    _draw.fetch_early(_constants(labels))


def _constants(labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "labels": dict(labels),
        "palette": PALETTE,
        "charts": _templates(tuple(sorted(labels.items()))),
    }


@functools.lru_cache(maxsize=8)
def _templates(labels: tuple[tuple[str, str], ...]) -> list[Any]:
    """Chart templates as plain values; they differ by language alone."""
    return [json.loads(figure.to_json()) for figure in live_figures(dict(labels))]


def _rerun_only() -> None:
    """The trigger reruns the script; there is nothing more to do about it."""
