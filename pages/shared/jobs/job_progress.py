"""A job that a part of the page asked for: how far it is, its video, and the end that a press of Cancel puts to it."""

from __future__ import annotations

import hashlib

import streamlit as st

from dqn_core.errors import AccessError, DqnLabError
from dqn_core.runs.jobs.orders import Order
from dqn_core.runs.jobs.service import JobState
from pages.server.process import get_jobs
from pages.shared.jobs.panels import job_panel
from pages.shared.jobs.wire import video_place
from pages.shared.texts.i18n import translate_error
from pages.shared.visitor.identity import may_control, require_control, visitor

__all__ = ["cancel_job", "is_on_its_way", "job_progress", "submit"]

_REFUSALS = "job_refusals"


def submit(order: Order) -> None:
    """Have ``order`` done; a refusal is said where its progress would be."""
    refusals = st.session_state.setdefault(_REFUSALS, {})
    refusals.clear()
    try:
        order.submit(get_jobs(), visitor().visitor_id)
    except DqnLabError as error:
        refusals[order.key] = error


def cancel_job(job_id: str) -> None:
    """End a job; one that another visitor asked for goes on, and the page says why."""
    job = get_jobs().find(job_id)
    if job is None:
        return
    try:
        require_control(job)
    except AccessError as error:
        st.error(translate_error(error), icon=":material/block:")
        return
    get_jobs().cancel(job_id)


def is_on_its_way(order: Order) -> bool:
    """Whether a job for ``order`` waits or works."""
    job = order.job(get_jobs())
    return job is not None and not job.state.is_over


def job_progress(key: str, order: Order) -> None:
    """Show what became of ``order``: nothing where it was never asked for. To be called in a fragment."""
    refusal = st.session_state.get(_REFUSALS, {}).get(order.key)
    if refusal is not None:
        st.error(translate_error(refusal), icon=":material/block:")
        return
    video, job = order.video, order.job(get_jobs())
    if video is None and (job is None or job.state is JobState.DONE):
        return  # never asked for; or done, and shown elsewhere, or made room for another video
    wanted = job_panel(
        key,
        hashlib.sha256(order.key.encode()).hexdigest(),
        job_id=job.job_id if job else None,
        state=str(job.state) if job else "",
        may_cancel=job is not None and may_control(job),
        video=video_place(video) if video else None,
    )
    if job is not None and wanted.cancel == job.job_id:
        cancel_job(job.job_id)
