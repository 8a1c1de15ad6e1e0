"""The game that a person plays: a Streamlit component over a WebSocket of its own.

play_panel() ── data: environment, keys, texts ──> play.js ── WebSocket ──> /live/play
── fetch, the agent's episode ──> /live/runs/<id>/replay
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pages.play.labels import play_labels
from pages.play.socket import SPEEDS
from pages.shared.browser.component import Component
from pages.shared.texts.i18n import current_language

__all__ = ["COMPONENT_NAME", "play_panel"]

COMPONENT_NAME = "dqn_lab_play"
_STYLES = ("shared/browser/base.css", "shared/episode/player_buttons.css", "play/play.css")


_draw = Component(COMPONENT_NAME, "play/play.js", _STYLES)


def play_panel(  # noqa: PLR0913  each is one plain fact about the game or the page
    env_id: str,
    *,
    run_id: str | None,
    action_names: Sequence[str],
    picture_size: tuple[int, int] | None,
    play_keys: Mapping[str, int],
    speed: float,
    idle_note: str,
    replay_address: str,
    key: str = "play",
) -> None:
    """Let a person play ``env_id``, against the best network of ``run_id`` where one is given.

    Parameters
    ----------
    picture_size
        Width and height of the environment's pictures, where they are known before one has come.
    play_keys
        Action by the browser's name of a key; where there are none, the digits from 1 on stand for the actions.
    speed
        Share of real time to begin with.
    idle_note
        What happens while no key is held, in the reader's language.
    replay_address
        Address of the Replay page of the agent, to which ``&seed=`` can be added.
    """
    data = {
        "env_id": env_id,
        "run_id": run_id,
        "action_names": list(action_names),
        "picture_size": picture_size,
        "play_keys": dict(play_keys) or {str(number + 1): number for number in range(min(9, len(action_names)))},
        "is_sticky": not play_keys,
        "speed": speed,
        "speeds": list(SPEEDS),
        "idle_note": idle_note,
        "replay_address": replay_address,
        "locale": current_language(),
    }
    _draw(key=key, data=data, constants={"labels": play_labels()})
