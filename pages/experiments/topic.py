"""Experiments as a topic of the live socket: where some of them stand now."""

from __future__ import annotations

from collections.abc import Callable

from dqn_core.errors import UnknownExperimentError
from dqn_core.json_text import json_text
from dqn_core.runs.experiments.service import Experiments, ExperimentStatus
from dqn_core.runs.manager import RunManager
from pages.experiments.wire import card
from pages.server.process import get_manager
from pages.shared.browser.live_socket import News, Subscription, Topic, polled

__all__ = ["MOST_CARDS", "experiment_topic"]

MOST_CARDS = 20
"""Experiments in the list, and in one subscription."""
_EVERY_S = 1.0


def experiment_topic(manager: Callable[[], RunManager] = get_manager) -> Topic:
    """The topic: the parameter ``experiments`` is a list of ids. It is over when they all are."""

    def read(subscription: Subscription) -> News:
        statuses = _found(Experiments(manager()), subscription.texts("experiments", MOST_CARDS))
        cards = [card(status, subscription.language) for status in statuses]
        return News(json_text(cards, is_ascii=False), is_last=not any(status.is_active for status in statuses))

    return polled(read, _EVERY_S)


def _found(experiments: Experiments, ids: list[str]) -> list[ExperimentStatus]:
    """Those that are there: the card of one deleted in another tab goes with the next rendering of the list."""
    found = []
    for experiment_id in ids:
        try:
            found.append(experiments.status(experiment_id))
        except UnknownExperimentError:
            continue
    return found
