"""The browser side of jobs: one job with its video, and the gallery of a run's recorded episodes.

    job_panel()  <── triggers "over", "cancel" ──  job_panel.js ── fetch ──> /live/jobs/<id>
    gallery()    <── triggers "play", "cancel" ──  gallery.js   ── fetch ──> /live/jobs/<id>

Python says which job; how far it is passes through no script run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from pages.shared.i18n import core_messages, current_language
from pages.shared.jobs.labels import gallery_labels, video_labels
from pages.shared.links import base_path

__all__ = ["gallery", "gallery_script", "job_panel", "job_script", "style"]

_FOLDER = Path(__file__).parent.parent
_SHARED = ("mounting.js", "format.js", "words.js", "jobs/job_watch.js", "jobs/film_view.js")
_STYLES = ("base.css", "jobs/jobs.css")


def job_script() -> str:
    """The module of a job's panel."""
    return _text(*_SHARED, "jobs/job_panel.js")


def gallery_script() -> str:
    """The gallery's module."""
    return _text(*_SHARED, "jobs/gallery.js")


def style() -> str:
    """The style sheet of both; every rule in it is for components of ours alone."""
    return _text(*_STYLES)


def _text(*names: str) -> str:
    return "\n".join((_FOLDER / name).read_text("utf-8") for name in names)


_mount_job = st.components.v2.component("dqn_lab_job", css=style(), js=job_script(), isolate_styles=False)
_mount_gallery = st.components.v2.component("dqn_lab_gallery", css=style(), js=gallery_script(), isolate_styles=False)


def job_panel(  # noqa: PLR0913  each is one plain fact about the job
    key: str,
    order: str,
    *,
    job_id: str | None,
    state: str = "",
    may_cancel: bool = False,
    film: Mapping[str, Any] | None = None,
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
        "film": film,
        "labels": core_messages() | video_labels(),
        "locale": current_language(),
        "base_path": base_path(),
    }
    return _mount_job(key=key, data=data, on_over_change=_nothing, on_cancel_change=_nothing)


def gallery(key: str, episodes: Sequence[Mapping[str, Any]]) -> Any:
    """Show recorded episodes; gives what the browser asks for: ``play`` (a name) and ``cancel`` (a job's id).

    Each of ``episodes`` has ``name``, ``kind``, ``episode``, ``episode_return``, ``picture`` (an address), and ``film``
    or ``job_id`` where there is one, which the reader can end where ``may_cancel`` says so.
    """
    data = {
        "episodes": list(episodes),
        "labels": core_messages() | gallery_labels(),
        "locale": current_language(),
        "base_path": base_path(),
    }
    return _mount_gallery(key=key, data=data, on_play_change=_nothing, on_cancel_change=_nothing)


def _nothing() -> None:
    """A trigger is declared by its callback; the page reads it from what the component gives."""
