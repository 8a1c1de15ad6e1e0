"""Start, pause, step, resume, stop; the pace; and whether to watch.

The one button that a person most likely wants next is filled; those that make no sense now are disabled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dqn_core.config import TrainingConfig
from dqn_core.environments.make import EnvironmentReport
from dqn_core.errors import DqnLabError, mark
from dqn_core.events import RunState
from dqn_core.runs.manager import RunSnapshot
from pages.server.process import get_manager
from pages.shared.form_state import NEW_RUN
from pages.shared.held_values import hold, unless_stale
from pages.shared.links import open_run
from pages.shared.texts.i18n import _, translate_error
from pages.shared.texts.markdown import escape_markdown
from pages.shared.visitor.identity import may_control, owner_text, steering, visitor
from pages.train.initial_weights import initial_weights

__all__ = ["AUTOMATIC", "FULL_SPEED", "PACES", "keep_command_error", "run_controls", "show_command_error"]

AUTOMATIC, FULL_SPEED = 0.0, math.inf
PACES = (AUTOMATIC, 1.0, 2.0, 5.0, 10.0, 50.0, FULL_SPEED)
"""Multiples of real time; automatic begins there and rises to full speed."""
_PACE_KEY, _WATCH_KEY, _ERROR_KEY, _STARTS_KEY = "chosen_pace", "watch", "command_error", "starts"


@dataclass(frozen=True)
class _Action:
    name: str
    label: str
    icon: str
    help: str
    possible_in: frozenset[RunState | None]
    """States in which the button can be pressed; None stands for "no run"."""
    main_in: frozenset[RunState | None]
    fulfilled_in: frozenset[RunState | None] = frozenset()
    """States in which what it asks for is so already: a second click of two quick ones changes nothing."""


_OVER = frozenset({RunState.FINISHED, RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED})
_IDLE = _OVER | {None}
_GOING = frozenset({RunState.STARTING, RunState.RUNNING})
_QUEUED = frozenset({RunState.QUEUED})
_PAUSED = frozenset({RunState.PAUSED})
_NEVER: frozenset[RunState | None] = frozenset()

_ACTIONS = (
    _Action("start", mark("Start"), ":material/play_arrow:", mark("Start a new run with these settings"), _IDLE, _IDLE),
    _Action("pause", mark("Pause"), ":material/pause:", mark("Pause before the next step"), _GOING, _GOING),
    _Action("step", mark("Step"), ":material/skip_next:", mark("Take one step, then pause again"), _PAUSED, _NEVER),
    _Action(
        "resume",
        mark("Resume"),
        ":material/resume:",
        mark("Resume a paused or ended run from where it stopped, with more episodes if you set them"),
        _PAUSED | _OVER,
        _PAUSED,
        _GOING | _QUEUED,
    ),
    _Action(
        "stop",
        mark("Stop"),
        ":material/stop:",
        mark("End the run and keep its results"),
        _QUEUED | _GOING | _PAUSED,
        _NEVER,
        _IDLE,
    ),
)


def run_controls(
    snapshot: RunSnapshot | None, config_now: Callable[[], TrainingConfig | None], report: EnvironmentReport | None
) -> bool:
    """Draw the controls of the run shown, or of the one to come, and who has them; whether to watch frames.

    ``config_now`` gives what Start begins with; it is asked at the press again, which leaves the field typed in last.
    None, or no ``report``, where it cannot begin.
    """
    state, config = _state(snapshot), config_now()
    is_ours = snapshot is None or may_control(snapshot.record)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="run-controls"):
        for action in _ACTIONS:
            needs_config = action.name == "start" or (action.name == "resume" and state in _OVER)
            can_start = config is not None and report is not None
            may_press = is_ours or action.name == "start"  # whoever watches may begin a run of their own
            st.button(
                _(action.label),
                key=action.name,
                icon=action.icon,
                help=_(action.help),
                type="primary" if state in action.main_in and may_press else "secondary",
                disabled=state not in action.possible_in or (needs_config and not can_start) or not may_press,
                on_click=_command(action, snapshot, config_now, report),
            )
        st.space("small")
        _pace(snapshot, report, is_ours=is_ours)
        watch = _watch()
    if snapshot is not None and not is_ours:
        _watching(snapshot)
    return watch


def _watching(snapshot: RunSnapshot) -> None:
    text = _(
        "This run was started by {owner}: only they and the instructor can control it. Press New run to start your own."
    )
    st.info(text.format(owner=escape_markdown(owner_text(snapshot.record))), icon=":material/visibility:")


def _watch() -> bool:
    """The switch for frames."""
    text = _("Show the agent in the environment. Frames are drawn only while someone is watching.")
    return st.toggle(_("Show agent"), value=True, key=_WATCH_KEY, help=text)


def show_command_error() -> None:
    """Say, once, why the last command was refused."""
    error = st.session_state.pop(_ERROR_KEY, None)
    if error is not None:
        st.error(translate_error(error), icon=":material/block:")


def keep_command_error(error: DqnLabError) -> None:
    """Have :func:`show_command_error` say why a command was refused."""
    st.session_state[_ERROR_KEY] = error


def _command(
    action: _Action,
    snapshot: RunSnapshot | None,
    config_now: Callable[[], TrainingConfig | None],
    report: EnvironmentReport | None,
) -> Callable[[], None]:
    """What a press of the button does that is drawn now."""
    starts_seen = st.session_state.get(_STARTS_KEY, 0)

    def act() -> None:
        config = config_now()
        try:
            if action.name == "start":
                # Of two quick presses, the second meets a button drawn before the run, or one that is disabled by now.
                is_second = starts_seen != st.session_state.get(_STARTS_KEY, 0)
                if config is not None and not is_second and _state(snapshot) in action.possible_in:
                    _start(_scope(snapshot), config, report)
            elif snapshot is not None:
                _send(action, snapshot.record.run_id, config, report)
        except DqnLabError as error:
            keep_command_error(error)

    return act


def _send(action: _Action, run_id: str, config: TrainingConfig | None, report: EnvironmentReport | None) -> None:
    manager = steering(run_id)
    record = manager.snapshot(run_id).record
    if record.state in action.fulfilled_in:
        return
    if action.name == "resume" and record.state in _OVER and config is not None:
        manager.go_on(run_id, **{name: new for name, _old, new in record.config.differences(config)})
        if st.session_state.get(_PACE_KEY) != AUTOMATIC:  # its beginning was seen already
            _send_pace(run_id, report)
    else:
        getattr(manager, action.name)(run_id)


def _start(scope: str, config: TrainingConfig, report: EnvironmentReport | None) -> None:
    given = initial_weights(scope, config)
    run_id = get_manager().start(
        config, owner=visitor().visitor_id, initial_weights=given.weights, started_from=given.source
    )
    st.session_state[_STARTS_KEY] = st.session_state.get(_STARTS_KEY, 0) + 1
    open_run(run_id)
    _send_pace(run_id, report)


def _scope(snapshot: RunSnapshot | None) -> str:
    return snapshot.record.run_id if snapshot else NEW_RUN


def _state(snapshot: RunSnapshot | None) -> RunState | None:
    return snapshot.record.state if snapshot else None


def _pace(snapshot: RunSnapshot | None, report: EnvironmentReport | None, *, is_ours: bool) -> None:
    is_active = snapshot is not None and snapshot.is_active
    if is_active and snapshot is not None and report is not None:
        st.session_state[_PACE_KEY] = _nearest_pace(snapshot, report.frames_per_s)
    chosen = st.session_state.setdefault(_PACE_KEY, AUTOMATIC)
    key = hold("pace", chosen)

    def send() -> None:
        if snapshot is not None and is_active:
            _send_pace(snapshot.record.run_id, report)

    def choose() -> None:
        st.session_state[_PACE_KEY] = st.session_state.get(key, chosen)
        send()

    def hurry() -> None:
        st.session_state[_PACE_KEY] = FULL_SPEED
        send()

    st.select_slider(
        _("Speed"),
        PACES,
        format_func=_pace_text,
        key=key,
        persist_state="page",
        width=220,
        disabled=is_active and not is_ours,
        help=_(
            "From real time to as fast as this machine can go. Automatic begins in real time, so that you can watch "
            "the first episodes, and reaches full speed within 20 seconds."
        ),
        on_change=unless_stale(key, choose),
    )
    st.button(
        _("Full speed"),
        key="full-speed",
        icon=":material/fast_forward:",
        on_click=hurry,
        disabled=chosen == FULL_SPEED or (is_active and not is_ours),
        help=_("Train as fast as this machine can go"),
    )


def _send_pace(run_id: str, report: EnvironmentReport | None) -> None:
    multiple = st.session_state.get(_PACE_KEY, FULL_SPEED)
    is_automatic = multiple == AUTOMATIC
    steps_per_s = None if report is None or multiple == FULL_SPEED else (multiple or 1.0) * report.frames_per_s
    try:
        steering(run_id).set_pace(run_id, steps_per_s, is_automatic=is_automatic and report is not None)
    except DqnLabError as error:
        keep_command_error(error)


def _nearest_pace(snapshot: RunSnapshot, frames_per_s: float) -> float:
    steps_per_s = snapshot.pace
    if steps_per_s is None:
        return FULL_SPEED
    if snapshot.is_pace_automatic:
        return AUTOMATIC
    return min(PACES[1:-1], key=lambda multiple: abs(multiple * frames_per_s - steps_per_s))


def _pace_text(multiple: float) -> str:
    if multiple == FULL_SPEED:
        return _("full speed")
    if multiple == AUTOMATIC:
        return _("automatic")
    return _("real time") if multiple == 1 else f"{multiple:g}×"
