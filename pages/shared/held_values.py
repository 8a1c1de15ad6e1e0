"""Widgets that show what is held elsewhere: in a draft, by a run, in the address.

With each message a browser sends the values of all its widgets, as it has drawn them so far. If a value changes here
and the browser says something before it has drawn the new one, the old one comes back with it and looks like a change
by hand: a preset would be undone by the next press. So a widget whose value changes here is replaced by a new one,
under a key of its own, and what the old one showed is known; only a hand on it says anything else.

Such a widget is drawn with ``persist_state="page"``: a press that comes while the page is drawn interrupts the script,
and what this widget shows may not have been sent. Streamlit then sends it with the next drawing; without
``persist_state``, the browser would show the first stop instead, and say so with the next press.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec

import streamlit as st

__all__ = ["held_key", "hold", "unless_stale"]

P = ParamSpec("P")

_REPLACED = "replaced-widgets"
"""In the session's state: by key, what widgets showed when they were replaced."""


def hold(name: str, value: Any) -> str:
    """The key of the widget called ``name``, which is to show ``value``: the same as long as it does already."""
    key = held_key(name)
    if key in st.session_state and st.session_state[key] != value:
        st.session_state.setdefault(_REPLACED, {})[key] = st.session_state[key]
        st.session_state[_count_key(name)] = st.session_state.get(_count_key(name), 0) + 1
        key = held_key(name)
    if key not in st.session_state:
        st.session_state[key] = value
    return key


def held_key(name: str) -> str:
    """The key of the widget called ``name``, as it was drawn last."""
    count = st.session_state.get(_count_key(name), 0)
    return f"{name}#{count}" if count else name


def unless_stale(key: str, take: Callable[P, None]) -> Callable[P, None]:
    """``take`` as the callback of the widget ``key``, but for a value that this showed when it was replaced."""

    def callback(*args: P.args, **kwargs: P.kwargs) -> None:
        replaced = st.session_state.get(_REPLACED, {})
        is_stale = key in replaced and replaced[key] == st.session_state.get(key)
        if not is_stale:
            take(*args, **kwargs)

    return callback


def _count_key(name: str) -> str:
    return f"replaced:{name}"
