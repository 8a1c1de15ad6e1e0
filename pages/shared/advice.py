"""What to say of settings before a run starts with them."""

from __future__ import annotations

import streamlit as st

from dqn_core.analysis.advice import Advice
from pages.shared.texts.i18n import translate_to_markdown

__all__ = ["show_warning"]


def show_warning(advice: Advice | None, of: str = "") -> None:
    """Draw ``advice``, if there is any; ``of`` names, in Markdown, what it holds for where that is a part alone."""
    if advice is not None:
        text = translate_to_markdown(advice.template, advice.parameters)
        st.warning(f"**{of}**: {text}" if of else text, icon=":material/trending_down:")
