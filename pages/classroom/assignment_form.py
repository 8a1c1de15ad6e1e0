"""The form in which a teacher gives the class something to do."""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dqn_core.analysis.advice import unfinished_exploration
from dqn_core.config import Arguments, TrainingConfig, field_rule
from dqn_core.config_rules import NOT_BY_NAME
from dqn_core.environments.listed import listed_environments
from dqn_core.environments.settings import environment_problems
from dqn_core.errors import ClassError, ConfigError, DqnLabError, FieldProblem, mark
from dqn_core.lessons.catalog import LESSONS
from dqn_core.presets import preset_config, preset_names
from dqn_core.runs.classes.classroom import MESSAGE_LENGTH, WEIGHTS, Assignment, Classroom, Opening
from pages.classroom.assignment_text import assignment_facts, open_facts
from pages.classroom.join import attempt, has_refusal, show_refusal
from pages.classroom.places import LESSON, PLACES, place_link, place_of
from pages.server.process import get_manager
from pages.shared.advice import show_warning
from pages.shared.errors import fragment
from pages.shared.form_state import NEW_RUN, draft_config
from pages.shared.held_values import held_key, hold
from pages.shared.links import train_run
from pages.shared.texts.fields import FIELDS, Widget, label_of
from pages.shared.texts.i18n import _, translate_error
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.words import CHOICE_LABELS, PRESET_LABELS
from pages.shared.visitor.identity import require_module, require_teacher

__all__ = ["assign", "assignment_form", "unassign"]

_PRESET, _LAB, _FREE = "preset", "lab", "free"
_SOURCES = {_PRESET: mark("A preset"), _LAB: mark("As in my Lab"), _FREE: mark("Free")}
_EMPTY_LAB = mark("The form of the Lab is empty or not valid: open Train and set it first.")
_NOWHERE = "-"
_OPEN_AT_FIRST = ("seed",)
_ARGUMENT = "env_kwargs"
_KINDS = typing.get_type_hints(TrainingConfig)


def _key(name: str) -> str:
    return f"assign:{name}"


def _value(name: str, otherwise: Any = None) -> Any:
    value = st.session_state.get(held_key(_key(name)))
    return otherwise if value is None else value


def assignment_form(classroom: Classroom) -> None:
    """Draw what is assigned now, and the form for another assignment."""
    present = classroom.assignment
    if present is not None:
        with st.container(key="class-assigned"):
            _present(present)
    with st.expander(_("Assign something"), expanded=present is None, icon=":material/assignment:"):
        _form(classroom.class_id)


def _present(assignment: Assignment) -> None:
    if assignment.task:
        st.markdown(f"**{escape_markdown(assignment.task)}**")
    if assignment.config is not None:
        st.caption("  \n".join(assignment_facts(assignment.config)))
        opened = open_facts(assignment)
        text = _("Open: {settings}. All else is locked.")
        st.caption(text.format(settings=", ".join(opened)) if opened else _("All settings are locked."))
    if assignment.place is not None:
        place_link(assignment.place)


@fragment
def _form(class_id: str) -> None:
    if st.session_state.pop(_key("is-sent"), False) and not has_refusal("assign"):
        st.rerun()  # what is assigned stands above the form
    st.text_area(_("What is to be done"), key=_key("task"), max_chars=MESSAGE_LENGTH, height=80)
    source = st.segmented_control(
        _("Settings"),
        list(_SOURCES),
        format_func=lambda name: _(_SOURCES[name]),
        default=_PRESET,
        required=True,
        key=_key("source"),
        help=_("As in my Lab: the settings that the Train page has in this tab. Free: nothing is locked."),
    )
    if source == _PRESET:
        _preset()
    elif source == _LAB:
        config = _lab_config()
        st.caption("  \n".join(assignment_facts(config)) if config else translate_error(ClassError(_EMPTY_LAB)))
    if source != _FREE:
        _budget()
        _warn_of_unfinished_exploration()
        _openings()
    _place()
    with st.container(horizontal=True, gap="small"):
        st.button(
            _("Give to the class"),
            type="primary",
            icon=":material/send:",
            key=_key("give"),
            on_click=assign,
            args=(class_id,),
        )
        has_one = get_manager().classes.assignment_of(class_id) is not None
        st.button(_("Take it back"), key=_key("take-back"), disabled=not has_one, on_click=unassign, args=(class_id,))
    show_refusal("assign")


def _preset() -> None:
    usable = [each.env_id for each in listed_environments() if not each.obstacle]
    env_id = st.selectbox(_("Environment"), usable, key=_key("env"))
    names = preset_names(env_id)
    preset = _value("preset")
    key = hold(_key("preset"), preset if preset in names else names[0])
    st.selectbox(_("Preset"), names, format_func=_preset_text, key=key, persist_state="page")
    st.text_input(
        _("Arguments of the environment"), key=_key("arguments"), placeholder="gravity=-5", autocomplete="off"
    )


def _preset_text(name: str) -> str:
    return _(PRESET_LABELS[name]) if name in PRESET_LABELS else name


