"""What a person sees before there is a run: what this is, and what to do."""

from __future__ import annotations

import streamlit as st

from pages.shared.texts.i18n import _

__all__ = ["unknown_run", "welcome"]


def welcome() -> None:
    """The empty page's words."""
    with st.container(border=True, key="welcome"):
        st.header(_("Watch an agent learn"), anchor=False)
        st.markdown(
            _(
                "A deep Q-network learns a task by trial and error, and you can watch it learn: its returns, its "
                "loss, what it does, and the value that it predicts for each action."
            )
        )
        for column, (icon, title, text) in zip(st.columns(3, gap="medium"), _steps(), strict=True):
            with column:
                st.markdown(f"{icon} **{title}**")
                st.caption(text)


def unknown_run(message: str) -> None:
    """The page for an address whose run is not here."""
    st.warning(message, icon=":material/search_off:")


def _steps() -> tuple[tuple[str, str, str], ...]:
    return (
        (
            ":material/tune:",
            _("1. Choose"),
            _("Pick an environment and a preset. The settings work as they are."),
        ),
        (
            ":material/play_arrow:",
            _("2. Start"),
            _("Press Start. Curves and pictures appear here while the agent trains."),
        ),
        (
            ":material/science:",
            _("3. Experiment"),
            _("Change the learning rate or the discount while it runs. Each change is marked in the curves."),
        ),
    )
