"""An error that the project raises on purpose reaches a page as a message, never as a traceback."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dqn_core.errors import DqnLabError, StoreError
from pages.shared.i18n import _, translate_error

__all__ = ["show_errors"]


def show_errors(draw: Callable[[], None]) -> None:
    """Draw a page; what keeps it from being drawn (a full disk, a database in use) is said in its place."""
    try:
        draw()
    except DqnLabError as error:
        st.error(translate_error(error), icon=":material/error:")
        if isinstance(error, StoreError):
            st.button(_("Try again"), icon=":material/refresh:", key="try_again")
