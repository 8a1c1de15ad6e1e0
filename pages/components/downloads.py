"""The run's tables as files; the routes write them as they are asked for."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.components.links import base_path
from pages.i18n import _

__all__ = ["downloads"]


def downloads(run_id: str) -> None:
    """A menu of the CSV files of ``run_id``; complete up to the moment of the click, also while it trains."""
    with st.popover(_("Download"), icon=":material/download:", key="downloads"):
        _link(_("Episodes (CSV)"), run_id, "episodes", _("One row per episode: return, length, loss, epsilon ..."))
        _link(_("Live changes (CSV)"), run_id, "changes", _("One row per setting that was changed while it trained."))


def _link(label: str, run_id: str, table: str, explanation: str) -> None:
    """A plain link: Streamlit's own would open an empty tab beside the download."""
    address = escape(f"{base_path()}/live/runs/{run_id}/{table}.csv")
    with st.container(gap=None):
        st.html(f'<a href="{address}" download="{escape(run_id)}-{table}.csv">{escape(label)}</a>')
        st.caption(explanation)
