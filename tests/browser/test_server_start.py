"""The server starts, serves and ends, whichever command starts it."""

from __future__ import annotations

import signal
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from browser_watch import settle, while_server_is_away
from live_server import LiveServer

pytestmark = pytest.mark.cold_start


@pytest.mark.parametrize("launcher", ["streamlit", "uvicorn"])
def test_both_launchers_serve_the_page_and_end_when_asked(
    launcher: str, start_server: Callable[..., LiveServer], open_page: Callable[..., Page]
) -> None:
    server = start_server(launcher=launcher)
    page = open_page(server=server)
    page.goto("/train")
    settle(page)
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.close()
    server.stop(signal.SIGTERM)
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)


def test_data_goes_into_the_folder_that_the_environment_names(server: LiveServer) -> None:
    assert (server.data_dir / "dqn_lab.sqlite").is_file()


@pytest.mark.browser_context(color_scheme="dark", locale="ko-KR")
def test_the_page_follows_the_browsers_language_and_colours(page: Page) -> None:
    page.goto("/train")
    settle(page)
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", "rgb(17, 25, 28)")
    expect(page.get_by_role("button", name="시작")).to_be_visible()


@while_server_is_away()
def test_ctrl_c_ends_the_server_while_a_tab_is_open(
    start_server: Callable[..., LiveServer], open_page: Callable[..., Page]
) -> None:
    server = start_server()
    page = open_page(server=server)
    page.goto("/train")
    settle(page)
    server.stop(signal.SIGINT)  # raises where it hangs
    assert not server.is_running
