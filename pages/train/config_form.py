"""The settings of a run, in the sidebar: environment, preset, the four that matter most, and the rest in groups."""

from __future__ import annotations

import streamlit as st

from dqn_core.errors import mark
from dqn_core.lessons.catalog import LESSONS
from dqn_core.presets import preset_config, preset_names, preset_record
from dqn_core.runs.classes.classroom import WEIGHTS
from pages.shared.form_state import ASSIGNED, CUSTOM, WATCHING, FormState
from pages.shared.held_values import hold, unless_stale
from pages.shared.links import LESSONS_PAGE, page_query
from pages.shared.texts.fields import EXPLAINED_GROUPS, FIELDS, GROUP_TITLES, Group
from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text
from pages.shared.texts.words import PRESET_LABELS
from pages.train.environment_fields import environment_fields
from pages.train.epsilon_preview import epsilon_preview
from pages.train.field_widgets import field_widget, is_used
from pages.train.initial_weights import weights_choice

__all__ = ["config_form"]

_HELP = mark("Sets all settings at once: those of the course lab, or others that learn within a minute.")
_LAB_MISTAKE = mark(
    "Exactly what the course lab's notebook did, including one mistake: an episode that only hit the time limit "
    "counts as terminated, so its last state is worth nothing."
)
_LIVE_HELP = mark("A preset is for a new run: stop this one first.")


def config_form(form: FormState) -> None:
    """Draw the form, but for the environment, which :func:`~pages.train.environment_card.environment_card` asks for."""
    _preset(form)
    field_widget(form, "seed")
    st.header(_("Settings"), anchor=False)
    if form.is_locked:
        st.caption(_(WATCHING))
    elif form.assignment is not None:
        st.caption(_("Settings that your class's assignment locks cannot be moved."))
    elif form.is_live:
        st.caption(_("Changes apply to the running agent at once."))
    for name in _fields(form, Group.MAIN):
        field_widget(form, name, explained=True)
    epsilon_preview(form)
    st.header(_("More settings"), anchor=False)
    for group, title in GROUP_TITLES.items():
        _group(form, group, _(title))
    if not form.is_live and not form.is_assigned(WEIGHTS):
        weights_choice(form)


def _group(form: FormState, group: Group, title: str) -> None:
    """The fields of ``group``, drawn only while it is open: all of them take a browser a quarter of a second.

    What was open for a new run stays so when that has started.
    """
    names, key = _fields(form, group), f"group:{group.value}"
    wrong = {problem.partition(".")[0] for problem in form.problems()} if not form.is_live else set()
    if any(form.refusal(name) or name in wrong for name in names):
        st.session_state[key] = True
    section = st.expander(title, key=key, on_change="rerun")
    if not section.open:
        return
    with section:
        if group in EXPLAINED_GROUPS:
            st.markdown(_(EXPLAINED_GROUPS[group]))
        if group is Group.ENVIRONMENT:
            environment_fields(form)
            return
        for name in names:
            field_widget(form, name, explained=group in EXPLAINED_GROUPS)


def _fields(form: FormState, group: Group) -> list[str]:
    return [name for name, each in FIELDS.items() if each.group is group and is_used(form, name)]


def _preset(form: FormState) -> None:
    names, present = preset_names(form.values["env_id"]), form.present_preset()
    shown = names if present in names else (*names, CUSTOM)
    key = hold(f"{form.scope}:preset", present)
    st.segmented_control(
        _("Preset"),
        shown,
        format_func=_preset_text,
        key=key,
        persist_state="page",
        required=True,
        width="stretch",
        disabled=form.is_live or form.assignment is not None,
        help=_(_LIVE_HELP if form.is_live else ASSIGNED if form.assignment is not None else _HELP),
        on_change=unless_stale(key, _take_preset),
        args=(form, key),
    )
    _record(form.values["env_id"], present)
    if present == "lab8":
        _lab_mistake()


def _record(env_id: str, name: str) -> None:
    """On how many seeds the preset reached its goal, where that was measured."""
    record = preset_record(env_id, name)
    if record is not None:
        st.caption(
            _("Measured: {reached} of {seeds} seeds reached {goal} (95 % interval: {low} to {high}).").format(
                reached=record.reached,
                seeds=record.seeds,
                goal=number_text(record.goal),
                low=f"{record.low:.0%}",
                high=f"{record.high:.0%}",
            )
        )


def _lab_mistake() -> None:
    """What the lab got wrong, and where that is explained."""
    st.caption(_(_LAB_MISTAKE))
    st.page_link(
        LESSONS_PAGE,
        label=_("Lesson: {title}").format(title=_(LESSONS["time-limit"].title)),
        icon=":material/school:",
        query_params={"lesson": "time-limit", **page_query()},
    )


def _preset_text(name: str) -> str:
    return _(PRESET_LABELS[name]) if name in PRESET_LABELS else name


def _take_preset(form: FormState, key: str) -> None:
    name, env_id = st.session_state.get(key), form.values["env_id"]
    if name in preset_names(env_id):
        form.want_preset(name)
        form.change(**preset_config(env_id, name).replace(seed=form.values["seed"]).to_dict())
