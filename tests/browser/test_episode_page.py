"""An episode saved as one file, and the file opened from a folder, offline."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser_watch import BrowserWatch
from mounted_replay import LAYOUT, MadeUpEpisode, MountedReplay, number_in, opened_replay
from pages.replay.episode_file import MOST_BYTES, page_template
from pages.replay.panel import STYLES
from pages.server.browser_code import BROWSER_CODE

TITLE = 'Episode: <b>"CartPole" & co</b>'
FACTS = [["Environment", "CartPole-v1"], ["Command line", "python -m dqn_core train --env CartPole-v1 </script>"]]


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[MountedReplay]:
    with opened_replay(browser) as replay:
        yield replay


def offer(language: str = "en", most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    html = page_template(language, STYLES)
    return {
        "address": BROWSER_CODE.keep({"html": html}),
        "bytes": len(html.encode()),
        "most_bytes": most_bytes,
        "file": "run-best-seed-1.html",
        "title": TITLE,
    }


def mounted(replay: MountedReplay, *episodes: MadeUpEpisode, **changes: Any) -> None:
    names = ("left", "right")[: len(episodes)]
    sides = [
        {"title": name, "detail": "best", "url": f"live/runs/{name}/replay?seed=1", "facts": FACTS} for name in names
    ]
    replay.mount(*episodes, **{"sides": sides, "page": offer(), **changes})


def saved(replay: MountedReplay, folder: Path) -> Path:
    button = replay.page.get_by_test_id("save-page")
    expect(button).to_be_enabled()
    with replay.page.expect_download() as waiting:
        button.click()
    assert waiting.value.suggested_filename == "run-best-seed-1.html"
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


@pytest.fixture
def open_file(browser: Browser) -> Iterator[Any]:
    """Open a file as somebody does who got it by mail, and has no network."""
    watch = BrowserWatch(["getImageData"])
    contexts = []
    asked: list[str] = []

    def open_one(path: Path, **options: Any) -> Page:
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        watch.watch(page)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        wait_until(page, "window.dqnLabReplay.shown().every((each) => each !== null)")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert watch.unexpected() == []
    assert [each for each in asked if not each.startswith(("file:", "data:", "blob:"))] == []


def shown_number(page: Page, side: int = 0) -> int:
    canvas = page.get_by_test_id("picture").nth(side)
    return number_in(canvas.evaluate("each => [...each.getContext('2d').getImageData(9, 9, 1, 1).data].slice(0, 3)"))


def wait_until(page: Page, condition: str) -> None:
    """Look at each of the browser's frames; the page's policy keeps Playwright's own way of waiting out."""
    page.evaluate(
        f"new Promise((done) => {{ const look = () => ({condition} ? done() : requestAnimationFrame(look)); look(); }})"
    )


def shown_is(page: Page, step: int) -> None:
    wait_until(page, f"window.dqnLabReplay.shown().every((each) => each === {step})")


def test_a_saved_episode_plays_from_a_file_without_a_network(
    opened: MountedReplay, open_file: Any, tmp_path: Path
) -> None:
    mounted(opened, MadeUpEpisode(length=60))
    opened.wait_ready()
    said = opened.page.get_by_test_id("save-page").inner_text()
    path = saved(opened, tmp_path)
    size = re.search(r"HTML, ([\d.]+) MB", said)
    assert size is not None
    assert float(size[1]) == pytest.approx(path.stat().st_size / 1e6, abs=0.06)

    page = open_file(path)
    assert page.title() == TITLE
    assert page.get_by_role("heading", level=1).inner_text() == TITLE
    expect(page.get_by_text(FACTS[1][1], exact=True)).to_be_visible()
    expect(page.get_by_test_id("save-page")).to_have_count(0)
    assert shown_number(page) == 0
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    shown_is(page, 5)
    assert shown_number(page) == 5
    expect(page.get_by_test_id("fact-return_so_far")).to_have_text("5.0")
    expect(page.get_by_test_id("fact-value")).to_have_text("5.12")
    expect(page.get_by_test_id("position")).to_have_text("step 5 of 60")
    page.get_by_test_id("position").click()
    page.keyboard.press("+")
    assert page.evaluate("window.dqnLabReplay.speed()") == 2
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    wait_until(page, "window.dqnLabReplay.step() === 60")
    shown_is(page, 60)
    assert shown_number(page) == 60
    page.get_by_test_id("first").click()
    shown_is(page, 0)
    box = page.get_by_test_id("scrub").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_until(page, "Math.abs(window.dqnLabReplay.step() - 30) <= 1")


