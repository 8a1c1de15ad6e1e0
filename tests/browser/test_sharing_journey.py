"""Settings go from one person's form by a link into another's, and their run has them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page, expect

from browser_watch import choose_speed, settle
from live_server import LiveServer

OpenPage = Callable[..., Page]
LINK = '/train?env=CartPole-v1&preset=fast&settings={"seed":7,"gamma":0.9}'


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def seed(page: Page) -> Any:
    return page.get_by_label("Seed", exact=True)


def open_menu(page: Page) -> str:
    """Open the menu; the link in it."""
    press(page, "Share")
    expect(page.get_by_test_id("share-panel")).to_be_visible()
    return page.get_by_test_id("share-link").input_value()


def copied(page: Page, button: str) -> str:
    """What the button puts on the clipboard."""
    page.get_by_test_id(button).click()
    expect(page.get_by_test_id("share-said")).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_two_settings_go_by_a_link_into_another_persons_run(open_page: OpenPage, server: LiveServer) -> None:
    first = open_page(permissions=["clipboard-read", "clipboard-write"])
    first.goto("/train")
    settle(first)
    seed(first).fill("7")
    seed(first).press("Enter")
    settle(first)
    slider = first.get_by_role("slider", name="Discount factor γ")
    slider.press("ArrowLeft")
    expect(first.get_by_text("Custom", exact=True)).to_be_visible()  # a moved slider is sent after a moment
    settle(first)
    open_menu(first)
    link = copied(first, "copy_link")
    assert link.startswith(f"{server.url}/train?env=CartPole-v1&preset=lab8&settings=")
    settings = json.loads(dict(parse_qsl(urlsplit(link).query))["settings"])
    assert settings.keys() == {"seed", "gamma"}
    assert settings["seed"] == 7
    code = first.get_by_role("img", name="QR code of the link")
    expect(code).to_be_visible()
    assert code.evaluate("image => image.naturalWidth > 100")
    command = f"python -m dqn_core train --env CartPole-v1 --preset lab8 --seed 7 --gamma {settings['gamma']}"
    assert copied(first, "copy_command") == command

    second = open_page()
    second.goto(link)
    expect(second.get_by_text("Settings from a link. Different from the preset")).to_be_visible()
    settle(second)
    expect(seed(second)).to_have_value("7")
    shown = second.get_by_role("slider", name="Discount factor γ").get_attribute("aria-valuetext")
    assert shown == f"{settings['gamma']:g}"
    second.reload()
    expect(second.get_by_text("Settings from a link. Different from the preset")).to_be_visible()
    expect(seed(second)).to_have_value("7")

    seed(second).fill("8")  # what is changed afterwards stays
    seed(second).press("Enter")
    settle(second)
    choose_speed(second, "real time")
    expect(seed(second)).to_have_value("8")
    press(second, "Start")
    second.wait_for_url(re.compile(r"run=\d{8}-\d{6}-[a-z0-9]{4}"))
    second.wait_for_url(lambda address: "settings=" not in address)
    settle(second)
    run_id = re.sub(r".*run=([\w-]+).*", r"\1", second.url)
    config = json.loads((server.data_dir / "runs" / run_id / "config.json").read_text("utf-8"))
    assert (config["seed"], config["gamma"]) == (8, settings["gamma"])
    press(second, "Stop")
    expect(second.get_by_test_id("run-state")).to_contain_text("Stopped")

    # The run that somebody else started is shared from each view of it.
    first.goto(f"/inside?run={run_id}")
    settle(first)
    shared = dict(parse_qsl(urlsplit(open_menu(first)).query))
    assert json.loads(shared["settings"]) == {"seed": 8, "gamma": settings["gamma"]}


@pytest.mark.browser_context(locale="ko-KR", color_scheme="dark", viewport={"width": 390, "height": 844})
def test_a_link_on_a_phone_in_korean(page: Page) -> None:
    page.goto(LINK)
    expect(page.get_by_text("링크에서 가져온 설정입니다. 빠른 학습 프리셋과 다른 것:")).to_be_visible()
    settle(page)
    press(page, "공유")
    expect(page.get_by_role("button", name="링크 복사")).to_be_visible()
    box = page.get_by_test_id("share-panel").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    press(page, "공유")
    press(page, "프리셋으로 되돌리기")
    expect(page.get_by_text("링크에서 가져온 설정")).to_have_count(0)
    page.wait_for_url(lambda address: "settings=" not in address)


@pytest.mark.timeout(300)
def test_the_link_leads_below_the_path_that_the_browser_knows(open_page: OpenPage, tmp_path: Path) -> None:
    settings = {"STREAMLIT_SERVER_BASE_URL_PATH": "lab", "DQN_LAB_EXAMPLES": "true"}
    with LiveServer(tmp_path / "data", tmp_path / "log", settings=settings, base_path="/lab") as below:
        page = open_page(server=below)
        page.set_default_timeout(60_000)
        page.goto(f"{below.url}/replay")
        settle(page, timeout_s=60)
        assert open_menu(page).startswith(f"{below.url}/train?env=")
        press(page, "Share")
        _save_and_play(page, open_page, tmp_path)
        page.goto(below.url + LINK)
        expect(page.get_by_text("Settings from a link. Different from the preset")).to_be_visible(timeout=60_000)
        settle(page)


def _save_and_play(page: Page, open_page: OpenPage, folder: Path) -> None:
    """The episode shown goes into a file, which plays where there is no server."""
    button = page.get_by_role("button", name=re.compile(r"Episode as a page \(HTML, [\d.]+ MB\)"))
    expect(button).to_be_enabled(timeout=60_000)
    with page.expect_download() as waiting:
        button.click()
    path = folder / "episode.html"
    waiting.value.save_as(path)
    alone = open_page(offline=True)
    alone.goto(path.as_uri())
    expect(alone.get_by_text("Command line")).to_be_visible()
    before = alone.get_by_test_id("picture").screenshot()
    alone.keyboard.press("End")
    expect(alone.get_by_test_id("position")).to_have_text(re.compile(r"step (\d+) of \1"))
    alone.evaluate(
        "new Promise((done) => { const look = () => (window.dqnLabReplay.shown()[0] === window.dqnLabReplay.last()"
        " ? done() : requestAnimationFrame(look)); look(); })"
    )
    assert alone.get_by_test_id("picture").screenshot() != before
