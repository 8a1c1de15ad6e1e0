"""Two students and an instructor on one server: whose run is whose, and whose turn it is."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from browser_watch import choose_speed, settle
from live_server import LiveServer

CODE = "chalk-and-sponge"
RUN = re.compile(r"run=(\d{8}-\d{6}-[a-z0-9]{4})")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def state(page: Page) -> Locator:
    return page.get_by_test_id("run-state")


def start_a_long_run(page: Page) -> str:
    """At real time it outlasts the test; its address."""
    page.goto("/train")
    settle(page)
    choose_speed(page, "real time")
    button(page, "Start").click()
    page.wait_for_url(RUN)
    settle(page)
    return page.url


def own_cookies(page: Page) -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in page.context.cookies() if each["name"].startswith("dqn_lab_")}


def test_owners_control_watchers_wait_and_the_instructor_does_both(
    start_server: Callable[..., LiveServer], open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DQN_LAB_INSTRUCTOR_CODE", CODE)
    monkeypatch.setenv("DQN_LAB_MAX_ACTIVE_RUNS", "1")
    server = start_server()
    ann, ben, eve = (open_page(server=server) for _ in range(3))

    # Ann starts a run; the cookie that came with her first page says so, and no script can read it.
    address = start_a_long_run(ann)
    expect(state(ann)).to_have_text("Running", timeout=60_000)
    ((name, cookie),) = own_cookies(ann).items()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert name not in ann.evaluate("document.cookie")

    # Ben watches it. His own run waits for its turn.
    ben.goto(address)
    expect(state(ben)).to_have_text("Running")
    expect(ben.get_by_text("This run was started by visitor")).to_be_visible()
    expect(button(ben, "Stop")).to_be_disabled()
    expect(ben.get_by_role("slider", name="Learning rate")).to_be_disabled()
    bens = start_a_long_run(ben)
    expect(state(ben)).to_have_text("Waiting")
    expect(ben.get_by_test_id("run-message")).to_contain_text("number 1 in the queue")

    # Eve writes herself a cookie with Ann's id, and watches.
    visitor_id = str(cookie["value"]).partition(".")[0]
    eve.context.add_cookies([{"name": name, "value": f"{visitor_id}.{'0' * 64}", "url": server.url}])
    eve.goto(address)
    expect(state(eve)).to_have_text("Running")
    expect(eve.get_by_text("This run was started by visitor")).to_be_visible()
    expect(button(eve, "Stop")).to_be_disabled()

    # Ann comes back, and it is her run still.
    ann.reload()
    settle(ann)
    expect(button(ann, "Pause")).to_be_enabled()

    # Eve turns out to know the code; her browser remembers that.
    button(eve, "Instructor").click()
    eve.get_by_label("Instructor's code").fill("sponge-and-chalk")
    button(eve, "I am the instructor").click()
    expect(eve.get_by_text("This is not the instructor's code.")).to_be_visible()
    eve.get_by_label("Instructor's code").fill(CODE)
    with eve.expect_response(re.compile("/role$")) as answer:
        button(eve, "I am the instructor").click()
    assert answer.value.status == 204
    expect(button(eve, "Stop")).to_be_enabled()
    eve.reload()
    settle(eve)
    button(eve, "Stop").click()

    # Ann sees her run end; Ben's begins by itself.
    expect(state(ann)).to_have_text("Stopped")
    expect(state(ben)).to_have_text("Running", timeout=60_000)
    assert ben.url == bens
    settle(ben)
    expect(button(ben, "Stop")).to_be_enabled()
