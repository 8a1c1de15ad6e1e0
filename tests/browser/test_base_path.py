"""The dashboard below a path of a server that serves other things too."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from browser_watch import choose_speed, settle
from live_server import LiveServer
from pages.server.browser_code import BROWSER_CODE

SETTINGS = {"STREAMLIT_SERVER_BASE_URL_PATH": "lab"}


@pytest.mark.timeout(300)
def test_pages_and_live_routes_are_there_below_a_path(open_page: Callable[..., Page], tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data", tmp_path / "server.log", settings=SETTINGS, base_path="/lab") as server:
        with httpx.Client(trust_env=False) as client:
            module = BROWSER_CODE.address("shared/mount.js")
            for path in ("/", "/_stcore/health", module):
                assert client.get(f"{server.url}{path}").status_code == 200, path
            assert client.get(server.url.removesuffix("/lab") + module).status_code == 404
        page = open_page(server=server)
        page.set_default_timeout(60_000)
        page.goto(f"{server.url}/")
        settle(page, timeout_s=60)
        page.get_by_role("link", name="Train your own").click()
        settle(page, timeout_s=60)
        choose_speed(page, "full speed")
        page.get_by_role("button", name="Start", exact=True).click()
        page.wait_for_url(re.compile(r"/lab/train\?run=\d{8}"))
        expect(page.get_by_test_id("run-state")).to_have_text(re.compile("Running|Solved|Finished"), timeout=60_000)
        settle(page, timeout_s=60)
        page.get_by_role("link", name="Runs", exact=True).click()
        page.wait_for_url(re.compile("/lab/runs"))
        expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible(timeout=60_000)
        settle(page, timeout_s=60)
        assert server.take_noise() == []
