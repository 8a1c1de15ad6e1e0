"""Small headings over a table or a list, with a detail beside them."""

from __future__ import annotations

import streamlit as st

__all__ = ["heading"]


def heading(title: str, detail: str = "") -> None:
    """Draw ``title``, and ``detail`` in a paler tone; a page has one such ``title``."""
    with st.container(key=f"heading-{title}"):
        st.header(title + (f" :gray[{detail}]" if detail else ""), anchor=False)
