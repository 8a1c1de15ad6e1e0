"""The run's tables as files; the routes write them as they are asked for."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.components.links import base_path
from pages.i18n import _

__all__ = ["download_link", "downloads"]


def downloads(run_id: str) -> None:
    """A menu of the CSV files of ``run_id``; complete up to the moment of the click, also while it trains."""
    with st.popover(_("Download"), icon=":material/download:", key="downloads"):
        address = f"{base_path()}/live/runs/{run_id}"
        download_link(
            _("Episodes (CSV)"),
            f"{address}/episodes.csv",
            f"{run_id}-episodes.csv",
            _("One row per episode: return, length, loss, epsilon ..."),
        )
        download_link(
            _("Live changes (CSV)"),
            f"{address}/changes.csv",
            f"{run_id}-changes.csv",
            _("One row per setting that was changed while it trained."),
        )
        download_link(
            _("Everything but checkpoints (ZIP)"),
            f"{address}/everything.zip",
            f"{run_id}.zip",
            _("Settings, episodes, live changes and weights."),
        )


def download_link(label: str, address: str, file_name: str, explanation: str) -> None:
    """A plain link: Streamlit's own would open an empty tab beside the download."""
    with st.container(gap=None):
        st.html(f'<a href="{escape(address)}" download="{escape(file_name)}">{escape(label)}</a>')
        st.caption(explanation)
