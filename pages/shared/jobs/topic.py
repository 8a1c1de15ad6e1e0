"""A job as a topic of the live socket: how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable

from dqn_core.json_text import json_text
from dqn_core.runs.jobs.service import Jobs
from pages.server.process import get_jobs
from pages.shared.browser.live_socket import News, Subscription, Topic, polled
from pages.shared.jobs.wire import job_facts

__all__ = ["job_topic"]

_EVERY_S = 0.3


def job_topic(jobs: Callable[[], Jobs] = get_jobs) -> Topic:
    """The topic: the parameter ``job`` is its id. One that is not known any more has the state "gone"."""

    def read(subscription: Subscription) -> News:
        service, job_id = jobs(), subscription.text("job")
        job = service.find(job_id)
        if job is None:
            return News('{"state":"gone"}', is_last=True)
        is_over = job.state.is_over  # asked first: what it came to is there by then
        return News(json_text(job_facts(job, service.jobs_ahead(job), subscription.language)), is_last=is_over)

    return polled(read, _EVERY_S)
