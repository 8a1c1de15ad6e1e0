"""The page where one agent is trained: its settings, its controls, and what it does live.

The run shown is the one in the address (``?run=...``), or the one that the tab showed last; the run itself lives in the
server and goes on without any page. Without a run, the page shows the settings of the one to come; a link may bring
them (``?env=...&preset=...&settings=...``, :mod:`pages.shared.share.settings_link`).
"""

from __future__ import annotations

import functools
from typing import Any

import streamlit as st

from dqn_core.config import TrainingConfig, settings_of
from dqn_core.environments.make import EnvironmentReport, inspect_environment
from dqn_core.errors import ConfigError, DqnLabError, UnknownRunError, UnsupportedEnvironmentError
from dqn_core.presets import PRESETS
from dqn_core.runs.classes.classroom import Assignment
from dqn_core.runs.manager import RunSnapshot
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.snapshots import SnapshotInfo, preferred_snapshot
from pages.server.process import get_manager
from pages.shared.environment_picture import picture_size
from pages.shared.errors import fragment, show_errors
from pages.shared.form_state import NEW_RUN, FormState, draft_form, first_config, live_form
from pages.shared.links import TRAIN_PAGE, replay_address, train_run
from pages.shared.page_header import lab_header
from pages.shared.texts.i18n import _, problem_text, translate_error, translate_to_markdown
from pages.shared.visitor.identity import may_control, own_class
from pages.train.about import about
from pages.train.checkpoints import checkpoints
from pages.train.config_form import config_form
from pages.train.environment_card import environment_card
from pages.train.environment_check import environment_check
from pages.train.linked_settings import forget_link, has_link, link_notice, take_link
from pages.train.panel import fetch_panel_early, labels, live_panel
from pages.train.run_controls import run_controls, show_command_error
from pages.train.submission import submission
from pages.train.welcome import unknown_run, welcome
from pages.train.what_next import what_next


def train_page() -> None:
    """Draw the page of the run in the address; where it names none, of the run that this tab showed last."""
    if "run" not in st.query_params and not has_link() and (run_id := train_run()):
        st.query_params["run"] = run_id
    snapshot, complaint = _snapshot_in_address()
    form = _form(snapshot)
    if snapshot is None:
        take_link(form)
    else:
        forget_link()
    with st.sidebar:
        report = environment_card(form)
    _header(snapshot)
    if complaint:
        unknown_run(complaint)
    if snapshot is None:
        link_notice(form)
    _workbench(form, report, snapshot, st.query_params.get("run"))
    with st.sidebar:  # after the run, which somebody waits for: the many fields take a third of a second
        config_form(form)
    config = _config(form)
    if report is not None and snapshot is None and config is not None:
        environment_check(config.environment)
    if report is not None:
        about(report, config, _compute(snapshot), is_open=snapshot is None)


@fragment
def _workbench(
    form: FormState, report: EnvironmentReport | None, shown: RunSnapshot | None, address: str | None
) -> None:
    """The controls and the run: a click here runs this part alone, not the form with its many fields.

    All of it is drawn where the page's other parts, which were drawn with ``form``, ``shown`` and the run in the
    ``address``, are not true any more.
    """
    snapshot = get_manager().snapshot(shown.record.run_id) if shown else None
    if st.query_params.get("run") != address or (shown and snapshot and _is_outdated(shown, snapshot)):
        st.rerun()
    config_now = functools.partial(_config, form)
    watch = run_controls(snapshot, config_now, report)
    show_command_error()
    if not form.is_live:
        _problems(form)
    if snapshot is None:
        welcome()
        fetch_panel_early(labels())
    else:
        if not snapshot.is_active and snapshot.record.reason is not None:
            what_next(snapshot.record)
        _live(snapshot, watch=watch)
        checkpoints(snapshot, config_now)


def _is_outdated(shown: RunSnapshot, now: RunSnapshot) -> bool:
    """Whether more of the page than its workbench depends on what changed since it was drawn."""
    return (shown.is_active, shown.launches, shown.wanted_config) != (
        now.is_active,
        now.launches,
        now.wanted_config,
    ) or shown.record.compute != now.record.compute


