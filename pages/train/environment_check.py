"""What is found when an environment that does not come with Gymnasium is tried out, before its first run."""

from __future__ import annotations

import streamlit as st

from dqn_core.config import EnvironmentChoice
from dqn_core.environments.check import EnvironmentCheck, Verdict
from dqn_core.environments.make import comes_with_gymnasium
from dqn_core.runs.jobs.orders import check_order
from pages.server.process import get_jobs
from pages.shared.errors import fragment
from pages.shared.jobs.job_progress import job_progress, submit
from pages.shared.texts.i18n import _, translate_error, translate_to_markdown

__all__ = ["environment_check"]

_ICONS = {Verdict.GOOD: ":material/check:", Verdict.NOTE: ":material/info:", Verdict.PROBLEM: ":material/error:"}


def environment_check(choice: EnvironmentChoice) -> None:
    """Draw it; nothing for Gymnasium's own environments."""
    if not comes_with_gymnasium(choice.env_id):
        _check(choice)


@fragment
def _check(choice: EnvironmentChoice) -> None:
    """A fragment: a check that is done redraws this part alone.

    An environment is checked as soon as it is chosen, and with other arguments when somebody asks for it.
    """
    first = st.session_state.setdefault(f"checked:{choice.env_id}", choice)
    jobs, order = get_jobs(), check_order(choice)
    if order.job(jobs) is None and first == choice:
        submit(order)
    is_other = order.job(jobs) is None and first != choice
    job = (check_order(first) if is_other else order).job(jobs)
    with st.expander(_("Check of this environment"), icon=":material/fact_check:", expanded=True):
        if is_other:
            st.button(
                _("Check with the present arguments"),
                icon=":material/fact_check:",
                on_click=submit,
                args=(order,),
                key="check-again",
            )
        if job is not None and isinstance(job.result, EnvironmentCheck):
            _findings(job.result)
        elif job is not None and job.error is not None:
            st.error(translate_error(job.error), icon=":material/error:")
        else:
            st.caption(_("It is tried out with random actions."))
            job_progress("environment-check", order)


def _findings(result: EnvironmentCheck) -> None:
    lines = [
        f"{_ICONS[each.verdict]} {translate_to_markdown(each.template, each.parameters)}" for each in result.findings
    ]
    st.markdown("  \n".join(lines))
