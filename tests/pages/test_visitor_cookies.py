"""A browser's identity: it cannot be forged, it lasts, and it says nothing to other servers."""

from __future__ import annotations

import asyncio
import hmac
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dqn_core.errors import SettingError
from pages.server.visitor_cookies import Signer, VisitorCookies, new_visitor_id, server_key, visitor_routes

_KEY = b"k" * 32
_SIGNER = Signer(_KEY, "chalk-and-sponge")


async def _page(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("a page")


class _Browser:
    """Keeps its cookies between requests."""

    def __init__(
        self,
        signer: Callable[[], Signer] = lambda: _SIGNER,
        scheme: str = "http",
        base_path: str = "",
        cookies: dict[str, str] | None = None,
    ) -> None:
        self._app = Starlette(
            routes=[Route("/{path:path}", _page, methods=["GET"]), *visitor_routes(signer)],
            middleware=[Middleware(VisitorCookies, signer=signer, base_path=base_path)],
        )
        self._url = f"{scheme}://lab.example"
        self._cookies = httpx.Cookies(cookies)

    @property
    def cookies(self) -> dict[str, str]:
        return dict(self._cookies)

    def get(self, path: str = "/", **headers: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, headers=headers or {"accept": "text/html,application/xhtml+xml"}))

    def exchange(self, content: str) -> httpx.Response:
        return asyncio.run(self._ask("POST", "/role", content=content.encode()))

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(
            transport=transport, base_url=self._url, cookies=self._cookies, trust_env=False
        ) as client:
            response = await client.request(method, path, **request)
            self._cookies = client.cookies
            return response


def _cookies(visitor_id: str, signer: Signer = _SIGNER, *, is_instructor: bool = False) -> dict[str, str]:
    cookies = {signer.visitor_cookie: signer.visitor_value(visitor_id)}
    if is_instructor:
        cookies[signer.instructor_cookie] = signer.instructor_value(visitor_id)
    return cookies


# ------------------------------------------------------------------------------------------------- signatures


def test_a_visitor_is_known_again() -> None:
    visitor_id = new_visitor_id()
    assert _SIGNER.visitor_in(_cookies(visitor_id)) == visitor_id
    assert not _SIGNER.is_instructor_in(_cookies(visitor_id))
    assert _SIGNER.is_instructor_in(_cookies(visitor_id, is_instructor=True))
    assert len({new_visitor_id() for _ in range(100)}) == 100


@given(st.text(max_size=120))
def test_what_the_server_did_not_write_names_nobody(text: str) -> None:
    cookies = {_SIGNER.visitor_cookie: text, _SIGNER.instructor_cookie: text}
    assert _SIGNER.visitor_in(cookies) is None
    assert not _SIGNER.is_instructor_in(cookies)
    assert _SIGNER.granted(text) is None


# The last letter is left out: two of its six bits stand for nothing in base64.
@given(st.integers(0, 58), st.characters(codec="ascii", exclude_characters=";"))
def test_a_cookie_in_which_one_letter_is_another_is_forged(place: int, letter: str) -> None:
    good = _SIGNER.visitor_value("abcdefgh12345678")
    forged = good[:place] + letter + good[place + 1 :]
    assert (_SIGNER.visitor_in({_SIGNER.visitor_cookie: forged}) is None) == (forged != good)


def test_a_browser_with_a_cookie_of_an_earlier_version_stays_who_it_was() -> None:
    visitor_id, key = "earlier0visitor1", bytes(range(32))
    was_instructor = hmac.digest(key, f"instructor chalk\n{visitor_id}".encode(), "sha256").hex()
    was_visitor = hmac.digest(key, f"visitor\n{visitor_id}".encode(), "sha256").hex()
    signer = Signer(key, "chalk")
    cookies = {
        signer.visitor_cookie: f"{visitor_id}.{was_visitor}",
        signer.instructor_cookie: f"{visitor_id}.{was_instructor}",
    }
    assert signer.visitor_in(cookies) == visitor_id
    assert signer.is_instructor_in(cookies)
    assert Signer(key, "sponge").visitor_in(cookies) == visitor_id
    assert not Signer(key, "sponge").is_instructor_in(cookies)
    assert Signer(b"x" * 32, "chalk").visitor_in({signer.visitor_cookie: cookies[signer.visitor_cookie]}) is None


def test_one_proof_is_no_other() -> None:
    """A visitor's signature makes no instructor, and an instructor's proof holds for no other visitor."""
    mine, other = "a" * 16, "b" * 16
    as_visitor = _SIGNER.visitor_value(mine)
    cookies = _cookies(mine)
    assert not _SIGNER.is_instructor_in(cookies | {_SIGNER.instructor_cookie: as_visitor})
    assert not _SIGNER.is_instructor_in(cookies | {_SIGNER.instructor_cookie: _SIGNER.instructor_value(other)})
    assert _SIGNER.granted(as_visitor) is None
    assert _SIGNER.visitor_in({_SIGNER.visitor_cookie: _SIGNER.grant(mine, is_instructor=True)}) is None


