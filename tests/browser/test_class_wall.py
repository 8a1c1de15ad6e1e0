"""The wall of a class: cards that move, order, filters, one large card, and what its teacher takes along."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser_watch import choose_speed, settle
from workbooks import read_workbook

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def join(page: Page, code: str, nickname: str) -> None:
    page.goto(f"/class?code={code}")
    page.get_by_label("Your nickname").fill(nickname)
    button(page, "Join").click()
    expect(page.get_by_test_id("class-nickname")).to_have_text(nickname)
    settle(page)


def start(page: Page, speed: str) -> None:
    page.goto("/train")
    settle(page)
    choose_speed(page, speed)
    button(page, "Start").click()
    page.wait_for_url(re.compile("run="))


def card(teacher: Page, nickname: str) -> Locator:
    return teacher.get_by_test_id("wall-card").filter(has=teacher.get_by_text(nickname, exact=True))


def names(teacher: Page) -> list[str]:
    return teacher.get_by_test_id("wall-name").all_inner_texts()


def downloaded(teacher: Page, link: str, folder: Path) -> bytes:
    with teacher.expect_download() as started:
        teacher.get_by_role("link", name=link, exact=True).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path.read_bytes()


@pytest.mark.timeout(300)
def test_a_teacher_sees_all_and_takes_the_results_along(open_page: Callable[..., Page], tmp_path: Path) -> None:
    teacher, mina, ben = open_page(), open_page(), open_page(**PHONE)
    teacher.goto("/class")
    settle(teacher)
    teacher.get_by_label("Title of the class").fill("Thursday")
    button(teacher, "Open the class").click()
    wall = teacher.get_by_test_id("wall")
    expect(wall.get_by_text("Nobody has joined yet.")).to_be_visible()
    code = teacher.get_by_test_id("class-code").inner_text()

    # Cards come with their students, and the runs move on them by themselves.
    join(ben, code, "Ben")
    join(mina, code, "Mina")
    expect(teacher.get_by_test_id("wall-card")).to_have_count(2)
    expect(card(teacher, "Mina")).to_contain_text("No run yet")
    start(mina, "full speed")
    start(ben, "real time")
    wall.scroll_into_view_if_needed()
    expect(card(teacher, "Ben")).to_contain_text("Running", timeout=60_000)
    expect(card(teacher, "Ben").get_by_role("img", name="The agent of Ben")).to_be_visible()
    expect(card(teacher, "Mina")).to_contain_text(re.compile("Solved|limit reached"), timeout=120_000)
    expect(card(teacher, "Mina").locator("path")).to_have_attribute("d", re.compile("^M"))
    expect(card(teacher, "Mina").locator("strong")).to_have_text(re.compile(r"\d"))

    # In order and filtered, with the keyboard too.
    assert names(teacher) == ["Ben", "Mina"]
    teacher.get_by_test_id("wall-order").select_option("score")
    expect(teacher.get_by_test_id("wall-name").first).to_have_text("Mina")
    ben.goto("/class")
    button(ben, "Raise hand").click()
    expect(teacher.get_by_test_id("wall-hand")).to_have_text("hand raised 1")
    teacher.get_by_test_id("wall-hand").press("Enter")
    expect(teacher.get_by_test_id("wall-card")).to_have_count(1)
    expect(card(teacher, "Ben")).to_contain_text("Hand raised")
    teacher.get_by_test_id("wall-all").click()

    # One click makes a card large; Escape makes it small again.
    large = teacher.get_by_test_id("wall-large")
    expect(large).to_be_hidden()
    card(teacher, "Mina").get_by_test_id("wall-name").click()
    expect(large.get_by_role("heading", name="Mina")).to_be_visible()
    expect(large.get_by_role("link", name="Open the run")).to_have_attribute("href", re.compile("^train\\?run="))
    teacher.keyboard.press("Escape")
    expect(large).to_be_hidden()

    # What is collected can be read.
    teacher.locator("summary").filter(has_text="Collect").click()
    settle(teacher)
    head, *rows = read_workbook(downloaded(teacher, "Table (XLSX)", tmp_path))["class"]
    assert {row[head.index("nickname")] for row in rows} == {"Ben", "Mina"}
    with zipfile.ZipFile(io.BytesIO(downloaded(teacher, "Everything (ZIP)", tmp_path))) as opened:
        table = list(csv.DictReader(io.StringIO(opened.read("class.csv").decode("utf-8-sig"))))
        assert {row["nickname"] for row in table} == {"Ben", "Mina"}
        assert any(name.startswith("runs/Mina-") for name in opened.namelist())

    # Students see none of it.
    mina.goto("/class")
    settle(mina)
    expect(mina.get_by_test_id("class-nickname")).to_have_text("Mina")
    expect(mina.get_by_test_id("wall")).to_have_count(0)
    expect(mina.locator("a[href*='/live/class/']")).to_have_count(0)


def test_a_list_that_is_open_stays_open_while_students_join(open_page: Callable[..., Page]) -> None:
    teacher, mina, ben = open_page(), open_page(), open_page()
    teacher.goto("/class")
    settle(teacher)
    teacher.get_by_label("Title of the class").fill("Friday")
    button(teacher, "Open the class").click()
    code = teacher.get_by_test_id("class-code").inner_text()
    settle(teacher)
    box = teacher.get_by_role("combobox", name=re.compile("Open settings"))
    box.click()
    option = teacher.get_by_role("option", name=re.compile("Discount factor"))
    expect(option).to_be_visible()
    teacher.evaluate("window.scrolledTo = document.querySelector('[data-testid=stMain]').scrollTop")
    for page, nickname in ((mina, "Mina"), (ben, "Ben")):
        join(page, code, nickname)
    expect(teacher.get_by_test_id("wall-card")).to_have_count(2)
    # Members and cards stand above the list: the browser has scrolled along.
    teacher.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop > window.scrolledTo")
    option.click()
    teacher.keyboard.press("Escape")
    expect(teacher.get_by_label("Discount factor γ: from", exact=True)).to_be_visible()

    # The list itself scrolls, to its last choice.
    settle(teacher)
    box.click()
    teacher.get_by_role("option", name=re.compile("Learning rate")).first.hover()
    teacher.mouse.wheel(0, 10_000)
    last = teacher.get_by_role("option", name="Initial weights")
    expect(last).to_be_visible()
    teacher.keyboard.press("Escape")

    # The page scrolled by hand, it closes.
    settle(teacher)
    box.click()
    expect(last).to_be_visible()
    teacher.mouse.move(1_300, 500)
    teacher.mouse.wheel(0, -100)
    expect(last).to_have_count(0)
