"""The form as a link asks for it: its settings are taken once, and what they are is said."""

from __future__ import annotations

import streamlit as st

from dqn_core.config import TrainingConfig
from dqn_core.presets import preset_config
from pages.shared.form_state import FormState
from pages.shared.share.settings_link import PARAMETERS, LinkedSettings, read_settings
from pages.shared.texts.fields import label_of
from pages.shared.texts.i18n import _, problem_text
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.value_text import value_text
from pages.shared.texts.words import PRESET_LABELS

__all__ = ["forget_link", "has_link", "link_notice", "take_link"]

_TAKEN = "link:taken"
_FOUND = "link:found"
_MOST_LISTED = 20


def has_link() -> bool:
    """Whether the address has settings."""
    return any(name in st.query_params for name in PARAMETERS)


def forget_link() -> None:
    """Take the settings out of the address."""
    for name in PARAMETERS:
        st.query_params.pop(name, None)


def take_link(form: FormState) -> None:
    """Have the form begin as the address says.

    Each link is taken once in a tab: what is changed in the form afterwards stays, at each drawing of the page.
    """
    query = {name: st.query_params[name] for name in PARAMETERS if name in st.query_params}
    if not query or st.session_state.get(_TAKEN) == query:
        return
    found = read_settings(query)
    st.session_state[_TAKEN], st.session_state[_FOUND] = query, found
    _fill(form, found.config, found.preset)


def link_notice(form: FormState) -> None:
    """What came from the link, what of it is wrong, and the ways back."""
    found: LinkedSettings | None = st.session_state.get(_FOUND)
    if found is None or not has_link():
        return
    differing = found.differing
    if not differing and not found.problems:
        return  # nothing but an environment: the form shows it
    preset = _(PRESET_LABELS[found.preset]) if found.preset in PRESET_LABELS else found.preset
    if differing:
        text = _("Settings from a link. Different from the preset {preset}:").format(preset=preset)
    else:
        text = _("Settings from a link: those of the preset {preset}.").format(preset=preset)
    with st.container(border=True, key="link-notice", gap="small"):
        st.markdown(f":material/link: **{text}**")
        if differing:
            st.caption(", ".join(_setting_text(name, value) for name, value in differing))
        _problems(found)
        with st.container(horizontal=True, gap="small"):
            st.button(
                _("Back to the preset"),
                icon=":material/undo:",
                key="link-preset",
                on_click=_back_to_preset,
                args=(form, found),
            )
            st.button(
                _("As in the link"),
                icon=":material/link:",
                key="link-again",
                disabled=form.values == found.config.to_dict(),
                on_click=_fill,
                args=(form, found.config, found.preset),
            )


def _problems(found: LinkedSettings) -> None:
    if not found.problems:
        return
    lines = [f"- {problem_text(problem)}" for problem in found.problems[:_MOST_LISTED]]
    left = len(found.problems) - len(lines)
    if left:
        lines.append("- " + _("and {count} more").format(count=left))
    st.warning(_("This in the link is wrong and was left out:") + "\n" + "\n".join(lines), icon=":material/link_off:")


def _setting_text(name: str, value: object) -> str:
    return escape_markdown(f"{label_of(name, _)} {value_text(name, value, _)}")


def _fill(form: FormState, config: TrainingConfig, preset: str) -> None:
    form.want_preset(preset)
    form.change(**config.to_dict())


def _back_to_preset(form: FormState, found: LinkedSettings) -> None:
    _fill(form, preset_config(found.config.env_id, found.preset), found.preset)
    forget_link()