def _budget() -> None:
    columns = st.columns(3)
    names = ("max_env_steps", "max_episodes", "goal_score")
    for column, name in zip(columns, names, strict=True):
        with column:
            kind = float if name == "goal_score" else int
            st.number_input(
                _(FIELDS[name].label),
                value=None,
                min_value=None if kind is float else 1,
                step=kind(1),
                format="%g" if kind is float else "%d",
                placeholder=_("as in the settings"),
                key=_key(name),
            )


def _warn_of_unfinished_exploration() -> None:
    with contextlib.suppress(DqnLabError):  # what is not valid is said when it is given to the class
        config = _config()
        if config is not None:
            show_warning(unfinished_exploration(config))


def _openings() -> None:
    names = [*(name for name in FIELDS if name != "env_id"), WEIGHTS]
    chosen = st.multiselect(
        _("Open settings"),
        names,
        _OPEN_AT_FIRST,
        format_func=lambda name: label_of(name, _),
        key=_key("open"),
        help=_("What students may choose. Everything else is locked, on the server too."),
        placeholder=_("none"),
    )
    for name in chosen:
        _opening(name)


def _opening(name: str) -> None:
    """The range of one setting that is open: two numbers, or some words; none of it where any value will do."""
    if name in {WEIGHTS, "seed"} or FIELDS[name].widget in {Widget.SWITCH, Widget.OWN}:
        return
    label = label_of(name, _)
    if FIELDS[name].widget is Widget.CHOICE:
        words = typing.get_args(_KINDS[name])
        st.multiselect(
            _("{setting}: one of").format(setting=label),
            words,
            format_func=lambda word: _(CHOICE_LABELS[word]),
            key=_key(f"choices:{name}"),
            placeholder=_("all"),
        )
        return
    rule = field_rule(name)
    for column, end, text in zip(
        st.columns(2), ("low", "high"), (_("{setting}: from"), _("{setting}: to")), strict=True
    ):
        with column:
            st.number_input(
                text.format(setting=label),
                value=None,
                min_value=None if rule.low is None else float(rule.low),
                max_value=None if rule.high is None else float(rule.high),
                format="%g",
                placeholder=_("any"),
                key=_key(f"{end}:{name}"),
            )


def _place() -> None:
    page = st.selectbox(
        _("Page to be on"),
        [_NOWHERE, *PLACES],
        format_func=lambda page: "–" if page == _NOWHERE else _(PLACES[page][1]),
        key=_key("page"),
    )
    if page == LESSON:
        st.selectbox(_("Lesson"), list(LESSONS), format_func=lambda name: _(LESSONS[name].title), key=_key("lesson"))


# ------------------------------------------------------------------------------------------------------------ commands


def assign(class_id: str) -> None:
    """Give the class what the form says."""

    def do() -> None:
        require_teacher(class_id)
        get_manager().classes.assign(class_id, _assignment())

    attempt("assign", do)
    st.session_state[_key("is-sent")] = True


def unassign(class_id: str) -> None:
    """Have nothing assigned to the class."""

    def do() -> None:
        require_teacher(class_id)
        get_manager().classes.assign(class_id, None)

    attempt("assign", do)
    st.session_state[_key("is-sent")] = True


def _assignment() -> Assignment:
    """What the form says. Raises ConfigError for settings that are not valid, or AccessError for a module's."""
    config = _config()
    page = _value("page", _NOWHERE)
    lesson = _value("lesson", next(iter(LESSONS)))
    return Assignment(
        pushed_at=datetime.now(UTC),
        task=_value("task", ""),
        config=config,
        open={} if config is None else dict(_open_ones()),
        place=None if page == _NOWHERE else place_of(page, lesson=lesson),
    )


def _config() -> TrainingConfig | None:
    source = _value("source", _PRESET)
    if source == _FREE:
        return None
    config = _lab_config() if source == _LAB else _from_preset()
    if config is None:
        raise ClassError(_EMPTY_LAB)
    require_module(config.env_id)
    wanted = {name: _value(name) for name in ("max_env_steps", "max_episodes", "goal_score")}
    config = config.replace(**{name: value for name, value in wanted.items() if value is not None})
    problems = environment_problems(config)
    if problems:
        raise ConfigError(tuple(problems))
    return config


def _lab_config() -> TrainingConfig | None:
    """What the Train page of this tab has: its form, of the run shown or of a new one; None where there is nothing."""
    run_id = train_run()
    if run_id is None:
        return draft_config(NEW_RUN)
    return draft_config(run_id) or get_manager().snapshot(run_id).wanted_config


def _from_preset() -> TrainingConfig:
    env_id = _value("env", "")
    config = preset_config(env_id, _value("preset", preset_names(env_id)[0]))
    arguments = Arguments.of_text(_value("arguments", ""))
    if isinstance(arguments, str):
        raise ConfigError((FieldProblem(_ARGUMENT, arguments, NOT_BY_NAME, {}),))
    return config.replace(**{f"{_ARGUMENT}.{name}": value for name, value in arguments.items()})


def _open_ones() -> Iterator[tuple[str, Opening]]:
    for name in _value("open", ()):
        low, high = _value(f"low:{name}"), _value(f"high:{name}")
        yield name, Opening(low=low, high=high, choices=tuple(_value(f"choices:{name}", ())))