def test_two_episodes_side_by_side_go_into_one_file(opened: MountedReplay, open_file: Any, tmp_path: Path) -> None:
    mounted(opened, MadeUpEpisode(length=20), MadeUpEpisode(length=30, kept=11))
    opened.wait_ready()
    page = open_file(saved(opened, tmp_path))
    page.keyboard.press("ArrowRight")
    shown_is(page, 1)
    assert [shown_number(page, side) for side in (0, 1)] == [1, 1]
    page.keyboard.press("End")
    expect(page.get_by_test_id("picture-note").nth(1)).to_contain_text("The pictures end at step 10")


def test_it_is_dark_and_korean_and_fits_a_phone_where_the_reader_has_it_so(
    opened: MountedReplay, open_file: Any, tmp_path: Path
) -> None:
    mounted(opened, MadeUpEpisode(length=20), page=offer("ko"), locale="ko")
    opened.wait_ready()
    path = saved(opened, tmp_path)
    page = open_file(path, color_scheme="dark", viewport={"width": 390, "height": 800})
    assert page.locator("html").get_attribute("lang") == "ko"
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert max(map(int, re.findall(r"\d+", dark)[:3])) < 64
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    light = open_file(path).evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert min(map(int, re.findall(r"\d+", light)[:3])) > 200


def test_what_stands_in_the_texts_of_an_episode_stays_text(
    opened: MountedReplay, open_file: Any, tmp_path: Path
) -> None:
    mounted(opened, MadeUpEpisode(length=3), action_names=["</script><script>window.broken = 1</script>", "<!--"])
    opened.wait_ready()
    page = open_file(saved(opened, tmp_path))
    assert page.evaluate("window.broken") is None
    data = json.loads(page.locator("#data").text_content() or "")
    assert data["action_names"][0].startswith("</script>")


def test_a_file_too_large_is_refused_with_its_size(opened: MountedReplay) -> None:
    mounted(opened, MadeUpEpisode(length=30), page=offer(most_bytes=50_000))
    opened.wait_ready()
    expect(opened.page.get_by_test_id("save-note")).to_contain_text("is too large for a page: at most 0.1 MB")
    expect(opened.page.get_by_test_id("save-page")).to_be_disabled()


def test_it_can_be_saved_once_everything_has_come(opened: MountedReplay) -> None:
    episode = MadeUpEpisode(length=30, drawn=10)
    mounted(opened, episode)
    opened.wait_for("window.dqnLabReplay.pictures()[0] === 10")
    expect(opened.page.get_by_test_id("save-page")).to_be_disabled()
    expect(opened.page.get_by_test_id("save-note")).to_have_text("Can be saved once all pictures have come.")
    episode.drawn = None
    opened.wait_ready()
    expect(opened.page.get_by_test_id("save-page")).to_be_enabled()


def test_a_long_episode_opens_at_its_end_too(opened: MountedReplay, open_file: Any, tmp_path: Path) -> None:
    mounted(opened, MadeUpEpisode(length=4_000))
    opened.wait_ready()
    page = open_file(saved(opened, tmp_path))
    page.keyboard.press("End")
    shown_is(page, 4_000)
    assert shown_number(page) == 4_000 % 4096


def test_what_the_network_sees_is_in_the_file_too(opened: MountedReplay, open_file: Any, tmp_path: Path) -> None:
    mounted(opened, MadeUpEpisode(length=12), layout=LAYOUT, observation_names=[])
    page = open_file(saved(opened, tmp_path))
    expect(page.get_by_test_id("seen-1")).to_have_attribute("data-state", "0")
    page.get_by_test_id("position").first.click()
    page.keyboard.press("End")
    expect(page.get_by_test_id("seen-1")).to_have_attribute("data-state", "12")
    page.get_by_test_id("saliency").click()
    expect(page.get_by_test_id("seen-note")).to_contain_text("not loaded before")
