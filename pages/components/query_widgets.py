"""Widgets whose values stand in the page's address, so that a link or a reload shows the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

__all__ = ["query_number", "query_select", "query_toggle"]


def query_select(name: str, label: str, options: Mapping[str, str], default: str, **look: Any) -> str:
    """A selectbox over the keys of ``options``, shown by their texts; what the address does not name is ``default``."""
    wanted = st.query_params.get(name, default)
    value = wanted if wanted in options else default
    key = _prepared(name, value)
    st.selectbox(label, list(options), format_func=options.__getitem__, key=key, on_change=_tell(name, key, str), **look)
    return value


def query_number(name: str, label: str, default: int, low: int, high: int, **look: Any) -> int:
    """A whole number from ``low`` to ``high``."""
    text = st.query_params.get(name, "")
    value = min(high, max(low, int(text))) if text.isascii() and text.isdecimal() else default
    key = _prepared(name, value)
    st.number_input(label, low, high, key=key, on_change=_tell(name, key, str), **look)
    return value


def query_toggle(name: str, label: str, **look: Any) -> bool:
    """A switch; off unless the address says 1."""
    value = st.query_params.get(name) == "1"
    key = _prepared(name, value)
    st.toggle(label, key=key, on_change=_tell(name, key, lambda is_on: "1" if is_on else ""), **look)
    return value


def _prepared(name: str, value: Any) -> str:
    """The widget's key, its value set to what the address says."""
    key = f"query-{name}"
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    return key


def _tell(name: str, key: str, text: Callable[[Any], str]) -> Callable[[], None]:
    """What writes the widget's new value into the address."""

    def tell() -> None:
        value = text(st.session_state[key])
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)

    return tell
