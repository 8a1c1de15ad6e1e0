"""What browsers load once: modules, style sheets, plotly.js and constants, each at an address that has its digest."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin

import pytest
from starlette.applications import Starlette

import pages
from asgi_client import Client
from pages.server.browser_code import BROWSER_CODE, BrowserCode, browser_routes
from pages.shared.browser.component import page_script

FOLDER = Path(pages.__file__).parent
MODULES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js"))
SHEETS = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.css"))


@pytest.fixture
def client() -> Client:
    return Client(Starlette(routes=browser_routes()))


def _files(folder: Path, **texts: str) -> BrowserCode:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_js", ".js").replace("_css", ".css")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return BrowserCode(folder)


@pytest.mark.parametrize(
    ("name", "kind"), [("train/panel.js", "text/javascript"), ("shared/browser/base.css", "text/css")]
)
def test_a_file_is_kept_by_browsers_for_good(client: Client, name: str, kind: str) -> None:
    answer = client.get(BROWSER_CODE.address(name), {"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(answer.content) / 1.5
    assert client.get(BROWSER_CODE.address(name), {"Accept-Encoding": "identity"}).content == answer.content


def test_plotly_comes_from_the_package_beside_its_loader(client: Client) -> None:
    answer = client.get(BROWSER_CODE.address("shared/browser/plotly.min.js"), {"Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert b"Plotly" in answer.content
    assert int(answer.headers["content-length"]) < len(answer.content) / 2


@pytest.mark.parametrize(
    "path",
    [
        "0000000000000000/train/panel.js",
        "train/panel.js",
        "DIGEST/train/panel.py",
        "DIGEST/train/page.py",
        "DIGEST/../app.py",
        "DIGEST/locale/ko/LC_MESSAGES/dqn_lab.po",
        "DIGEST",
        "constants/0000000000000000.json",
        "",
    ],
)
def test_nothing_else_is_served(client: Client, path: str) -> None:
    digest = BROWSER_CODE.address("").split("/")[-2]
    assert client.get(f"/live/browser/{path.replace('DIGEST', digest)}").status_code == 404


@pytest.mark.parametrize("module", MODULES)
def test_every_import_and_style_sheet_of_a_module_is_served(client: Client, module: str) -> None:
    address = BROWSER_CODE.address(module)
    for name in re.findall(r'from "([^"]+)"', (FOLDER / module).read_text("utf-8")):
        assert name.startswith(("./", "../")), name
        assert client.get(urljoin(address, name)).status_code == 200, name


def test_another_text_another_address(tmp_path: Path) -> None:
    first = _files(tmp_path / "a", train__panel_js="export const a = 1;", base_css=".dqn-live {}")
    same = _files(tmp_path / "b", train__panel_js="export const a = 1;", base_css=".dqn-live {}")
    other = _files(tmp_path / "c", train__panel_js="export const a = 2;", base_css=".dqn-live {}")
    moved = _files(tmp_path / "d", train__other_js="export const a = 1;", base_css=".dqn-live {}")
    addresses = [each.address("train/panel.js") for each in (first, same, other, moved)]
    assert addresses[0] == addresses[1]
    assert len(set(addresses)) == 3


def test_constants_are_where_their_values_say(client: Client) -> None:
    address = BROWSER_CODE.keep({"labels": {"start": "시작"}, "limit": float("inf")})
    assert address == BROWSER_CODE.keep({"labels": {"start": "시작"}, "limit": float("inf")})
    assert address != BROWSER_CODE.keep({"labels": {"start": "Start"}})
    answer = client.get(address)
    assert answer.json() == {"labels": {"start": "시작"}, "limit": None}
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_the_plotting_library_is_loaded_when_the_page_has_nothing_else_to_do() -> None:
    script = page_script(language="ko", skip="본문으로", target="page-content")
    assert BROWSER_CODE.address("shared/browser/plotly_loader.js") in script
    assert "requestIdleCallback" in script


@pytest.mark.parametrize("sheet", [name for name in SHEETS if PurePosixPath(name).name != "page_style.css"])
def test_a_style_sheet_touches_nothing_but_our_components(sheet: str) -> None:
    rules = re.sub(r"/\*.*?\*/", "", (FOLDER / sheet).read_text("utf-8"), flags=re.DOTALL)
    selectors = [each.strip() for each in re.findall(r"([^{};]+)\{", rules)]
    plain = [each for each in selectors if not each.startswith(("@", "50%"))]
    assert plain
    for selector in plain:
        for part in re.split(r",(?![^(]*\))", selector):
            assert part.strip().startswith(".dqn-"), selector


def test_components_respect_readers_who_want_no_motion() -> None:
    assert "@media (prefers-reduced-motion: reduce)" in (FOLDER / "shared/browser/base.css").read_text("utf-8")
