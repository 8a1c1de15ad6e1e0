"""Every text of the game, by the name that its script knows it by."""

from __future__ import annotations

from pages.shared.texts.i18n import _

__all__ = ["play_labels"]


def play_labels() -> dict[str, str]:
    """Every text of the game in the session's language, by name."""
    return {
        "game": _("The game"),
        "connecting": _("Connecting…"),
        "begin": _("Press a key to begin"),
        "begin_touch": _("Tap a button below to begin"),
        "lost": _("The connection was lost."),
        "picture": _("Picture of the game"),
        "return": _("Return"),
        "steps": _("Steps"),
        "speed": _("Speed"),
        "speed_n": "{n}×",
        "keys": _("Keys"),
        "key_ArrowLeft": "←",
        "key_ArrowUp": "↑",
        "key_ArrowRight": "→",
        "key_ArrowDown": "↓",
        "action_n": _("Action {n}"),
        "ended": _("The episode is over"),
        "cut_off": _("You reached the limit of steps"),
        "you": _("You"),
        "agent": _("The agent"),
        "agent_thinks": _("The agent is playing from the same start…"),
        "agent_missing": _("The agent could not play."),
        "won": _("You did better than the agent."),
        "drawn": _("As good as the agent."),
        "beaten": _("The agent did better."),
        "again": _("Play again"),
        "same": _("Same start again"),
        "watch": _("Watch the agent from this start"),
        "best": _("Best of this session"),
        "no_games": _("Your games will be listed here."),
        "start_n": _("start {n}"),
    }
