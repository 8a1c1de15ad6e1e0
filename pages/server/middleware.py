"""What stands before every page and route: other sites' requests, their frames, and the proxies on the way.

A browser lets any page open a WebSocket to any server, and send it forms. Streamlit itself refuses foreign sockets too,
but asks a host on the Internet for its own address before it does, in the event loop that serves everybody.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import net_util
from streamlit.web.server import server_util
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from dqn_core.errors import SettingError
from pages.server.answers import error_answer

__all__ = ["Frames", "Ipv4Clients", "OwnOrigins", "RelativeRedirects", "forbid_lookups"]

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY_VIOLATION = 1008
"""Close code of a WebSocket (RFC 6455, 7.4.1)."""


class OwnOrigins:
    """Middleware that refuses WebSockets, and requests that may change something, from pages of other origins.

    An origin is the server's own where it names the host that the request was sent to, or that a proxy says it was sent
    to: no page can make a browser say so to another site without asking that site first. Those in Streamlit's setting
    ``server.corsAllowedOrigins`` are taken as such too. What is no browser sends no origin.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] in {"http", "websocket"}:
            scope = _at_the_asked_host(scope)
        if scope["type"] == "websocket" and _is_foreign(scope):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        elif scope["type"] == "http" and scope["method"] not in _READING and _is_foreign(scope):
            text = "This request comes from a page of another site. Open the lab itself."
            await error_answer(403, text)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _at_the_asked_host(scope: Scope) -> Scope:
    """The request as the browser sent it to a proxy that names another host to this server; Streamlit looks too."""
    headers = Headers(scope=scope)
    origins, asked = headers.getlist("origin"), headers.get("x-forwarded-host", "").partition(",")[0].strip()
    if not asked or not origins or any(_host_of(each) != asked.lower() for each in origins):
        return scope
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {**scope, "headers": [(b"host", asked.encode("latin-1")), *others]}


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


class Ipv4Clients:
    """Middleware: a client by IPv4 of a server that listens to IPv6 too has its IPv4 address, ``::ffff:`` left out.

    uvicorn compares addresses as they are written, so that it believes no proxy in that form: it is asked again.

    Parameters
    ----------
    proxies
        Gives the addresses that are believed; asked once, for the first of these clients.
    """

    def __init__(self, app: ASGIApp, proxies: Callable[[], list[str]]) -> None:
        self._app = app
        self._proxies = proxies
        self._behind: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        host, port = scope.get("client") or ("", 0)
        if not host.startswith(_MAPPED):
            await self._app(scope, receive, send)
            return
        if self._behind is None:
            self._behind = cast(
                "ASGIApp", ProxyHeadersMiddleware(cast("Any", self._app), trusted_hosts=self._proxies())
            )
        await self._behind({**scope, "client": (host.removeprefix(_MAPPED), port)}, receive, send)


_MAPPED = "::ffff:"


class RelativeRedirects:
    """Middleware: a redirect within this server leads there from the address that the browser asked for.

    That address may have a path before it which a proxy took away, and another scheme and host.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back."""

        async def send_relative(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "location" in headers:
                    headers["location"] = _from(scope["path"], headers["location"], Headers(scope=scope).get("host"))
            await send(message)

        await self._app(scope, receive, send_relative if scope["type"] == "http" else send)


def _from(here: str, location: str, host: str | None) -> str:
    """``location`` as seen from the path ``here``; as it is, where it leads to another host."""
    parts = urlsplit(location)
    if (parts.netloc and parts.netloc != host) or not parts.path.startswith("/"):
        return location
    folder, _, name = parts.path.rpartition("/")
    way = posixpath.relpath(folder or "/", here.rpartition("/")[0] or "/")
    return parts._replace(scheme="", netloc="", path=f"{way}/{name}").geturl()


_SAME_SITE = re.compile(r"; *(?:samesite=\w+|secure|partitioned)\b", re.IGNORECASE)


class Frames:
    """Middleware that tells browsers which sites may show the pages in a frame of theirs.

    In a frame of another site a browser keeps only cookies that say so, over https; partitioned ones are another
    identity on each such site, and of no use to the site.

    Parameters
    ----------
    ancestors
        Gives the sites, beside this server itself; where a setting is not valid, there are none.
    """

    def __init__(self, app: ASGIApp, ancestors: Callable[[], tuple[str, ...]]) -> None:
        self._app = app
        self._ancestors = ancestors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            sites = self._ancestors()
        except SettingError:
            sites = ()

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("content-security-policy", " ".join(["frame-ancestors 'self'", *sites]))
                if sites and scope["scheme"] == "https":
                    _open_cookies(headers)
            await send(message)

        await self._app(scope, receive, send_with_policy)


def _open_cookies(headers: MutableHeaders) -> None:
    """Let browsers keep the cookies in another site's frame."""
    cookies = headers.getlist("set-cookie")
    del headers["set-cookie"]
    for each in cookies:
        headers.append("set-cookie", f"{_SAME_SITE.sub('', each)}; SameSite=None; Secure; Partitioned")


def forbid_lookups() -> None:
    """Keep Streamlit from asking a host on the Internet for this machine's address, whatever it wants it for."""
    net_util.get_external_ip = lambda: None
