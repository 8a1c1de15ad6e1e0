"""What the next run's network begins with: random weights, another run's, or those in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dqn_core.config import NETWORK_FIELDS, TrainingConfig
from dqn_core.errors import ConfigError, DqnLabError, WeightsFileError, mark
from dqn_core.runs.storage.records import RunRecord
from dqn_core.training.weights_file import MOST_BYTES, check_fit, weights_in
from pages.server.process import get_manager
from pages.shared.form_state import FormState
from pages.shared.texts.distinct_texts import distinct_texts
from pages.shared.texts.i18n import _, translate_error
from pages.shared.texts.numbers import number_text
from pages.shared.texts.run_names import run_name
from pages.shared.texts.words import WEIGHTS_KINDS, WEIGHTS_LABELS

__all__ = ["InitialWeights", "initial_weights", "weights_choice"]

_FRESH, _RUN, _FILE = "fresh", "run", "file"
_SOURCES = {_FRESH: mark("Random"), _RUN: mark("From a run"), _FILE: mark("From a file")}
_MOST_RUNS = 100


@dataclass(frozen=True)
class InitialWeights:
    """The network that a run shall begin with."""

    weights: Mapping[str, Any] | None = None
    """As :meth:`Learner.weights` gives them; None: random ones."""
    source: str = ""
    """The run's id or the file's name."""


def weights_choice(form: FormState) -> None:
    """Draw the choice; what does not fit the form's settings is said at once."""
    with st.expander(_("Initial weights"), key=f"{form.scope}:initial-weights"):
        source = st.segmented_control(
            _("Start from"),
            tuple(_SOURCES),
            format_func=lambda name: _(_SOURCES[name]),
            default=_FRESH,
            key=_key(form.scope, "source"),
            required=True,
            width="stretch",
            help=_("A trained network goes on learning here, in a new run with its own log."),
        )
        if source == _RUN:
            _choose_run(form)
        elif source == _FILE:
            st.file_uploader(
                _("Weights or checkpoint (.safetensors)"),
                type="safetensors",
                max_upload_size=MOST_BYTES // 2**20,
                key=_key(form.scope, "file"),
                help=_("Only the network of a checkpoint is used."),
            )
        if st.session_state.get(_key(form.scope, str(source))) is not None:
            _say_whether_they_fit(form)


def initial_weights(scope: str, config: TrainingConfig) -> InitialWeights:
    """What was chosen for the run to come, checked against its ``config``.

    Raises
    ------
    WeightsFileError, RunFolderError
        Nothing was chosen yet, it cannot be read, or it is another network's.
    """
    state = st.session_state
    match state.get(_key(scope, "source"), _FRESH):
        case "run":
            given = _of_run(state.get(_key(scope, "run")), state.get(_key(scope, "kind")) or WEIGHTS_KINDS[0])
        case "file":
            given = _of_file(state.get(_key(scope, "file")))
        case _:
            return InitialWeights()
    check_fit(given.weights or {}, config)
    return given


def _of_run(run_id: str | None, kind: str) -> InitialWeights:
    if run_id is None:
        raise WeightsFileError(mark("Choose the run that this one takes its initial weights from."))
    return InitialWeights(get_manager().open_folder(run_id).snapshot_weights(kind), run_id)


def _of_file(file: Any) -> InitialWeights:
    if file is None:
        raise WeightsFileError(mark("Choose the file that holds the initial weights of this run."))
    return InitialWeights(weights_in(file.getvalue(), file.name), file.name)


def _choose_run(form: FormState) -> None:
    """A menu of the runs with the same environment and network, and which of their weights to take."""
    records = {each.run_id: each for each in get_manager().list_runs(_MOST_RUNS) if _is_alike(each, form)}
    if not records:
        st.caption(_("No run has this environment and this network yet."))
        return
    texts = distinct_texts({run_id: _run_text(record) for run_id, record in records.items()})
    st.selectbox(
        _("Run"),
        tuple(records),
        format_func=texts.__getitem__,
        key=_key(form.scope, "run"),
    )
    st.segmented_control(
        _("Weights"),
        WEIGHTS_KINDS,
        format_func=lambda kind: _(WEIGHTS_LABELS[kind]),
        default=WEIGHTS_KINDS[0],
        key=_key(form.scope, "kind"),
        required=True,
    )


def _is_alike(record: RunRecord, form: FormState) -> bool:
    has = record.config.to_dict()
    wanted = ((name, form.values[name]) for name in NETWORK_FIELDS)
    return all(has[name] == (list(value) if isinstance(value, tuple) else value) for name, value in wanted)


def _run_text(record: RunRecord) -> str:
    best = "–" if record.best_eval is None else number_text(record.best_eval)
    seed = record.initial_config.seed
    return _("{name} · seed {seed} · best {score}").format(name=run_name(record), seed=seed, score=best)


def _say_whether_they_fit(form: FormState) -> None:
    try:
        initial_weights(form.scope, form.config())
    except ConfigError:
        return  # the form says what is wrong with it
    except DqnLabError as error:
        st.warning(translate_error(error), icon=":material/block:")
    else:
        st.success(_("These weights fit the network."), icon=":material/check:")


def _key(scope: str, name: str) -> str:
    return f"{scope}:initial-weights-{name}"
