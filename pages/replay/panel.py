"""The replay of one episode, or of two side by side: a Streamlit component whose browser side fetches and plays.

    replay_panel() ── data: which episodes, texts, names ──> replay.js ── fetch ──> /live/runs/<id>/replay
                                                                                    /live/replays/<id>/frames

Python says which episodes; every number and picture comes over the routes, and playing causes no script run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import streamlit as st

from pages.replay.labels import replay_labels
from pages.shared.i18n import current_language

__all__ = ["COMPONENT_NAME", "ReplaySide", "replay_panel", "script", "style"]

COMPONENT_NAME = "dqn_lab_replay"
_PAGES = Path(__file__).parents[1]
_SCRIPTS = (
    "shared/mounting.js",
    "shared/format.js",
    "shared/words.js",
    "shared/action_bars.js",
    "shared/episode.js",
    "replay/pictures.js",
    "replay/clock.js",
    "replay/curves.js",
    "replay/transport.js",
    "replay/episode_view.js",
    "replay/replay.js",
)
"""Parts of the component's one module, in this order: what stands in an earlier part is known to a later one."""
_STYLES = (
    "shared/base.css",
    "shared/player_buttons.css",
    "shared/action_bars.css",
    "replay/replay.css",
    "replay/curves.css",
    "replay/transport.css",
    "replay/sizes.css",
)


@dataclass(frozen=True, kw_only=True)
class ReplaySide:
    """One of the episodes shown."""

    run_id: str
    checkpoint: str
    title: str
    """In the reader's language."""
    detail: str

    def address(self, base_path: str, seed: int, epsilon: float) -> str:
        """Where its numbers are."""
        query = urlencode({"checkpoint": self.checkpoint, "seed": seed, "epsilon": epsilon})
        return f"{base_path}/live/runs/{quote(self.run_id)}/replay?{query}"


def script() -> str:
    """The component's JavaScript module."""
    return "\n".join((_PAGES / name).read_text("utf-8") for name in _SCRIPTS)


def style() -> str:
    """The component's style sheet; every rule in it is for components of ours alone."""
    return "\n".join((_PAGES / name).read_text("utf-8") for name in _STYLES)


_mount = st.components.v2.component(COMPONENT_NAME, css=style(), js=script(), isolate_styles=False)


def replay_panel(  # noqa: PLR0913  each is one plain fact about the episodes or the page
    sides: Sequence[ReplaySide],
    *,
    seed: int,
    epsilon: float,
    action_names: Sequence[str],
    observation_names: Sequence[str],
    frames_per_s: float,
    messages: Mapping[str, str],
    base_path: str,
    key: str = "replay",
) -> None:
    """Show the episodes of ``sides`` (one or two, of one environment) on ``seed``, in step.

    Parameters
    ----------
    frames_per_s
        Env steps a second at real time.
    messages
        Translations of the messages that the server may answer with, by template.
    base_path
        What stands before ``/live/...`` in this server's addresses; empty where it is not behind a path.
    """
    data: dict[str, Any] = {
        "sides": [
            {"title": side.title, "detail": side.detail, "url": side.address(base_path.rstrip("/"), seed, epsilon)}
            for side in sides
        ],
        "action_names": list(action_names),
        "observation_names": list(observation_names),
        "frames_per_s": frames_per_s,
        "labels": dict(messages) | replay_labels(),
        "base_path": base_path.rstrip("/"),
        "locale": current_language(),
    }
    _mount(key=key, data=data)
