"""A class with its teacher and six students, two of them on phones; and one whose server is killed in it."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import signal
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from playwright.sync_api import Locator, Page, expect

from benchmarks.student import Student
from browser_watch import PICTURE_OF_THE_SERVER_BEFORE, choose_speed, settle, while_server_is_away
from live_server import LiveServer
from qr_codes import read_qr_code
from workbooks import read_workbook

CODE = "chalk-and-sponge"
AWAY_MS = 30_000
"""A page comes back after a restart within this time."""
SLOW_MS = 60_000
"""What a run does is to be seen within this time, on a machine with two cores too."""
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
_BEFORE_THE_PAGE = "fragment with id"
"""A panel tells of its run's new state before the new server has drawn its page."""
FORGED_RATE = "0.01"
"""A learning rate that is not assigned, as its slider has it."""


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def become_instructor(page: Page) -> None:
    page.goto("/class")
    settle(page)
    page.get_by_test_id("stPopover").get_by_role("button", name="Instructor").click()
    page.get_by_label("Instructor's code").fill(CODE)
    button(page, "I am the instructor").click()
    expect(page.get_by_text("You control every run")).to_be_visible()
    page.keyboard.press("Escape")
    settle(page)


def open_class(teacher: Page) -> str:
    """The code of the class that the teacher opens."""
    become_instructor(teacher)
    fill(teacher, "Title of the class", "Thursday")
    button(teacher, "Open the class").click()
    expect(teacher.locator(".class-way-in img")).to_be_visible()
    return teacher.get_by_test_id("class-code").inner_text()


def join(page: Page, code: str, nickname: str, *, label: str = "Your nickname", join_: str = "Join") -> None:
    if not page.url.endswith(code):
        page.goto(f"/class?code={code}")
    page.get_by_label(label).fill(nickname)
    button(page, join_).click()
    expect(page.get_by_test_id("class-nickname")).to_have_text(nickname)
    settle(page)


def member(page: Page, nickname: str) -> Locator:
    return page.get_by_test_id("member").filter(has_text=nickname)


def card(teacher: Page, nickname: str) -> Locator:
    return teacher.get_by_test_id("wall-card").filter(has=teacher.get_by_text(nickname, exact=True))


def summary(teacher: Page) -> Locator:
    return teacher.get_by_test_id("roster-summary")


def fill(page: Page, label: str, text: str) -> None:
    field_ = page.get_by_label(label, exact=True)
    field_.fill(text)
    field_.blur()
    settle(page)


def start(page: Page) -> None:
    """Start what the form has; at real time it outlasts the test."""
    choose_speed(page, "real time")
    button(page, "Start").click()
    expect(page.get_by_test_id("run-state")).to_have_text("Running", timeout=SLOW_MS)


def say(teacher: Page, message: str, students: tuple[Page, ...]) -> None:
    fill(teacher, "Message", message)
    button(teacher, "Show to all").click()
    for page in students:
        expect(page.get_by_test_id("class-message")).to_have_text(message, timeout=AWAY_MS)
    settle(teacher)


def lead_to_the_leaderboard(teacher: Page, students: tuple[Page, ...]) -> None:
    """A page is opened for all."""
    teacher.get_by_role("combobox", name=re.compile("Everyone look here")).click()
    teacher.get_by_role("option", name="Leaderboard", exact=True).click()
    teacher.get_by_test_id("stCheckbox").filter(has_text="Open it for all").click()
    settle(teacher)
    button(teacher, "Show to all").click()
    for page in students:
        page.wait_for_url(re.compile("/leaderboard"))
        expect(page.get_by_test_id("class-look")).to_have_attribute("href", re.compile(r"^\./leaderboard"))


