"""The list of experiments: a Streamlit component that follows their progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dqn_core.runs.experiments.service import ExperimentStatus
from pages.experiments.wire import card
from pages.shared.browser.component import Component, component_value
from pages.shared.texts.i18n import _, current_language
from pages.shared.visitor.identity import may_control, owner_text

__all__ = ["COMPONENT_NAME", "experiment_list"]

COMPONENT_NAME = "dqn_lab_experiments"
_KEY = "experiments"
_STYLES = (
    "shared/browser/base.css",
    "shared/browser/panel.css",
    "shared/browser/buttons.css",
    "experiments/experiments.css",
)

_draw = Component(COMPONENT_NAME, "experiments/experiments.js", _STYLES)


def experiment_list(statuses: Sequence[ExperimentStatus], on_action: Callable[[str, str], None]) -> None:
    """A card for each experiment; ``on_action(id, action)`` is called with "stop", "resume", "repeat", "delete"."""

    def act() -> None:
        asked = component_value(_KEY, "action")
        if asked:
            on_action(str(asked["id"]), str(asked["action"]))

    data = {
        "experiments": [_card(status) for status in statuses],
        "locale": current_language(),
    }
    _draw(key=_KEY, data=data, constants={"labels": _labels()}, on_action_change=act)


def _labels() -> dict[str, str]:
    return {
        "title": _("Experiments"),
        "compare": _("Compare"),
        "stop": _("Stop all"),
        "resume": _("Resume all"),
        "repeat": _("Repeat"),
        "delete": _("Delete"),
        "really_delete": _("Delete with all runs?"),
        "connection_lost": _("Connection lost, trying again…"),
    }


def _card(status: ExperimentStatus) -> dict[str, Any]:
    """The card, and what the visitor may do with it."""
    is_ours = may_control(status.record)
    owner = "" if is_ours else owner_text(status.record)
    return card(status, current_language()) | {"is_ours": is_ours, "owner": owner}
