"""Has a page drawn anew whose server was started again: of what the earlier process drew, the new one knows nothing.

Until then, a press of a button in a part that is drawn alone would reach nobody. What is typed into the page stays.

Where several servers share a database, a page's live socket may lead to another one than drew the page: that one says
whether the page's own is gone.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable

from dqn_core.json_text import json_text
from dqn_core.runs.manager import RunManager
from pages.server.process import manager_if_open
from pages.shared.browser.component import Component
from pages.shared.browser.live_socket import News, Subscription, Topic, polled
from pages.shared.texts.i18n import current_language

__all__ = ["COMPONENT_NAME", "server_topic", "server_watch"]

COMPONENT_NAME = "dqn_lab_server_watch"
_EVERY_S = 5.0

_draw = Component(COMPONENT_NAME, "shared/browser/server_watch.js", ())


@functools.cache
def _process() -> str:
    """Another one for each process of the server, be it a fork of one that has imported this."""
    return secrets.token_hex(8)


def server_topic(manager: Callable[[], RunManager | None] = manager_if_open) -> Topic:
    """The topic: the process that drew the page (parameter ``process``) while it lives, otherwise this one."""

    def read(subscription: Subscription) -> News:
        drawn_by, running = subscription.text("process"), manager()
        lives = running is not None and running.lease.holds(drawn_by)
        return News(json_text(drawn_by if lives else _name(running)))

    return polled(read, _EVERY_S)


def _name(manager: RunManager | None) -> str:
    """What this process is called, among those that share its database too."""
    return (manager.lease.server_id if manager else "") or _process()


def server_watch() -> None:
    """Watch over the whole page, from outside of the parts that are drawn alone; it shows nothing."""
    data = {"process": _name(manager_if_open()), "locale": current_language()}
    _draw(key="server-watch", data=data, constants={}, on_stale_change=_rerun_only)


def _rerun_only() -> None:
    """The trigger reruns the script; there is nothing more to do about it."""
