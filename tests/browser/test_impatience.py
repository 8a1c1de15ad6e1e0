"""Hands that are quicker than the page: no click leads to a second run, an error, or a page without a way on."""

from __future__ import annotations

import re

from playwright.sync_api import Page, WebSocket, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from browser_watch import choose_speed, settle
from live_server import LiveServer

RUN = re.compile(r"run=(\d{8}-\d{6}-[a-z0-9]{4})")


def button(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def run_folders(server: LiveServer) -> set[str]:
    return {path.name for path in (server.data_dir / "runs").glob("*")}


def open_at_real_time(page: Page) -> None:
    """The empty page, set so that a run outlasts its test."""
    page.goto("/train")
    settle(page)
    choose_speed(page, "real time")


def stop(page: Page) -> None:
    settle(page)
    button(page, "Stop")
    expect(page.get_by_test_id("run-state")).to_have_text("Stopped")
    settle(page)


def test_start_pressed_again_and_again_starts_one_run(page: Page, server: LiveServer) -> None:
    open_at_real_time(page)
    before = run_folders(server)
    page.get_by_role("button", name="Start", exact=True).dblclick()
    page.wait_for_url(RUN)
    expect(page.get_by_test_id("run-state")).to_have_text("Running")
    settle(page)
    first = RUN.search(page.url)
    assert first
    assert run_folders(server) - before == {first[1]}
    stop(page)


def test_a_run_can_be_stopped_while_it_starts(page: Page) -> None:
    open_at_real_time(page)
    button(page, "Start")
    button(page, "Stop")  # as soon as it can be pressed
    expect(page.get_by_test_id("run-state")).to_have_text("Stopped")
    settle(page)
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()


def test_a_reload_while_it_starts_and_the_ways_back_and_forth_find_the_run(page: Page) -> None:
    open_at_real_time(page)
    button(page, "Start")
    page.wait_for_url(RUN)
    address = page.url
    page.reload()
    expect(page.get_by_test_id("run-state")).to_have_text("Running")
    settle(page)
    page.get_by_role("link", name="New run").click()
    expect(page.get_by_role("heading", name="Train an agent")).to_be_visible()
    settle(page)
    page.go_back()
    expect(page.get_by_test_id("run-state")).to_have_text("Running")
    assert page.url == address
    settle(page)
    page.go_forward()
    expect(page.get_by_role("heading", name="Train an agent")).to_be_visible()
    settle(page)
    page.go_back()
    expect(page.get_by_test_id("run-state")).to_have_text("Running")
    stop(page)


def test_what_was_on_the_page_before_is_sent_again_and_never_looked_for_in_the_browser(page: Page) -> None:
    # Streamlit can have the browser keep large elements for a few script runs, and send their hashes alone. One that
    # was asked for just before the last of these runs had ended was thrown away by then, and the page was dead.
    kinds: list[str | None] = []

    def watch_answers(socket: WebSocket) -> None:
        if socket.url.endswith("/_stcore/stream"):
            socket.on("framereceived", lambda data: kinds.append(ForwardMsg.FromString(data).WhichOneof("type")))

    page.on("websocket", watch_answers)
    open_at_real_time(page)
    button(page, "Start")
    stage = page.get_by_test_id("live-frame")
    expect(stage).to_be_visible()
    for is_on in (False, True, False, True):
        settle(page)
        page.get_by_test_id("stCheckbox").filter(has_text="Show agent").locator("label").click()
        expect(stage).to_be_visible(visible=is_on)
    stop(page)
    assert "delta" in kinds
    assert "ref_hash" not in kinds


_CHECK_AND_LEAVE = """() => {
  const shadowed = [...document.querySelectorAll("*")].map((each) => each.shadowRoot).filter(Boolean);
  const [row] = [document, ...shadowed].map((root) => root.querySelector("tbody input[type=checkbox]")).filter(Boolean);
  row.click();
  const links = [...document.querySelectorAll("[data-testid=stTopNavLinkContainer] a")];
  links.find((each) => each.textContent.includes("Learn")).click();
  const until = performance.now() + 400;
  while (performance.now() < until);
}"""
"""The table tells the server what is checked a moment later, here before the link's page can have come."""


def test_a_link_is_followed_whatever_a_part_of_the_page_says_meanwhile(page: Page) -> None:
    open_at_real_time(page)
    button(page, "Start")
    stop(page)
    for _ in range(3):
        page.goto("/runs")
        settle(page)
        expect(page.get_by_test_id("run-table").locator("tbody tr").first).to_be_visible()
        page.evaluate(_CHECK_AND_LEAVE)
        page.wait_for_url("**/lessons")
        settle(page)
        expect(page.get_by_role("heading", name=re.compile("^12 · Reward density"))).to_be_visible()
        expect(page).to_have_url(re.compile("/lessons$"))
