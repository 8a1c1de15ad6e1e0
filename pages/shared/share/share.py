"""A run's settings to hand on: a link with its QR code, the command, and Python lines."""

from __future__ import annotations

import functools

import segno
import streamlit as st

from dqn_core.cli.lines import command_line, python_lines
from dqn_core.config import TrainingConfig
from dqn_core.errors import mark
from dqn_core.runs.storage.records import RunRecord
from pages.shared.browser.component import Component
from pages.shared.errors import fragment
from pages.shared.form_state import NEW_RUN, draft_config
from pages.shared.links import TRAIN_PAGE, page_query, train_page_address
from pages.shared.share.settings_link import settings_link
from pages.shared.texts.i18n import _, current_language

__all__ = ["COMPONENT_NAME", "qr_code", "share"]

COMPONENT_NAME = "dqn_lab_share"
_STYLES = ("shared/browser/base.css", "shared/share/share.css")
_KEY = "share"
_RUN, _FORM = "run", "form"
_LONGEST_SCANNED = 1_000
"""Characters of a link: the code of a longer one is too fine for a phone's camera on a projector's picture."""

_WEIGHTS = mark(
    "The weights that this run began with are not included: download them from the run that they come from."
)

_draw = Component(COMPONENT_NAME, "shared/share/share.js", _STYLES)


@fragment
def share(record: RunRecord | None, page: str) -> None:
    """A menu with the settings of the run ``record``, or of the form for the run to come; made when it is opened."""
    if record is None and page != TRAIN_PAGE:
        return
    menu = st.popover(_("Share"), icon=":material/share:", key=_KEY, on_change="rerun")
    if menu.open:
        with menu:
            _content(record)


def _content(record: RunRecord | None) -> None:
    config = _chosen(record) if record else draft_config(NEW_RUN)
    if config is None:
        st.info(_("Correct the settings first: they cannot be shared as they are."), icon=":material/error:")
        return
    if record is not None and record.started_from:
        st.caption(
            _("The weights that this run began with are not included: download them from the run that they come from.")
        )
    link = settings_link(train_page_address(), config, page_query().get("lang"))
    data = {
        "link": link or "",
        "code": qr_code(link) if link and len(link) <= _LONGEST_SCANNED else "",
        "command": command_line(config),
        "python": python_lines(config),
        "locale": current_language(),
    }
    _draw(key="share-panel", data=data, constants={"labels": _labels()})


def _chosen(record: RunRecord) -> TrainingConfig | None:
    """The run's settings at its start, or those set since: live, or in the form of a run to come."""
    first = record.initial_config
    now = record.config if record.state.is_active else draft_config(record.run_id) or record.config
    if now == first:
        return first
    texts = {_RUN: _("As the run began"), _FORM: _("As they are set now")}
    chosen = st.segmented_control(
        _("Settings"), list(texts), format_func=texts.__getitem__, default=_RUN, key="share-which", required=True
    )
    return now if chosen == _FORM else first


@functools.lru_cache(maxsize=64)
def qr_code(link: str) -> str:
    """The address of a picture of the link's QR code: black on white in the dark too, for cameras."""
    return str(segno.make(link, error="m", micro=False).svg_data_uri(scale=4, light="#fff"))


def _labels() -> dict[str, str]:
    return {
        "share": _("Share the settings"),
        "link": _("Link"),
        "link_help": _("Opens the form with all of these settings. Training begins only when Start is pressed."),
        "link_too_long": _("These settings are too long for a link. Use the command or the Python lines."),
        "copy_link": _("Copy link"),
        "code": _("QR code of the link"),
        "code_too_long": _("The link is too long for a QR code."),
        "command": _("Command line"),
        "copy_command": _("Copy the command"),
        "python": _("Python lines"),
        "copy_python": _("Copy the lines"),
        "copied": _("Copied"),
        "not_copied": _("The browser did not allow it: select the text and copy it."),
    }
