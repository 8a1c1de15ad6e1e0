"""Who a browser is: a signed cookie that it gets with its first page, and one more for the instructor.

Both are out of reach of scripts (HttpOnly) and are not sent along from other sites (SameSite=Lax). A cookie's text is
the visitor's id, signed by itsdangerous: nobody can make one without the server's key, which lies in the data folder.

Neither names a path: a browser then keeps a cookie for the folder of the address that it asked for, which is that of
the pages, whatever a proxy made of it. What sets a cookie therefore lies in that folder itself, not below it.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import logging
import re
import secrets
import string
from collections.abc import Callable, Mapping
from pathlib import Path

import itsdangerous
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dqn_core.errors import AccessError, SettingError, mark
from dqn_core.files import write_atomically, write_once

__all__ = ["ROLE_ADDRESS", "Signer", "VisitorCookies", "new_visitor_id", "server_key", "visitor_routes"]

_LOG = logging.getLogger(__name__)
_KEY_BYTES = 32
_ID_LENGTH = 16
_ID_LETTERS = string.ascii_lowercase + string.digits
_FORMERLY_SIGNED = re.compile(r"([a-z0-9.]{1,60})\.([0-9a-f]{64})", re.ASCII)
_KEPT_S = 180 * 24 * 3_600
"""A browser forgets who it was after half a year without a visit."""
_GRANT_S = 60
_COLLECTED_S = 4 * 3_600
"""A link to what came of a class leads nowhere after so long: it stands in histories, and may have been passed on."""
_LONGEST_GRANT = 200
ROLE_ADDRESS = "role"
"""Where a browser exchanges a grant for a cookie, relative to the pages."""


def new_visitor_id() -> str:
    """An id for a browser that has none."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))


def server_key(folder: Path) -> bytes:
    """The key in the data folder, made at the first call.

    Where it can be neither read nor written, a key for this process alone: browsers are known until it ends.
    """
    path = folder / "visitor.key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        key = path.read_bytes() if path.exists() else b""
        if not key:  # of several dashboards that begin at once, all have the same
            key = write_once(path, secrets.token_bytes(_KEY_BYTES), is_private=True)  # for the server's user alone
        if len(key) != _KEY_BYTES:
            key = secrets.token_bytes(_KEY_BYTES)
            write_atomically(path, key, is_private=True)
    except OSError as error:
        _LOG.warning("Browsers are known until the server ends: their key cannot be kept (%s)", error)
        return secrets.token_bytes(_KEY_BYTES)
    return key


