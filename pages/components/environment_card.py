"""Which environment: a picker, its picture, and what it is about."""

from __future__ import annotations

import streamlit as st

from dqn_core.errors import UnsupportedEnvironmentError
from dqn_core.presets import PRESETS
from dqn_core.training.environments import EnvironmentReport, environment_picture, inspect_environment
from pages.components.field_widgets import frozen_reason
from pages.components.fields import FIELDS
from pages.components.form_state import FormState, first_config
from pages.i18n import _, translate_error

__all__ = ["environment_card"]

_OTHER = "another"


def environment_card(form: FormState) -> EnvironmentReport | None:
    """Draw the environment's controls and picture; its report, or None where there is no such environment."""
    env_id, reason, field = form.values["env_id"], frozen_reason(form, "env_id"), FIELDS["env_id"]
    key, text_key = f"{form.scope}:environment", f"{form.scope}:env_id"
    wanted = env_id if env_id in PRESETS else _OTHER
    if st.session_state.get(key) != wanted:
        st.session_state[key] = wanted
    st.selectbox(
        _(field.label),
        [*PRESETS, _OTHER],
        format_func=_choice_text,
        key=key,
        disabled=reason is not None,
        help=reason or _(field.raising),
        on_change=_choose,
        args=(form, key),
    )
    if wanted == _OTHER:
        _other_id(form, text_key, env_id, reason)
    return _picture(env_id) if env_id else None


def _choice_text(env_id: str) -> str:
    return _("Another Gymnasium id ...") if env_id == _OTHER else env_id


def _other_id(form: FormState, key: str, env_id: str, reason: str | None) -> None:
    if st.session_state.get(key) != env_id:
        st.session_state[key] = env_id
    st.text_input(
        _("Gymnasium id"),
        key=key,
        placeholder="CartPole-v0",
        disabled=reason is not None,
        help=reason or _("Any environment with a vector of numbers to observe and a few actions to choose from."),
        on_change=lambda: _take(form, st.session_state[key].strip()),
    )
    if not env_id:
        st.info(_("Type the id of an environment, for example CartPole-v0."), icon=":material/keyboard:")


def _choose(form: FormState, key: str) -> None:
    chosen = st.session_state[key]
    _take(form, "" if chosen == _OTHER else chosen)


def _take(form: FormState, env_id: str) -> None:
    """Another environment brings its own settings along; the seed stays."""
    if env_id:
        form.change(**first_config(env_id).replace(seed=form.values["seed"]).to_dict())
    else:
        form.change(env_id="")


def _picture(env_id: str) -> EnvironmentReport | None:
    try:
        report = inspect_environment(env_id)
        picture = environment_picture(env_id) if report.has_pictures else None
    except UnsupportedEnvironmentError as error:
        st.error(translate_error(error), icon=":material/error:")
        return None
    preset = PRESETS.get(env_id)
    summary = _(preset.summary) if preset else ""
    if picture is not None:
        st.image(picture, alt=_("Picture of {env_id}.").format(env_id=env_id) + f" {summary}", width="stretch")
    if summary:
        st.caption(summary)
    return report
