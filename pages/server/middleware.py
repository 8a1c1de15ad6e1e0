"""What stands before every page and route: requests that another site's page sends are refused.

A browser lets any page open a WebSocket to any server, and send it forms. Streamlit itself refuses foreign sockets too,
but asks a host on the Internet for its own address before it does, in the event loop that serves everybody.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import net_util
from streamlit.web.server import server_util

from pages.server.answers import error_answer

__all__ = ["OwnOrigins", "forbid_lookups"]

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY_VIOLATION = 1008
"""Close code of a WebSocket (RFC 6455, 7.4.1)."""


class OwnOrigins:
    """Middleware that refuses WebSockets, and requests that may change something, from pages of other origins.

    An origin is the server's own where it names the host that the request was sent to; those in Streamlit's setting
    ``server.corsAllowedOrigins`` are taken as such too. What is no browser sends no origin.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "websocket" and _is_foreign(scope):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        elif scope["type"] == "http" and scope["method"] not in _READING and _is_foreign(scope):
            text = "This request comes from a page of another site. Open the lab itself."
            await error_answer(403, text)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_foreign(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    origins = headers.getlist("origin")
    if not origins or server_util.allow_all_cross_origin_requests():
        return False
    host = headers.get("host", "").lower()
    return not all(_host_of(origin) == host or server_util.is_allowed_origin(origin) for origin in origins)


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:  # "http://[", say
        return None


def forbid_lookups() -> None:
    """Keep Streamlit from asking a host on the Internet for this machine's address, whatever it wants it for."""
    net_util.get_external_ip = lambda: None
