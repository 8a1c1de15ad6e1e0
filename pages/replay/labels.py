"""Every text of the replay, by the name that its script knows it by."""

from __future__ import annotations

from pages.shared.texts.i18n import _

__all__ = ["replay_labels"]


def replay_labels() -> dict[str, str]:
    """Every text of the replay in the session's language, by name."""
    return _stage_labels() | _number_labels() | _transport_labels() | _page_labels()


def _stage_labels() -> dict[str, str]:
    return {
        "replay": _("Replay of an episode"),
        "stage_waiting": _("Waiting for the server…"),
        "stage_playing": _("Playing the episode…"),
        "stage_drawing": _("Drawing the pictures…"),
        "pictures_end": _("The pictures end at step {n}: the episode is too long to keep them all."),
        "picture_alt": _("Picture of the environment at step {n}"),
        "ended": _("Ended at step {steps} · return {score}"),
        "cut_off": _("Cut off at step {steps} · return {score}"),
        "over": _("the episode is over"),
    }


def _number_labels() -> dict[str, str]:
    return {
        "q_values": _("Q-values"),
        "action_n": _("Action {n}"),
        "move_greedy": _("greedy choice"),
        "move_random": _("random exploration"),
        "reward": _("Reward of this step"),
        "return_so_far": _("Return so far"),
        "value": _("Predicted: V(s) = max Q"),
        "value_help": _("The discounted return that the network predicts from this state on."),
        "got": _("Actual return from here"),
        "got_help": _("The discounted return of the rewards received from this state on."),
        "state_more": _("{count} of {total} numbers: the first that are not 0."),
        "state": _("Observation"),
        "seen": _("What the network sees"),
        "saliency": _("Saliency"),
        "saliency_help": _(
            "The redder a point, the more the Q-value of the action taken would change with it: its gradient. It is "
            "largest at the reddest point of each state."
        ),
        "saliency_missing": _("Saliency was not loaded before this page was saved."),
        "values": _("Predicted and actual return from each state"),
        "curve_value": "V(s) = max Q(s, a)",
        "curve_got": _("actual discounted return"),
        "values_help": _("Where the two curves meet, the prediction is right."),
        "values_cut": _(
            "Where the two curves meet, the prediction is right. This episode was cut off: the rewards after its end "
            "are missing from the actual return, so the curves part towards the end."
        ),
    }


def _transport_labels() -> dict[str, str]:
    return {
        "controls": _("Controls of the replay"),
        "scrub": _("Position in the episode"),
        "scrub_value": _("step {n} of {total}, return so far {score}"),
        "position": _("step {n} of {total}"),
        "first": _("First state"),
        "back": _("One step back"),
        "play": _("Play the episode"),
        "pause": _("Pause"),
        "forward": _("One step forward"),
        "last": _("Last state"),
        "speed": _("Speed"),
        "speed_n": "{n}×",
        "repeat": _("Repeat"),
        "full_screen": _("Full screen"),
        "keys_play": _("[Space] play or pause"),
        "keys_step": _("[←] [→] one step"),
        "keys_many": _("[Shift] with [←] [→] ten steps"),
        "keys_ends": _("[Home] [End] first and last"),
        "keys_speed": _("[−] [+] speed"),
    }


def _page_labels() -> dict[str, str]:
    return {
        "save_page": _("Episode as a page (HTML)"),
        "save_page_size": _("Episode as a page (HTML, {size})"),
        "save_wait": _("Can be saved once all pictures have come."),
        "save_help": _("One file with the player, the pictures and the numbers. It plays in any browser, offline too."),
        "save_too_large": _("{size} is too large for a page: at most {most}. Make a video instead."),
        "save_done": _("Saved with the browser's downloads."),
        "save_failed": _("The server cannot be reached: try again."),
    }
