"""Lists that would be too long to be read: their beginning is shown, and how much more there is."""

from __future__ import annotations

import streamlit as st

from pages.shared.texts.i18n import _
from pages.shared.texts.numbers import number_text

__all__ = ["MOST_ROWS", "say_what_is_left_out"]

MOST_ROWS = 100
"""Of a table or a list of an environment's numbers or actions."""


def say_what_is_left_out(count: int) -> None:
    """Say how many of ``count`` rows are left out, where any are."""
    if count > MOST_ROWS:
        st.caption(_("… and {count} more.").format(count=number_text(count - MOST_ROWS)))
