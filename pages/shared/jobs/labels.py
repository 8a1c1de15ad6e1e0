"""Every text of jobs, videos and the gallery, by the name that their scripts know it by."""

from __future__ import annotations

from pages.shared.texts.i18n import _

__all__ = ["gallery_labels", "video_labels"]


def video_labels() -> dict[str, str]:
    """The texts of a job and of a video, in the session's language."""
    return {
        "working": _("In progress"),
        "waiting": _("Waiting for its turn"),
        "waiting_behind": _("Waiting for its turn ({n} ahead of it)"),
        "cancelled": _("Cancelled. Nothing was saved."),
        "gone": _("The server no longer knows this job: request it again."),
        "cancel": _("Cancel"),
        "download": _("Download {name} ({size} MB)"),
    }


def gallery_labels() -> dict[str, str]:
    """The texts of the gallery of recorded episodes."""
    return video_labels() | {
        "gallery": _("Learning over time"),
        "episode_n": _("Episode {n}"),
        "evaluation_n": _("After episode {n}"),
        "return_n": _("return {score}"),
        "play_n": _("Play: {title}, {score}"),
        "best": _("new best"),
    }