def _snapshot_in_address() -> tuple[RunSnapshot | None, str]:
    run_id = st.query_params.get("run")
    if not run_id:
        return None, ""
    try:
        return get_manager().snapshot(run_id), ""
    except UnknownRunError as error:
        return None, translate_error(error)


def _form(snapshot: RunSnapshot | None) -> FormState:
    own = own_class()
    assignment = _locking(own.assignment if own else None)
    if snapshot is None:
        first = assignment.config if assignment else None
        return draft_form(NEW_RUN, first or first_config(next(iter(PRESETS))), assignment)
    run_id = snapshot.record.run_id
    if snapshot.is_active:
        is_locked = not may_control(snapshot.record)
        assignment = _locking(get_manager().classes.assignment_of(snapshot.record.class_id))
        return live_form(run_id, snapshot.wanted_config, is_locked=is_locked, assignment=assignment)
    # A run that is no run of the assignment is shown as it was; Start then says what is not allowed.
    is_assigned = assignment is not None and not assignment.problems(snapshot.wanted_config)
    return draft_form(run_id, snapshot.wanted_config, assignment if is_assigned else None)


def _locking(assignment: Assignment | None) -> Assignment | None:
    """``assignment`` where it has settings, and so locks some."""
    return assignment if assignment is not None and assignment.config is not None else None


def _header(snapshot: RunSnapshot | None) -> None:
    def beside_title() -> None:
        if snapshot and not snapshot.record.state.is_active:
            submission(snapshot)

    lab_header(TRAIN_PAGE, snapshot.record if snapshot else None, beside_title=beside_title)


def _config(form: FormState) -> TrainingConfig | None:
    try:
        return None if form.problems() else form.config()
    except ConfigError:
        return None


def _problems(form: FormState) -> None:
    problems = form.problems()
    if problems:
        lines = "\n".join(f"- {problem_text(problem)}" for problem in problems.values())
        st.error(_("Correct these settings to start:") + f"\n{lines}", icon=":material/error:")


def _live(snapshot: RunSnapshot, *, watch: bool) -> None:
    record = snapshot.record
    agent = None if snapshot.is_active else _trained_agent(record.run_id)
    report = _report(record.config)
    live_panel(
        record.run_id,
        labels=labels(),
        action_names=[_(name) for name in report.action_names] if report else [],
        layout=report.layout if report else None,
        picture_size=picture_size(record.config.env_id, record.config.env_kwargs),
        watch_frames=watch and not snapshot.is_elsewhere,
        key=f"{record.run_id}:panel-{snapshot.launches}",  # a run that goes on gets a panel that listens anew
        state=record.state,
        settings=_settings(snapshot.wanted_config),
        agent_episode=_best_episode(record.run_id, agent) if agent else None,
    )


def _trained_agent(run_id: str) -> SnapshotInfo | None:
    """The network that plays after the run; None where none was kept."""
    try:
        return preferred_snapshot(RunFolder.open(get_manager().run_folder(run_id)).snapshots())
    except DqnLabError:
        return None


def _best_episode(run_id: str, agent: SnapshotInfo) -> str:
    """Where the best episode of the evaluation that ``agent`` had is; of one without any, the first start's."""
    return replay_address(run_id, agent.name, 1 if agent.best_seed is None else agent.best_seed)


def _settings(config: TrainingConfig) -> dict[str, Any]:
    """The values by field, and those of single arguments, as live changes name them."""
    return config.to_dict() | {name: config.value(name) for name in settings_of(config) if "." in name}


def _report(config: TrainingConfig) -> EnvironmentReport | None:
    """Of the run's environment; None where it is not installed here."""
    try:
        return inspect_environment(*config.environment)
    except UnsupportedEnvironmentError:
        return None


def _compute(snapshot: RunSnapshot | None) -> tuple[str, str] | None:
    if snapshot is None or not snapshot.record.compute:
        return None
    record = snapshot.record
    return record.compute, translate_to_markdown(record.compute_template, record.compute_parameters)


show_errors(train_page)
