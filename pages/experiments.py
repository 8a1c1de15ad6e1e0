"""The page where many runs are started as one experiment: one config over seeds, or one setting over values too."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dqn_core.errors import DqnLabError
from dqn_core.runs.experiments import Experiments
from pages.components.errors import show_errors
from pages.components.experiment_form import ExperimentDraft, experiment_form
from pages.components.links import EXPERIMENTS_PAGE, base_path, language_switch, last_run
from pages.i18n import _, problem_text, translate_error
from pages.identity import require_control, visitor
from pages.live.experiments.routes import MOST_CARDS
from pages.live.experiments.view import experiment_list
from pages.server import get_manager

_ERROR = "experiments:error"


def experiments_page() -> None:
    """Draw the page."""
    left, right = st.columns([2, 1], vertical_alignment="center")
    with left:
        st.title(_("Experiments"), anchor=False)
    with right, st.container(horizontal=True, horizontal_alignment="right", key="links"):
        language_switch(EXPERIMENTS_PAGE)
    form, listed = st.columns([5, 7], gap="medium")
    with form, st.container(border=True, key="experiment-form"):
        st.subheader(_("New experiment"), anchor=False)
        _start(experiment_form(st.query_params.get("run") or last_run()))
    with listed:
        _list()


def _start(draft: ExperimentDraft) -> None:
    if draft.spec is None:
        st.error("\n".join(f"- {problem_text(problem)}" for problem in draft.problems), icon=":material/error:")
    else:
        values, seeds = len(draft.spec.variants), len(draft.spec.seeds)
        text = _("{values} values × {seeds} seeds = {runs} runs; those that cannot train at once wait for their turn.")
        st.caption(text.format(values=values, seeds=seeds, runs=values * seeds))
    st.button(
        _("Start experiment"),
        type="primary",
        icon=":material/play_arrow:",
        key="experiment:start",
        disabled=draft.spec is None,
        on_click=_begin,
        args=(draft,),
        width="stretch",
    )


def _begin(draft: ExperimentDraft) -> None:
    if draft.spec is not None:
        spec = draft.spec
        _attempt(lambda experiments: experiments.start(spec, draft.name, visitor().visitor_id))


def _list() -> None:
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        st.error(translate_error(error), icon=":material/error:")
    statuses = Experiments(get_manager()).latest(MOST_CARDS)
    if statuses:
        experiment_list(statuses, _act, base_path=base_path())
    else:
        with st.container(border=True):
            st.subheader(_("No experiment yet"), anchor=False)
            st.markdown(
                _(
                    "An experiment trains the same settings with several seeds, for each value of one setting. Only "
                    "then can luck be told from effect: Compare shows means with bands over the seeds."
                )
            )


def _act(experiment_id: str, action: str) -> None:
    steering: dict[str, Callable[[Experiments, str], object]] = {
        "stop": Experiments.stop,
        "resume": Experiments.resume,
        "delete": Experiments.remove,
    }

    def do(experiments: Experiments) -> None:
        if action == "repeat":  # what begins anew belongs to whoever asked for it
            experiments.repeat(experiment_id, visitor().visitor_id)
        elif action in steering:
            require_control(experiments.status(experiment_id).record)
            steering[action](experiments, experiment_id)

    _attempt(do)


def _attempt(do: Callable[[Experiments], object]) -> None:
    """Do what a button asked for; what keeps it from being done is said above the list."""
    try:
        do(Experiments(get_manager()))
    except DqnLabError as error:
        st.session_state[_ERROR] = error


show_errors(experiments_page)
