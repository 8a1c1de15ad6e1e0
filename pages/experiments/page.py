"""The page where many runs are started as one experiment: one config over seeds, or one setting over values too."""

from __future__ import annotations

import streamlit as st

from dqn_core.errors import mark_plural
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.experiments.spec import ExperimentSpec
from pages.experiments.experiment_actions import act_on_experiment, show_refusal, start_experiment
from pages.experiments.topic import MOST_CARDS
from pages.experiments.view import experiment_list
from pages.server.process import get_manager
from pages.shared.advice import show_warning
from pages.shared.errors import show_errors
from pages.shared.experiment_form import ExperimentDraft, experiment_form
from pages.shared.links import EXPERIMENTS_PAGE, last_run
from pages.shared.page_header import page_header
from pages.shared.texts.fields import label_of
from pages.shared.texts.i18n import _, problem_text
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.value_text import value_text


def experiments_page() -> None:
    """Draw the page."""
    page_header(EXPERIMENTS_PAGE, _("Experiments"))
    form, listed = st.columns([5, 7], gap="medium")
    with form, st.container(border=True, key="experiment-form"):
        st.header(_("New experiment"), anchor=False)
        _start(experiment_form(st.query_params.get("run") or last_run()))
    with listed:
        _list()


def _start(draft: ExperimentDraft) -> None:
    if draft.spec is None:
        st.error("\n".join(f"- {problem_text(problem)}" for problem in draft.problems), icon=":material/error:")
    else:
        values, seeds = len(draft.spec.variants), len(draft.spec.seeds)
        runs = values * seeds
        text = _("{values} × {seeds} = {runs}. Runs that cannot train at once wait for their turn.")
        st.caption(
            text.format(
                values=_(mark_plural("{count} value", "{count} values", values)).format(count=values),
                seeds=_(mark_plural("{count} seed", "{count} seeds", seeds)).format(count=seeds),
                runs=_(mark_plural("{count} run", "{count} runs", runs)).format(count=runs),
            )
        )
        _warn_of_unfinished_exploration(draft.spec)
    # No callback: it would start what was drawn before a press that leaves the field typed in last.
    is_pressed = st.button(
        _("Start experiment"),
        type="primary",
        icon=":material/play_arrow:",
        key="experiment:start",
        disabled=draft.spec is None,
        width="stretch",
    )
    if is_pressed and draft.spec is not None:
        start_experiment(draft.spec, draft.name)


def _warn_of_unfinished_exploration(spec: ExperimentSpec) -> None:
    found = spec.unfinished_exploration()
    if found is not None:
        changes, advice = found
        parts = (f"{label_of(name, _)} {value_text(name, value, _)}" for name, value in changes.items())
        show_warning(advice, of=escape_markdown(", ".join(parts)))


def _list() -> None:
    show_refusal()
    experiments = Experiments(get_manager())
    statuses, damaged = experiments.latest(MOST_CARDS), experiments.damaged(MOST_CARDS)
    if damaged:
        text = _("Damaged in the database and not listed: {experiments}. Their runs are on the Runs page.")
        st.warning(text.format(experiments=", ".join(damaged)), icon=":material/warning:")
    if statuses:
        experiment_list(statuses, act_on_experiment)
    else:
        with st.container(border=True):
            st.header(_("No experiment yet"), anchor=False)
            st.markdown(
                _(
                    "An experiment trains the same settings with several seeds, for each value of one setting. That "
                    "is what tells an effect from luck: Compare shows means with bands over the seeds."
                )
            )


show_errors(experiments_page)