class Signer:
    """Writes and reads what proves who a visitor is.

    Parameters
    ----------
    key
        The server's.
    instructor_code
        Part of what an instructor's proof is made of: with another code, earlier proofs are none.
    """

    def __init__(self, key: bytes, instructor_code: str = "") -> None:
        self._key = key
        self._code = instructor_code
        # Browsers send a host's cookies to each server on it: each looks for its own.
        suffix = hashlib.sha256(key).hexdigest()[:8]
        self.visitor_cookie = f"dqn_lab_visitor_{suffix}"
        self.instructor_cookie = f"dqn_lab_instructor_{suffix}"

    def visitor_value(self, visitor_id: str) -> str:
        """The visitor's cookie."""
        return self._for("visitor").sign(visitor_id).decode()

    def instructor_value(self, visitor_id: str) -> str:
        """The cookie of a visitor who knew the code."""
        return self._for(f"instructor {self._code}").sign(visitor_id).decode()

    def visitor_in(self, cookies: Mapping[str, str]) -> str | None:
        """The id in a browser's cookies; None where there is none, or a forged one."""
        return self._read("visitor", cookies.get(self.visitor_cookie, ""))

    def is_instructor_in(self, cookies: Mapping[str, str]) -> bool:
        """Whether the cookies prove that their visitor knew the present code."""
        proven = self._read(f"instructor {self._code}", cookies.get(self.instructor_cookie, ""))
        return bool(self._code) and proven is not None and proven == self.visitor_in(cookies)

    def grant(self, visitor_id: str, *, is_instructor: bool) -> str:
        """What a page gives its browser to exchange, within a minute, for the instructor's cookie, or for its end."""
        return self._passing("grant").sign(f"{visitor_id}.{int(is_instructor)}").decode()

    def granted(self, grant: str) -> tuple[str, bool] | None:
        """(visitor's id, whether an instructor) of a :meth:`grant` that still holds; None for any other text."""
        try:
            text = self._passing("grant").unsign(grant, max_age=_GRANT_S).decode()
        except itsdangerous.BadSignature:
            return None
        visitor_id, _, is_instructor = text.rpartition(".")
        return visitor_id, is_instructor == "1"

    def class_ticket(self, class_id: str) -> str:
        """What a teacher's page shows the live socket, to follow what only a teacher of the class sees."""
        return self._for("teacher").sign(class_id).decode()

    def class_in(self, ticket: str) -> str | None:
        """The class of a :meth:`class_ticket`; None for any other text."""
        return self._read("teacher", ticket)

    def lead_ticket(self, class_id: str) -> str:
        """What the link holds with which a teacher leads the class in a further browser."""
        return self._for("lead").sign(class_id).decode()

    def class_to_lead(self, ticket: str) -> str | None:
        """The class of a :meth:`lead_ticket`; None for any other text."""
        return self._read("lead", ticket)

    def collect_ticket(self, class_id: str) -> str:
        """What a link to what came of a class holds; it ends after some hours."""
        return self._passing("collect").sign(class_id).decode()

    def collected(self, ticket: str) -> str | None:
        """The class of a :meth:`collect_ticket`; None for any other text. Raises AccessError for one that has ended."""
        try:
            return self._passing("collect").unsign(ticket, max_age=_COLLECTED_S).decode()
        except itsdangerous.SignatureExpired:
            template = mark("This link held for {hours} hours: reload the page of the class and use its new one.")
            raise AccessError(template, hours=_COLLECTED_S // 3_600) from None
        except itsdangerous.BadSignature:
            return None

    def _for(self, purpose: str) -> itsdangerous.Signer:
        return itsdangerous.Signer(self._key, salt=purpose, digest_method=hashlib.sha256)

    def _passing(self, purpose: str) -> itsdangerous.TimestampSigner:
        return itsdangerous.TimestampSigner(self._key, salt=purpose, digest_method=hashlib.sha256)

    def _read(self, purpose: str, signed: str) -> str | None:
        try:
            return self._for(purpose).unsign(signed).decode()
        except itsdangerous.BadSignature:
            return self._formerly_signed(purpose, signed)

    def _formerly_signed(self, purpose: str, signed: str) -> str | None:
        """What a cookie of an earlier version says: its browser stays who it was, and gets a new cookie."""
        parts = _FORMERLY_SIGNED.fullmatch(signed)
        if parts is None:
            return None
        right = hmac.digest(self._key, f"{purpose}\n{parts[1]}".encode(), "sha256").hex()
        return parts[1] if hmac.compare_digest(parts[2], right) else None


class VisitorCookies:
    """Middleware that gives each browser its cookie with the first page it asks for.

    The page's WebSocket, opened after that, brings the cookie along: the first view already knows its visitor.

    Parameters
    ----------
    signer
        Gives the server's signer; where a setting is not valid, pages say so and cookies wait.
    base_path
        What stands before each page's own address at this server.
    """

    def __init__(self, app: ASGIApp, signer: Callable[[], Signer], base_path: str = "") -> None:
        self._app = app
        self._signer = signer
        self._folder = f"{base_path}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back, with a cookie where it is a page."""
        header = self._cookie_for(Request(scope)) if self._asks_for_a_page(scope) else None
        if header is None:
            await self._app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", header)
            await send(message)

        await self._app(scope, receive, send_with_cookie)

    def _cookie_for(self, request: Request) -> str | None:
        """The header that names the browser, again if it has a name; None where the server has no signer."""
        try:
            signer = self._signer()
        except SettingError:
            return None
        response = Response()
        visitor_id = signer.visitor_in(request.cookies) or new_visitor_id()
        _set_cookie(request, response, signer.visitor_cookie, signer.visitor_value(visitor_id))
        return response.headers["set-cookie"]

    def _asks_for_a_page(self, scope: Scope) -> bool:
        """Whether for one in the pages' folder: a cookie from below it would be kept for another."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return False
        is_here = scope["path"].startswith(self._folder) and "/" not in scope["path"].removeprefix(self._folder)
        return is_here and "text/html" in Headers(scope=scope).get("accept", "")


def visitor_routes(signer: Callable[[], Signer]) -> list[BaseRoute]:
    """``POST /role`` with a grant as its body: sets the instructor's cookie, or takes it away."""
    return [Route(f"/{ROLE_ADDRESS}", functools.partial(_exchange, signer=signer), methods=["POST"])]


async def _exchange(request: Request, *, signer: Callable[[], Signer]) -> Response:
    own, response = signer(), Response(status_code=204)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_GRANT:
            return Response(status_code=413)
    granted = own.granted(body.decode("ascii", "replace"))
    if granted is None or granted[0] != own.visitor_in(request.cookies):
        return Response(status_code=403)
    visitor_id, is_instructor = granted
    if is_instructor:
        _set_cookie(request, response, own.instructor_cookie, own.instructor_value(visitor_id))
    else:
        _set_cookie(request, response, own.instructor_cookie, "", kept_s=0)
    return response


def _set_cookie(request: Request, response: Response, name: str, value: str, kept_s: int = _KEPT_S) -> None:
    is_secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=kept_s, path=None, httponly=True, samesite="lax", secure=is_secure)
