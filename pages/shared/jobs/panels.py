"""The browser side of jobs: one job with its video, and the gallery of a run's recorded episodes.

    job_panel()  <── triggers "over", "cancel" ──  job_panel.js ── the tab's live socket, topic "job"
    gallery()    <── triggers "play", "cancel" ──  gallery.js   ── the same

Python says which job; how far it is passes through no script run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pages.shared.browser.component import Component
from pages.shared.jobs.labels import gallery_labels, video_labels
from pages.shared.texts.i18n import current_language

__all__ = ["gallery", "job_panel"]

_STYLES = ("shared/browser/base.css", "shared/jobs/jobs.css")

_draw_job = Component("dqn_lab_job", "shared/jobs/job_panel.js", _STYLES)
_draw_gallery = Component("dqn_lab_gallery", "shared/jobs/gallery.js", _STYLES)


def job_panel(  # noqa: PLR0913  each is one plain fact about the job
    key: str,
    order: str,
    *,
    job_id: str | None,
    state: str = "",
    may_cancel: bool = False,
    video: Mapping[str, Any] | None = None,
) -> Any:
    """Show a job on its way, or a video that is made; gives what the browser asks for: ``over`` and ``cancel``.

    Parameters
    ----------
    order
        What is made: while it stays the same, so does what is shown.
    state
        The job's, as the page knows it: the browser asks for a rerun once it is over and was not before.
    may_cancel
        Whether the reader asked for the job, or may end it all the same.
    """
    data = {
        "order": order,
        "job_id": job_id,
        "state": state,
        "may_cancel": may_cancel,
        "video": video,
        "locale": current_language(),
    }
    constants = {"labels": video_labels()}
    return _draw_job(key=key, data=data, constants=constants, on_over_change=_nothing, on_cancel_change=_nothing)


def gallery(key: str, episodes: Sequence[Mapping[str, Any]]) -> Any:
    """Show recorded episodes; gives what the browser asks for: ``play`` (a name) and ``cancel`` (a job's id).

    Each of ``episodes`` has ``name``, ``kind``, ``episode``, ``episode_return``, ``picture`` (an address), and
    ``video`` or ``job_id`` where there is one, which the reader can end where ``may_cancel`` says so.
    """
    data = {
        "episodes": list(episodes),
        "locale": current_language(),
    }
    constants = {"labels": gallery_labels()}
    return _draw_gallery(key=key, data=data, constants=constants, on_play_change=_nothing, on_cancel_change=_nothing)


def _nothing() -> None:
    """A trigger is declared by its callback; the page reads it from what the component gives."""
