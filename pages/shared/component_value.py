"""What the browser side of a component says, for the callback that it caused."""

from __future__ import annotations

from typing import Any

import streamlit as st

__all__ = ["component_value"]


def component_value(key: str, name: str) -> Any:
    """What the component ``key`` says as ``name``; None where its page was left before the callback ran."""
    return (st.session_state.get(key) or {}).get(name)
