"""The replay of one episode, or of two side by side: a Streamlit component whose browser side fetches and plays.

    replay_panel() ── data: which episodes, texts, names ──> replay.js ── fetch ──> /live/runs/<id>/replay
                                                                                    /live/replays/<id>/frames

Python says which episodes; every number and picture comes over the routes, and playing causes no script run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dqn_core.config import Arguments
from dqn_core.environments.planes import PictureLayout
from pages.replay.episode_file import MOST_BYTES, template_address
from pages.replay.labels import replay_labels
from pages.shared.browser.component import Component
from pages.shared.episode.seen import layout_data
from pages.shared.links import replay_address
from pages.shared.texts.i18n import _, current_language

__all__ = ["COMPONENT_NAME", "STYLES", "ReplaySide", "replay_panel"]

COMPONENT_NAME = "dqn_lab_replay"
STYLES = (
    "shared/browser/base.css",
    "shared/episode/player_buttons.css",
    "shared/episode/action_bars.css",
    "replay/replay.css",
    "replay/curves.css",
    "shared/episode/seen.css",
    "replay/transport.css",
    "replay/sizes.css",
)

_draw = Component(COMPONENT_NAME, "replay/replay.js", STYLES)


@dataclass(frozen=True, kw_only=True)
class ReplaySide:
    """One of the episodes shown."""

    run_id: str
    checkpoint: str
    title: str
    """In the reader's language."""
    detail: str
    facts: Sequence[tuple[str, str]] = ()
    """What a page says of it that is saved: names and values."""


def replay_panel(  # noqa: PLR0913  each is one plain fact about the episodes or the page
    sides: Sequence[ReplaySide],
    *,
    seed: int,
    epsilon: float,
    env_kwargs: Arguments | None = None,
    action_names: Sequence[str],
    observation_names: Sequence[str],
    frames_per_s: float,
    layout: PictureLayout | None = None,
    picture_size: tuple[int, int] | None = None,
    key: str = "replay",
) -> None:
    """Show the episodes of ``sides`` (one or two, of one environment) on ``seed``, in step.

    Parameters
    ----------
    env_kwargs
        Arguments of the environment besides those of the runs; None: as they are evaluated.
    frames_per_s
        Env steps a second at real time.
    layout
        How an observation is a picture; None where it is none.
    picture_size
        Width and height of the environment's pictures, where they are known before one has come.
    """
    data: dict[str, Any] = {
        "sides": [
            {
                "title": side.title,
                "detail": side.detail,
                "facts": [list(fact) for fact in side.facts],
                "url": replay_address(side.run_id, side.checkpoint, seed, epsilon, env_kwargs),
            }
            for side in sides
        ],
        "action_names": list(action_names),
        "observation_names": list(observation_names),
        "layout": layout_data(layout),
        "picture_size": picture_size,
        "frames_per_s": frames_per_s,
        "locale": current_language(),
    }
    address, n_bytes = template_address(STYLES)
    names = "-and-".join(f"{side.run_id}-{side.checkpoint}" for side in sides)
    data["page"] = {
        "address": address,
        "bytes": n_bytes,
        "most_bytes": MOST_BYTES,
        "file": f"{names}-seed-{seed}.html",
        "title": _("Episode: {titles}").format(titles=", ".join(side.title for side in sides)),
    }
    _draw(key=key, data=data, constants={"labels": replay_labels()})
