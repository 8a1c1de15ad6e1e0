"""The state of the run shown, and how many of the reader's runs are active: on every page, and always true.

A component follows the topic ``active`` of the live socket, so that neither waits for the page to be drawn again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dqn_core.events import EndReason
from dqn_core.json_text import json_text
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import RunRecord
from pages.server.process import get_manager
from pages.shared.browser.component import Component
from pages.shared.browser.live_socket import News, Subscription, Topic, polled
from pages.shared.texts.i18n import _, current_language
from pages.shared.texts.words import REASON_LABELS, STATE_LABELS
from pages.shared.visitor.identity import owner_mark, visitor

__all__ = ["COMPONENT_NAME", "active_topic", "run_status"]

COMPONENT_NAME = "dqn_lab_run_status"
_EVERY_S = 0.5
_STYLES = ("shared/browser/base.css", "shared/browser/badge.css", "shared/run_status.css")

_draw = Component(COMPONENT_NAME, "shared/run_status.js", _STYLES)


def active_topic(manager: Callable[[], RunManager] = get_manager) -> Topic:
    """The topic: the runs in the server's memory, newest first, each as {id, state, label, is_active, owner}."""

    def read(_subscription: Subscription) -> News:
        newest_first = sorted(manager().runs_in_memory(), key=lambda each: each.started_at, reverse=True)
        return News(json_text([_status(each) | {"id": each.run_id} for each in newest_first]))

    return polled(read, _EVERY_S)


def run_status(shown: RunRecord | None = None) -> None:
    """Draw the state of the run ``shown``, and a link to the reader's newest active run with the number of them."""
    data = {
        "run": shown.run_id if shown else None,
        "status": _status(shown) if shown else None,
        "reader": owner_mark(visitor().visitor_id),
        "locale": current_language(),
    }
    _draw(key="run-status", data=data, constants={"labels": _labels()})


def _status(record: RunRecord) -> dict[str, Any]:
    is_solved = record.reason is EndReason.SOLVED
    return {
        "state": "solved" if is_solved else record.state.value,
        "label": record.reason.value if record.reason else record.state.value,
        "is_active": record.state.is_active,
        "owner": owner_mark(record.owner),
    }


def _labels() -> dict[str, str]:
    states = {name.value: _(text) for name, text in (STATE_LABELS | REASON_LABELS).items()}
    return states | {
        "n_running": _("{count} running"),
        "n_paused": _("{count} paused"),
        "n_queued": _("{count} waiting"),
        "to_active": _("Show the active run"),
    }