class Forger:
    """A student's browser without its page: with the student's cookie, it sends what no page would let it send."""

    def __init__(self, server: LiveServer, page: Page) -> None:
        cookies = {each["name"]: each["value"] for each in page.context.cookies()}
        self._loop = asyncio.new_event_loop()
        self._beside_playwrights_loop = threading.Thread(target=self._loop.run_forever)
        self.student = Student(server.url, cookies)

    def __enter__(self) -> Self:
        self._beside_playwrights_loop.start()
        self.do(self.student.enter())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self.student.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._beside_playwrights_loop.join()
        self._loop.close()

    def do(self, act: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(60)


@dataclass(frozen=True)
class Lesson:
    """The pages of those who are there."""

    server: LiveServer
    teacher: Page
    mina: Page
    ben: Page
    jun: Page
    ada: Page
    leo: Page
    eve: Page
    done: dict[str, dict[str, str]] = field(default_factory=dict)
    """What was done, by nickname: what the collected tables must say."""
    addresses: dict[str, str] = field(default_factory=dict)
    """Of the runs' pages, by nickname."""

    @property
    def students(self) -> tuple[Page, ...]:
        return self.mina, self.ben, self.jun, self.ada, self.leo, self.eve

    def open(self) -> str:
        """The teacher opens a class; students have no such form."""
        code = open_class(self.teacher)
        address = read_qr_code(self.teacher.locator(".class-way-in img").screenshot())
        assert address == f"{self.server.url}/class?code={code}"
        self.mina.goto("/class")
        expect(self.mina.get_by_text("Enter the instructor's code")).to_be_visible()
        expect(button(self.mina, "Open the class")).to_have_count(0)
        return code

    def join(self, code: str) -> None:
        """Six join, one in Korean; a nickname is one person's."""
        for page in self.students:
            page.goto(f"/class?code={code}", wait_until="commit")
        join(self.mina, code, "Mina")
        self.ben.get_by_label("Your nickname").fill("ＭＩＮＡ")
        button(self.ben, "Join").click()
        expect(self.ben.get_by_text("called Mina already")).to_be_visible()
        join(self.ben, code, "Ben")
        join(self.jun, code, "준", label="내 별명", join_="참여")
        for page, nickname in ((self.ada, "Ada"), (self.leo, "Leo"), (self.eve, "Eve")):
            join(page, code, nickname)
        expect(summary(self.teacher)).to_have_text("6 in the class")
        self.done.update({each: {"state": "", "gamma": ""} for each in ("Mina", "Ben", "준", "Ada", "Leo", "Eve")})

    def raise_a_hand(self) -> None:
        """A hand goes up on a phone and is seen; the teacher lowers it."""
        button(self.ben, "Raise hand").click()
        expect(summary(self.teacher)).to_have_text("6 in the class, 1 with a hand up")
        self.teacher.get_by_test_id("member-hand").click()
        expect(button(self.ben, "Raise hand")).to_be_visible()

    def assign(self) -> None:
        """An assignment with one open setting reaches every page by itself."""
        teacher = self.teacher
        fill(teacher, "What is to be done", "Find a good discount factor.")
        teacher.get_by_role("combobox", name=re.compile("Open settings")).click()
        teacher.keyboard.type("Discount")
        teacher.get_by_role("option", name=re.compile("Discount factor")).click()
        teacher.keyboard.press("Escape")
        fill(teacher, "Discount factor γ: from", "0.9")
        button(teacher, "Give to the class").click()
        for page in self.students:
            expect(page.get_by_text("Find a good discount factor.")).to_be_visible()

    def start(self) -> None:
        """The assignment fills the form, and locks it but for what is open; three run at real time, one to a score."""
        button(self.jun, "여기서 시작").click()
        for page in (self.mina, self.ben, self.ada):
            button(page, "Start from here").click()
        expect(self.jun.get_by_role("heading", name="에이전트 학습", exact=True)).to_be_visible()
        choose_speed(self.jun, "실제 속도", label="속도")
        button(self.jun, "시작").click()
        for nickname, page in {"Mina": self.mina, "Ben": self.ben}.items():
            start(page)
            self.done[nickname] = {"state": "paused", "gamma": "0.99"}
        self.done["준"] = {"state": "paused", "gamma": "0.99"}
        gamma = self.ada.get_by_role("slider", name="Discount factor")
        expect(self.ada.get_by_role("slider", name="Learning rate")).to_be_disabled()
        gamma.press("Home")
        expect(gamma).to_have_attribute("aria-valuetext", "0.9")
        settle(self.ada)
        choose_speed(self.ada, "full speed")
        button(self.ada, "Start").click()
        self.ada.wait_for_url(re.compile("run=2"))
        self.done["Ada"] = {"state": "finished", "gamma": "0.9"}
        self.addresses["Ada"] = self.ada.url

    def see_the_wall_move(self) -> None:
        """Curves grow and agents move by themselves, on the cards of those who train."""
        teacher = self.teacher
        teacher.get_by_test_id("wall").scroll_into_view_if_needed()
        curve = card(teacher, "Mina").locator("path")
        expect(curve).to_have_attribute("d", re.compile("^M"), timeout=SLOW_MS)
        before = curve.get_attribute("d") or ""
        expect(curve).not_to_have_attribute("d", before, timeout=SLOW_MS)
        expect(card(teacher, "Ben").get_by_role("img", name="The agent of Ben")).to_be_visible(timeout=SLOW_MS)
        expect(card(teacher, "Ada").locator("strong")).to_have_text(re.compile(r"\d"), timeout=SLOW_MS)
        expect(card(teacher, "Ada")).to_contain_text("Discount factor γ: 0.9")
        expect(card(teacher, "Leo")).to_contain_text("No run yet")

    def forge(self, unlocked: Forger) -> None:
        """What is locked is locked on the server, whatever a browser sends."""
        # A form that was drawn before the assignment, with a learning rate that is not assigned.
        unlocked.do(unlocked.student.press("Start"))
        assert not unlocked.student.run_id
        assert any("Learning rate" in each and "in this assignment" in each for each in unlocked.student.errors)
        # The form as it is now: its disabled fields are moved by messages, and Start is pressed.
        with Forger(self.server, self.eve) as locked:
            locked.do(locked.student.choose("Preset", "Strong"))
            locked.do(locked.student.choose("Learning rate", FORGED_RATE))
            locked.do(locked.student.choose("Speed", "real time"))
            locked.do(locked.student.press("Start"))
            assert locked.student.run_id
        self.done["Eve"] = {"state": "paused", "gamma": "0.99"}
        expect(card(self.teacher, "Eve")).to_contain_text("Running", timeout=SLOW_MS)
        expect(card(self.teacher, "Eve").get_by_role("listitem")).to_have_count(0)  # nothing is not as assigned

    def finish_one(self) -> None:
        """A run ends with a score, and is submitted under the nickname."""
        expect(self.ada.get_by_test_id("run-state")).to_have_text("Solved!", timeout=SLOW_MS)
        self.ada.get_by_test_id("stPopover").get_by_role("button", name="Leaderboard").click()
        expect(self.ada.get_by_label("Display name")).to_have_value("Ada")
        button(self.ada, "Submit").click()
        expect(self.ada.get_by_text("On the leaderboard.")).to_be_visible(timeout=SLOW_MS)

    def pause_and_say(self) -> None:
        """Everybody is paused, and hears why."""
        button(self.teacher, "Pause all").click()
        for page in (self.mina, self.ben):
            expect(page.get_by_test_id("run-state")).to_have_text("Paused", timeout=SLOW_MS)
        expect(self.jun.get_by_test_id("run-state")).to_have_text("일시정지됨", timeout=SLOW_MS)
        expect(card(self.teacher, "Eve")).to_contain_text("Paused")
        say(self.teacher, "Look at the projector", self.students)

    def look_at_the_leaderboard(self) -> None:
        """Everybody is led there, and finds who was submitted."""
        lead_to_the_leaderboard(self.teacher, self.students)
        for page in (self.mina, self.jun):
            expect(page.locator(".ranking").first).to_contain_text("Ada", timeout=SLOW_MS)

    def collect(self, folder: Path) -> None:
        """Both tables say what was done, and the same."""
        self.teacher.locator("summary").filter(has_text="Collect").click()
        settle(self.teacher)
        head, *rows = read_workbook(self.downloaded("Table (XLSX)", folder))["class"]
        text = self.downloaded("Table (CSV)", folder).decode("utf-8-sig")
        from_csv = list(csv.DictReader(io.StringIO(text)))
        assert list(from_csv[0]) == head
        found = {row["nickname"]: row for row in from_csv}
        assert {each: {"state": row["state"], "gamma": row["gamma"]} for each, row in found.items()} == self.done
        assert len(rows) == len(from_csv) == len(self.done)
        assert "learning_rate" not in head  # nobody's is another: no forged message came through
        assert {each for each, row in found.items() if row["differs_from_assignment"]} == {"Ada"}
        assert found["Ada"]["differs_from_assignment"] == "gamma=0.9"
        assert f"run={found['Ada']['run_id']}" in self.addresses["Ada"]
        assert float(found["Ada"]["best_evaluation"]) > 0
        assert float(found["Ada"]["server_evaluation"]) > 0
        assert not found["Leo"]["run_id"]
        assert {row["env_id"] for row in from_csv if row["run_id"]} == {"CartPole-v1"}
        for row in rows:
            by_name = dict(zip(head, row, strict=False))
            same = found[str(by_name["nickname"])]
            assert (by_name.get("run_id") or "", by_name.get("state") or "") == (same["run_id"], same["state"])
            for name in ("gamma", "episodes", "env_steps", "best_evaluation", "server_evaluation"):
                assert _number(by_name.get(name)) == _number(same[name])

    def downloaded(self, link: str, folder: Path) -> bytes:
        with self.teacher.expect_download() as download:
            self.teacher.get_by_role("link", name=link, exact=True).click()
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path.read_bytes()


def _number(value: object) -> float | None:
    return None if value in (None, "") else float(str(value))


@pytest.mark.timeout(300)
def test_a_class_of_six(
    start_server: Callable[..., LiveServer],
    open_page: Callable[..., Page],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("DQN_LAB_INSTRUCTOR_CODE", CODE)
    server = start_server()
    lesson = Lesson(
        server,
        teacher=open_page(server=server),
        mina=open_page(server=server),
        ben=open_page(server=server, **PHONE),
        jun=open_page(server=server, locale="ko-KR", **PHONE),
        ada=open_page(server=server),
        leo=open_page(server=server),
        eve=open_page(server=server),
    )
    lesson.join(lesson.open())
    lesson.raise_a_hand()
    with Forger(server, lesson.eve) as unlocked:
        unlocked.do(unlocked.student.choose("Learning rate", FORGED_RATE))
        lesson.assign()
        lesson.start()
        lesson.see_the_wall_move()
        lesson.forge(unlocked)
    lesson.finish_one()
    lesson.pause_and_say()
    lesson.look_at_the_leaderboard()
    lesson.collect(tmp_path)


@while_server_is_away(PICTURE_OF_THE_SERVER_BEFORE, _BEFORE_THE_PAGE)
@pytest.mark.timeout(300)
def test_a_class_goes_on_after_its_server_was_killed(
    start_server: Callable[..., LiveServer], open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DQN_LAB_INSTRUCTOR_CODE", CODE)
    server = start_server()
    teacher, mina, jun = (
        open_page(server=server),
        open_page(server=server),
        open_page(server=server, locale="ko-KR", **PHONE),
    )
    code = open_class(teacher)
    join(mina, code, "Mina")
    join(jun, code, "준", label="내 별명", join_="참여")
    fill(teacher, "What is to be done", "Find a good seed.")
    button(teacher, "Give to the class").click()
    for page in (mina, jun):
        expect(page.get_by_text("Find a good seed.")).to_be_visible()
    button(mina, "Start from here").click()
    start(mina)
    run = mina.url
    server.stop(signal.SIGKILL)
    server.start()

    # A second teacher finds the class, its members, what is assigned and the run.
    colleague = open_page(server=server)
    become_instructor(colleague)
    expect(colleague.get_by_test_id("class-code")).to_have_text(code)
    expect(colleague.get_by_text("Find a good seed.")).to_be_visible()
    expect(colleague.get_by_test_id("member-name")).to_have_text(["Mina", "준"])
    colleague.get_by_test_id("wall").scroll_into_view_if_needed()
    expect(card(colleague, "Mina")).to_contain_text("Interrupted")

    # The students' pages come back by themselves, and so does the first teacher's.
    say(colleague, "We go on", (mina, jun))
    for page in (mina, jun):
        expect(page.get_by_test_id("class-title")).to_have_text("Thursday")
    expect(mina.get_by_test_id("run-state")).to_have_text("Interrupted", timeout=AWAY_MS)
    assert mina.url == run
    expect(mina.get_by_role("slider", name="Learning rate")).to_be_disabled()
    button(mina, "Resume").click()
    expect(mina.get_by_test_id("run-state")).to_have_text("Running", timeout=SLOW_MS)
    expect(card(teacher, "Mina")).to_contain_text("Running", timeout=AWAY_MS)
    button(jun, "여기서 시작").click()
    expect(jun.get_by_role("heading", name="에이전트 학습", exact=True)).to_be_visible()
    mina.get_by_role("link", name="Class", exact=True).click()
    expect(mina.get_by_text("Your runs in this class")).to_be_visible()

    # Whoever is taken out is out; whoever is renamed sees it.
    member(colleague, "Mina").get_by_role("button", name=re.compile("^Remove")).click()
    expect(mina.get_by_test_id("class-strip")).to_have_count(0)
    expect(summary(colleague)).to_have_text("1 in the class")
    member(colleague, "준").get_by_role("button", name=re.compile("^Rename")).click()
    colleague.get_by_label("Nickname", exact=True).fill("Jun")
    colleague.get_by_label("Nickname", exact=True).press("Enter")
    expect(jun.get_by_test_id("class-nickname")).to_have_text("Jun")
