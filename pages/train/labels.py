"""Every text of the live panel, by the name that its script knows it by."""

from __future__ import annotations

import functools

from pages.shared.texts.i18n import _, current_language

__all__ = ["labels"]


def labels() -> dict[str, str]:
    """Every text of the panel in the session's language, by name."""
    return dict(_labels_in(current_language()))


@functools.lru_cache
def _labels_in(_language: str) -> dict[str, str]:
    """Looked up once in each language, which is the session's: each click on the page needs all of them."""
    return _state_labels() | _status_labels() | _chart_labels() | _stage_labels() | _plotly_labels()


def _state_labels() -> dict[str, str]:
    return {
        "state_queued": _("Waiting"),
        "waiting_turn": _("Waiting for its turn…"),
        "state_starting": _("Starting"),
        "preparing": _("Preparing the learner…"),
        "state_running": _("Running"),
        "state_paused": _("Paused"),
        "state_finished": _("Finished"),
        "state_stopped": _("Stopped"),
        "state_failed": _("Failed"),
        "state_interrupted": _("Interrupted"),
        "state_damaged": _("Damaged"),
        "solved": _("Solved!"),
    }


def _status_labels() -> dict[str, str]:
    return {
        "panel": _("Live view of the run"),
        "progress": _("Progress of the run"),
        "elapsed": _("Elapsed"),
        "time_left": _("Time left"),
        "connection_lost": _("Connection lost, trying again…"),
        "notices": _("Notices"),
        "present": _("Present"),
        "present_end": _("End presentation"),
        "present_help": _("Large type for a projector (P, after a click into the panel)"),
        "tiles": _("Figures of the run"),
        "tile_episodes": _("Episodes"),
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
        "below": _("more below"),
        "chart_shaped_return": _("Shaped return per episode"),
        "chart_loss": _("Mean loss per episode"),
        "chart_length": _("Episode length"),
        "chart_epsilon": _("Exploration (epsilon)"),
        "chart_summary": _("{title}. Episodes: {rows}. Latest value: {value}"),
        "episode": _("episode"),
        "hover_episode": _("episode {n}").replace("{n}", "%{x}"),
        "per_episode": _("episodes"),
        "mean_20": _("mean 20"),
        "mean_100": _("mean 100"),
        "evaluation": _("evaluation"),
        "goal": _("goal"),
        "epsilon": _("epsilon"),
        "log_axis": _("log axis"),
        "loading_curves": _("Loading the curves…"),
        "waiting_first_episode": _("Waiting for the first episode…"),
        "filling_memory": _("Filling the replay memory with a random policy…"),
        "no_episodes": _("No episode was finished."),
    }


def _stage_labels() -> dict[str, str]:
    return {
        "stage": _("Running episode"),
        "seen": _("What the network sees"),
        "saliency": _("Saliency"),
        "saliency_help": _(
            "The redder a point, the more the Q-value of the action taken would change with it: its gradient. It is "
            "largest at the reddest point of each state."
        ),
        "saliency_missing": _("Saliency was not loaded before this page was saved."),
        "pictures_end": _("The pictures end at step {n}: the episode is too long to keep them all."),
        "stage_over": _("Last frame"),
        "stage_agent": _("The trained agent"),
        "agent_comes": _("Its episode is being drawn…"),
        "play": _("Play the episode"),
        "pause": _("Pause"),
        "frame_episode": _("Episode"),
        "frame_step": _("Steps so far"),
        "frame_return": _("Return so far"),
        "frame_alt": _("Picture of the environment in episode {n}"),
        "waiting_frame": _("Waiting for a frame…"),
        "q_values": _("Q-values"),
        "action_n": _("Action {n}"),
        "move_greedy": _("greedy choice"),
        "move_random": _("random exploration"),
    }


def _plotly_labels() -> dict[str, str]:
    return {
        "zoom": _("Zoom: drag over a part of the chart"),
        "pan": _("Move the chart"),
        "zoom_in": _("Zoom in"),
        "zoom_out": _("Zoom out"),
        "reset_axes": _("Show everything"),
        "download_png": _("Download as PNG"),
        "zoom_out_hint": _("Double-click to zoom out"),
    }
