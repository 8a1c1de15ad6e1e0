"""Has a page drawn anew whose server was started again: of what the earlier process drew, the new one knows nothing.

Until then, a press of a button in a part that is drawn alone would reach nobody. What is typed into the page stays.
"""

from __future__ import annotations

import functools
import secrets

from dqn_core.json_text import json_text
from pages.shared.component import Component
from pages.shared.i18n import current_language
from pages.shared.live_socket import News, Topic, polled

__all__ = ["COMPONENT_NAME", "server_topic", "server_watch"]

COMPONENT_NAME = "dqn_lab_server_watch"
_EVERY_S = 60.0  # it never changes: a tab hears it whenever it connects

_draw = Component(COMPONENT_NAME, "shared/server_watch.js", ())


@functools.cache
def _process() -> str:
    """Another one for each process of the server, be it a fork of one that has imported this."""
    return secrets.token_hex(8)


def server_topic() -> Topic:
    """The topic: which process of the server this is."""
    return polled(lambda _subscription: News(json_text(_process())), _EVERY_S)


def server_watch() -> None:
    """Watch over the whole page, from outside of the parts that are drawn alone; it shows nothing."""
    data = {"process": _process(), "locale": current_language()}
    _draw(key="server-watch", data=data, constants={}, on_stale_change=_rerun_only)


def _rerun_only() -> None:
    """The trigger reruns the script; there is nothing more to do about it."""
