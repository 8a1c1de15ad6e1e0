"""An error that the project raises on purpose reaches a page as a message, never as a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, overload

import streamlit as st

from dqn_core.errors import DqnLabError, StoreError
from pages.shared.texts.i18n import _, one_language, translate_error

__all__ = ["fragment", "show_errors"]

P = ParamSpec("P")


def show_errors(draw: Callable[[], None]) -> None:
    """Draw a page; what keeps it from being drawn (a full disk, a database in use) is said in its place."""
    with one_language():
        try:
            draw()
        except DqnLabError as error:
            st.error(translate_error(error), icon=":material/error:")
            if isinstance(error, StoreError):
                st.button(_("Try again"), icon=":material/refresh:", key="try_again")


@overload
def fragment(draw: Callable[P, None], *, run_every: float | str | None = None) -> Callable[P, None]: ...


@overload
def fragment(*, run_every: float | str | None = None) -> Callable[[Callable[P, None]], Callable[P, None]]: ...


def fragment(
    draw: Callable[P, None] | None = None, *, run_every: float | str | None = None
) -> Callable[P, None] | Callable[[Callable[P, None]], Callable[P, None]]:
    """Streamlit's fragment, in whose place it is said what keeps it from being drawn.

    Streamlit's own shows its errors itself: they never come to the page that it is a part of.
    """

    def decorated(part: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(part)
        def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
            with one_language():
                try:
                    part(*args, **kwargs)
                except DqnLabError as error:
                    st.error(translate_error(error), icon=":material/error:")

        return st.fragment(drawn, run_every=run_every)

    return decorated if draw is None else decorated(draw)
