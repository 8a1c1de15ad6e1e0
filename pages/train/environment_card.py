"""Which environment: a picker, its picture, and what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dqn_core.environments.listed import ListedEnvironment, listed_environments
from dqn_core.environments.make import EnvironmentReport, inspect_environment
from dqn_core.environments.own import environment_files
from dqn_core.environments.settings import usable_arguments
from dqn_core.errors import AccessError, UnsupportedEnvironmentError
from dqn_core.presets import find_preset, preset_config, preset_names
from pages.shared.environment_picture import picture_of
from pages.shared.episode.jpeg import jpeg_address
from pages.shared.errors import fragment
from pages.shared.form_state import FormState
from pages.shared.held_values import hold, unless_stale
from pages.shared.texts.fields import FIELDS
from pages.shared.texts.i18n import _, translate_error, translate_to_markdown
from pages.shared.texts.markdown import escape_markdown
from pages.shared.visitor.identity import require_module
from pages.train.field_widgets import frozen_reason

__all__ = ["environment_card"]

_OTHER = "another"
_LOOK_AGAIN_S = 1.0


def environment_card(form: FormState) -> EnvironmentReport | None:
    """Draw the environment's controls and picture; its report, or None where there is no such environment."""
    env_id, reason, field = form.values["env_id"], frozen_reason(form, "env_id"), FIELDS["env_id"]
    choices = {each.env_id: each for each in listed_environments()}
    wanted = env_id if env_id in choices else _OTHER
    key = hold(f"{form.scope}:environment", wanted)
    st.selectbox(
        _(field.label),
        [*choices, _OTHER],
        format_func=lambda each: _choice_text(choices.get(each)),
        key=key,
        persist_state="page",
        disabled=reason is not None,
        help=reason or _(field.raising),
        on_change=unless_stale(key, _choose),
        args=(form, key),
    )
    if wanted == _OTHER:
        _other_id(form, env_id, reason)
    refusal = form.refusal("env_id")
    if refusal is not None:
        st.error(translate_error(refusal), icon=":material/block:")
    if not form.is_live:
        _files()
    return _picture(env_id, form.values["env_kwargs"]) if env_id else None


def _choice_text(choice: ListedEnvironment | None) -> str:
    if choice is None:
        return _("Another id ...")
    if choice.obstacle:
        return f"{choice.env_id} ✕ {_(choice.obstacle).format(package=choice.package)}"
    return f"{choice.env_id} · {choice.file}" if choice.file else choice.env_id


def _files() -> None:
    """What is to be said of the files of people's own environments: those that cannot be used, and why."""
    problems = [each.problem for each in environment_files() if each.problem is not None]
    if problems:
        label = _("Environment files that cannot be used: {count}").format(count=len(problems))
        with st.expander(label, icon=":material/error:"):
            for problem in problems:
                st.markdown(translate_error(problem))
    if any(each.is_pending for each in environment_files()):
        _wait_for_files()


@fragment(run_every=_LOOK_AGAIN_S)
def _wait_for_files() -> None:
    pending = [each.path.name for each in environment_files() if each.is_pending]
    if not pending:
        st.rerun()
    names = escape_markdown(", ".join(pending))
    st.caption(_("Reading {files} …").format(files=names))


def _other_id(form: FormState, env_id: str, reason: str | None) -> None:
    key = hold(form.key("env_id"), env_id)
    st.text_input(
        _("Gymnasium id"),
        key=key,
        persist_state="page",
        placeholder="module:Id",
        disabled=reason is not None,
        help=reason or _("The id of an environment, or module:Id to have the module imported that registers it."),
        on_change=unless_stale(key, _take_typed),
        args=(form, key),
    )
    if not env_id:
        st.info(_("Type the id of an environment, for example mypackage:Snake-v0."), icon=":material/keyboard:")


def _choose(form: FormState, key: str) -> None:
    chosen = st.session_state.get(key, form.values["env_id"])
    _take(form, "" if chosen == _OTHER else chosen)


def _take_typed(form: FormState, key: str) -> None:
    _take(form, str(st.session_state.get(key) or "").strip())


def _take(form: FormState, env_id: str) -> None:
    """Another environment brings its own settings along; the seed stays, and the preset where it has one so called."""
    wanted = form.wanted_preset()
    try:
        require_module(env_id)
    except AccessError as error:
        form.change(env_id="")
        form.refuse("env_id", error)
        return
    if env_id:
        known = preset_names(env_id)
        config = preset_config(env_id, wanted if wanted in known else known[0])
        form.change(**config.replace(seed=form.values["seed"]).to_dict())
    else:
        form.change(env_id="")


def _picture(env_id: str, env_kwargs: Mapping[str, Any]) -> EnvironmentReport | None:
    try:
        arguments = usable_arguments(env_id, env_kwargs)
        report = inspect_environment(env_id, None, arguments)
        picture = picture_of(env_id, arguments)
    except UnsupportedEnvironmentError as error:
        st.error(translate_error(error), icon=":material/error:")
        return None
    if picture.trouble:
        text = _("{env_id} cannot be drawn ({cause}). It can still be trained.")
        st.warning(
            text.format(env_id=escape_markdown(env_id), cause=escape_markdown(picture.trouble)),
            icon=":material/visibility_off:",
        )
    preset = find_preset(env_id)
    summary = _(preset.summary) if preset else ""
    alt = _("Picture of {env_id}.").format(env_id=env_id) + f" {summary}"
    st.image(jpeg_address(picture.jpeg), alt=alt, width="stretch")
    if summary:
        st.caption(summary)
    for template, parameters in report.remarks:
        st.warning(translate_to_markdown(template, parameters), icon=":material/info:")
    return report
