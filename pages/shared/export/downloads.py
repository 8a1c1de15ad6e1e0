"""A run as files for other programs; the routes make them as they are asked for."""

from __future__ import annotations

from html import escape

import streamlit as st

from dqn_core.errors import RunFolderError
from pages.server.process import get_manager
from pages.shared.errors import fragment
from pages.shared.texts.i18n import _
from pages.shared.texts.words import WEIGHTS_KINDS, WEIGHTS_LABELS

__all__ = ["download_link", "downloads"]


def downloads(run_id: str) -> None:
    """A menu of ``run_id`` in files; each is made at the click, complete up to that moment, also while it trains."""
    with st.popover(_("Download"), icon=":material/download:", key="downloads"):
        _agent_links(run_id)
        _log_links(run_id)


@fragment
def _agent_links(run_id: str) -> None:
    """What the agent has learned; which of its weights are meant is chosen first."""
    st.markdown("**" + _("The agent") + "**")
    try:
        folder = get_manager().open_folder(run_id)
        kept = [name for name in WEIGHTS_KINDS if folder.has_snapshot(name)]
    except RunFolderError:
        kept = []
    if not kept:
        st.caption(_("The weights can be downloaded after the first evaluation or when the run ends."))
        return
    weights = st.segmented_control(
        _("Weights"),
        kept,
        format_func=lambda name: _(WEIGHTS_LABELS[name]),
        default=kept[0],
        key=f"{run_id}:weights-download",
        required=True,
        label_visibility="collapsed",
    )
    address = f"{_address(run_id)}/export"
    download_link(
        _("Weights (safetensors)"),
        f"{address}/safetensors?weights={weights}",
        f"{run_id}-{weights}.safetensors",
        _("To start another run from, here or in your own code."),
    )
    download_link(
        _("Network (ONNX)"),
        f"{address}/onnx?weights={weights}",
        f"{run_id}-{weights}.onnx",
        _("Runs without Python: in a browser, on a phone, in other languages."),
    )
    if folder.has_checkpoint:
        download_link(
            _("Checkpoint (safetensors)"),
            f"{address}/checkpoint",
            f"{run_id}-checkpoint.safetensors",
            _("Includes the replay memory, the optimizer and the random generators in their last state."),
        )


@fragment
def _log_links(run_id: str) -> None:
    """What was logged, and everything at once."""
    st.markdown("**" + _("Log") + "**")
    address = _address(run_id)
    has_comma = st.toggle(
        _("CSV with a decimal comma (0,5)"),
        key="decimal_comma",
        help=_("For spreadsheets that write 0,5 and not 0.5: columns are separated by semicolons then."),
    )
    style = "?decimal=comma" if has_comma else ""
    download_link(
        _("Episodes (CSV)"),
        f"{address}/episodes.csv{style}",
        f"{run_id}-episodes.csv",
        _("One row per episode: return, length, loss, epsilon ..."),
    )
    download_link(
        _("Episodes (XLSX)"),
        f"{address}/export/xlsx",
        f"{run_id}-episodes.xlsx",
        _("The same table for every spreadsheet, in any language."),
    )
    download_link(
        _("Episodes (Parquet)"),
        f"{address}/export/parquet",
        f"{run_id}-episodes.parquet",
        _("The same table for pandas, Polars or DuckDB."),
    )
    download_link(
        _("TensorBoard event file"),
        f"{address}/export/tensorboard",
        f"events.out.tfevents.{run_id}",
        _("Put it into a separate folder and open that folder with TensorBoard."),
    )
    download_link(
        _("Live changes (CSV)"),
        f"{address}/changes.csv{style}",
        f"{run_id}-changes.csv",
        _("One row per setting that was changed while it trained."),
    )
    download_link(
        _("Everything but checkpoints (ZIP)"),
        f"{address}/everything.zip",
        f"{run_id}.zip",
        _("Settings, episodes, live changes and weights."),
    )


def _address(run_id: str) -> str:
    return f"live/runs/{run_id}"


def download_link(label: str, address: str, file_name: str, explanation: str) -> None:
    """A plain link: Streamlit's own would open an empty tab beside the download."""
    with st.container(gap=None):
        st.html(f'<a href="{escape(address)}" download="{escape(file_name)}">{escape(label)}</a>')
        st.caption(explanation)