def test_another_key_and_another_code_undo_earlier_proofs() -> None:
    visitor_id = "a" * 16
    cookies = _cookies(visitor_id, is_instructor=True)
    with_another_code = Signer(_KEY, "another code")
    assert with_another_code.visitor_in(cookies) == visitor_id
    assert not with_another_code.is_instructor_in(cookies)
    assert not Signer(_KEY, "").is_instructor_in(_cookies(visitor_id, Signer(_KEY, ""), is_instructor=True))
    stranger = Signer(b"x" * 32, "chalk-and-sponge")
    assert stranger.visitor_cookie != _SIGNER.visitor_cookie
    renamed = dict(zip((stranger.visitor_cookie, stranger.instructor_cookie), cookies.values(), strict=True))
    assert stranger.visitor_in(renamed) is None


def test_a_grant_holds_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    grant = _SIGNER.grant("a" * 16, is_instructor=True)
    now += 59.0
    assert _SIGNER.granted(grant) == ("a" * 16, True)
    now += 2.0
    assert _SIGNER.granted(grant) is None


# --------------------------------------------------------------------------------------------------- the key


def test_the_key_is_made_once_and_for_the_servers_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    key = server_key(folder)
    assert len(key) == 32
    assert server_key(folder) == key
    assert stat.S_IMODE((folder / "visitor.key").stat().st_mode) == 0o600
    (folder / "visitor.key").write_bytes(b"half")  # as a full disk might leave it, were it not written whole
    assert len(server_key(folder)) == 32
    assert server_key(tmp_path / "other") != key


def test_a_folder_that_cannot_be_written_gives_a_key_for_now(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    assert len(server_key(tmp_path / "file")) == 32
    assert "cannot be kept" in caplog.text


# ----------------------------------------------------------------------------------------- over the network


def test_the_first_page_brings_a_cookie_that_scripts_and_other_sites_do_not_get() -> None:
    browser = _Browser()
    said = browser.get().headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax"} <= set(said.split("; "))
    assert "Secure" not in said
    visitor_id = _SIGNER.visitor_in(browser.cookies)
    assert visitor_id is not None
    browser.get()
    assert _SIGNER.visitor_in(browser.cookies) == visitor_id


def test_over_https_the_cookie_stays_there() -> None:
    assert "Secure" in _Browser(scheme="https").get().headers["set-cookie"].split("; ")


def test_the_cookie_holds_in_the_folder_of_the_pages_that_the_browser_alone_knows() -> None:
    browser = _Browser(base_path="/at the server")
    for address in ("/", "/lab/train", "/at the server", "/at the server/train/", "/at the server/train/more"):
        assert "set-cookie" not in browser.get(address).headers, address
    for address in ("/at the server/", "/at the server/train"):
        assert "path" not in browser.get(address).headers["set-cookie"].lower(), address


def test_a_forged_cookie_is_replaced() -> None:
    said = _Browser(cookies={_SIGNER.visitor_cookie: f"{'a' * 16}.{'0' * 64}"}).get().headers["set-cookie"]
    name, _, value = said.partition(";")[0].partition("=")
    assert _SIGNER.visitor_in({name: value}) not in {None, "a" * 16}


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
def test_only_a_page_brings_a_cookie(accept: str) -> None:
    assert "set-cookie" not in _Browser().get(accept=accept).headers


def test_a_wrong_setting_keeps_no_page_from_being_served() -> None:
    def wrong() -> Signer:
        template = "wrong"
        raise SettingError(template)

    response = _Browser(wrong).get()
    assert (response.status_code, "set-cookie" in response.headers) == (200, False)


def test_a_grant_becomes_the_instructors_cookie_and_its_end() -> None:
    browser = _Browser()
    browser.get()
    visitor_id = _SIGNER.visitor_in(browser.cookies)
    assert visitor_id is not None
    response = browser.exchange(_SIGNER.grant(visitor_id, is_instructor=True))
    assert response.status_code == 204
    assert "HttpOnly" in response.headers["set-cookie"]
    assert _SIGNER.is_instructor_in(browser.cookies)
    browser.exchange(_SIGNER.grant(visitor_id, is_instructor=False))
    assert not _SIGNER.is_instructor_in(browser.cookies)
    assert _SIGNER.visitor_in(browser.cookies) == visitor_id


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(_SIGNER.grant("b" * 16, is_instructor=True), 403, id="another visitor's"),
        pytest.param(Signer(b"x" * 32).grant("a" * 16, is_instructor=True), 403, id="another server's"),
        pytest.param("", 403, id="nothing"),
        pytest.param("é" * 50, 403, id="no letters of ours"),
        pytest.param("x" * 10_000, 413, id="too long"),
    ],
)
def test_nothing_else_becomes_a_cookie(content: str, status: int) -> None:
    response = _Browser(cookies=_cookies("a" * 16)).exchange(content)
    assert (response.status_code, "set-cookie" in response.headers) == (status, False)
