"""What people do with experiments: start one, and stop, resume, repeat or delete those that are theirs."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dqn_core.errors import DqnLabError
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.experiments.spec import ExperimentSpec
from pages.server.process import get_manager
from pages.shared.texts.i18n import translate_error
from pages.shared.visitor.identity import require_control, visitor

__all__ = ["act_on_experiment", "show_refusal", "start_experiment"]

_ERROR = "experiments:error"
_STEERING: dict[str, Callable[[Experiments, str], object]] = {
    "stop": Experiments.stop,
    "resume": Experiments.resume,
    "delete": Experiments.remove,
}


def start_experiment(spec: ExperimentSpec, name: str) -> None:
    """Start every run of ``spec`` for the visitor."""
    _attempt(lambda experiments: experiments.start(spec, name, visitor().visitor_id))


def act_on_experiment(experiment_id: str, action: str) -> None:
    """Do what a button of the list asks for; to repeat an experiment is to start one of one's own."""

    def act(experiments: Experiments) -> None:
        if action == "repeat":
            experiments.repeat(experiment_id, visitor().visitor_id)
        elif action in _STEERING:
            require_control(experiments.status(experiment_id).record)
            _STEERING[action](experiments, experiment_id)

    _attempt(act)


def show_refusal() -> None:
    """Say, once, what kept the last of these from being done."""
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        st.error(translate_error(error), icon=":material/error:")


def _attempt(do: Callable[[Experiments], object]) -> None:
    try:
        do(Experiments(get_manager()))
    except DqnLabError as error:
        st.session_state[_ERROR] = error
