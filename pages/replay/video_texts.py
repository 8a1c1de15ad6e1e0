"""What is written on a video, in the visitor's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import streamlit as st

from dqn_core.episodes.overlay import NO_TRANSLATION, OVERLAY_TEXTS, can_write
from pages.shared.texts.i18n import _

__all__ = ["overlay_translation", "say_if_english"]


def overlay_translation(action_names: Iterable[str] = ()) -> Mapping[str, str]:
    """The overlay's texts and ``action_names`` in the session's language; none where no font here has its letters."""
    translation = _translation(action_names)
    return translation if can_write(translation.values()) else NO_TRANSLATION


def say_if_english() -> None:
    """A caption for those whose language this machine has no font for."""
    if not can_write(_translation(()).values()):
        st.caption(_("This server has no font with the letters of your language: the words on the video are English."))


def _translation(action_names: Iterable[str]) -> dict[str, str]:
    return {text: own for text in (*OVERLAY_TEXTS, *action_names) if (own := _(text)) != text}
