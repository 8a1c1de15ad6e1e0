"""A lesson: a teacher, a colleague and three students, one of them on a phone, and a server that is killed in it."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from benchmarks.student import Student
from browser_watch import choose_speed, settle
from live_server import LiveServer

CODE = "chalk-and-sponge"
AWAY_MS = 30_000
"""A page comes back after a restart within this time."""
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
WHILE_AWAY = pytest.mark.expected_problem(
    "WebSocket|ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|Failed to fetch|Failed to load",
    "disconnected from server|not responding|server endpoint",
    r"frames/\d+\.jpg",
    "fragment with id",  # a panel tells of its run's new state before the new server has drawn its page
)


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


def join(page: Page, code: str, nickname: str, *, label: str = "Your nickname", join_: str = "Join") -> None:
    page.goto(f"/class?code={code}")
    page.get_by_label(label).fill(nickname)
    button(page, join_).click()
    expect(page.get_by_test_id("class-nickname")).to_have_text(nickname)
    settle(page)


def member(page: Page, nickname: str) -> Locator:
    return page.get_by_test_id("member").filter(has_text=nickname)


def fill(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.blur()
    settle(page)


def start_slowly(page: Page) -> None:
    """Start what the form has; at real time it outlasts the test."""
    choose_speed(page, "real time")
    button(page, "Start").click()
    expect(page.get_by_test_id("run-state")).to_have_text("Running", timeout=60_000)


def forge(server: LiveServer, cookies: dict[str, str]) -> str:
    """With a student's cookie, but a page of one's own: choose another preset in spite of the lock, and start."""

    async def act() -> str:
        async with Student(server.url, cookies) as student:
            await student.enter()
            await student.choose("Preset", "Strong")
            await student.press("Start")
            return student.run_id

    with ThreadPoolExecutor(1) as beside_playwrights_loop:
        return beside_playwrights_loop.submit(asyncio.run, act()).result(60)


@dataclass(frozen=True)
class Lesson:
    """The pages of those who are there."""

    server: LiveServer
    teacher: Page
    mina: Page
    ben: Page
    jun: Page

    @property
    def students(self) -> tuple[Page, ...]:
        return self.mina, self.ben, self.jun

    def open(self) -> str:
        """The teacher opens a class; students have no such form."""
        become_instructor(self.teacher)
        fill(self.teacher, "Title of the class", "Thursday")
        button(self.teacher, "Open the class").click()
        expect(self.teacher.locator(".class-way-in img")).to_be_visible()
        self.mina.goto("/class")
        expect(self.mina.get_by_text("Enter the instructor's code")).to_be_visible()
        expect(button(self.mina, "Open the class")).to_have_count(0)
        return self.teacher.get_by_test_id("class-code").inner_text()

    def join(self, code: str) -> None:
        """Three join, one in Korean; a nickname is one person's."""
        join(self.mina, code, "Mina")
        self.ben.goto(f"/class?code={code}")
        self.ben.get_by_label("Your nickname").fill("ＭＩＮＡ")
        button(self.ben, "Join").click()
        expect(self.ben.get_by_text("called Mina already")).to_be_visible()
        join(self.ben, code, "Ben")
        join(self.jun, code, "준", label="내 별명", join_="참여")
        expect(self.summary(self.teacher)).to_have_text("3 members")

    def raise_a_hand(self) -> None:
        """A hand goes up on a phone and is seen; the teacher lowers it."""
        button(self.ben, "Raise hand").click()
        expect(self.summary(self.teacher)).to_have_text("3 members, 1 with a hand up")
        self.teacher.get_by_test_id("member-hand").click()
        expect(button(self.ben, "Raise hand")).to_be_visible()

    def assign(self) -> None:
        """An assignment reaches every page by itself, and fills the form."""
        fill(self.teacher, "What is to be done", "Find a good seed.")
        button(self.teacher, "Give to the class").click()
        for page in self.students:
            expect(page.get_by_text("Find a good seed.")).to_be_visible()
        button(self.jun, "여기서 시작").click()
        expect(self.jun.get_by_role("heading", name="에이전트 학습", exact=True)).to_be_visible()
        for page in (self.mina, self.ben):
            button(page, "Start from here").click()
            start_slowly(page)
        for name in ("Learning rate", "Discount factor"):
            expect(self.mina.get_by_role("slider", name=name)).to_be_disabled()

    def forge(self) -> None:
        """What is locked is locked on the server too."""
        cookies = {each["name"]: each["value"] for each in self.jun.context.cookies()}
        self.teacher.goto(f"/train?run={forge(self.server, cookies)}")
        expect(self.teacher.get_by_role("radio", name="Course lab")).to_be_checked()
        self.teacher.get_by_role("link", name="Class", exact=True).click()

    def pause_and_say(self) -> None:
        """Everybody is paused, and hears why."""
        button(self.teacher, "Pause all").click()
        for page in (self.mina, self.ben):
            expect(page.get_by_test_id("run-state")).to_have_text("Paused")
        self.say(self.teacher, "Look at the projector")

    def say(self, teacher: Page, message: str) -> None:
        fill(teacher, "Message", message)
        button(teacher, "Show to all").click()
        for page in self.students:
            expect(page.get_by_test_id("class-message")).to_have_text(message, timeout=AWAY_MS)

    def lead(self, teacher: Page) -> None:
        """A page is opened for all."""
        teacher.get_by_role("combobox", name=re.compile("Everyone look here")).click()
        teacher.get_by_role("option", name="Leaderboard", exact=True).click()
        teacher.get_by_test_id("stCheckbox").filter(has_text="Open it for all").click()
        settle(teacher)
        button(teacher, "Show to all").click()
        for page in self.students:
            page.wait_for_url(re.compile("/leaderboard"))
            expect(page.get_by_test_id("class-look")).to_have_attribute("href", re.compile("^/leaderboard"))

    def find_again(self, colleague: Page, code: str) -> None:
        """After a restart: a second teacher finds all of it, and the students' pages come back by themselves."""
        become_instructor(colleague)
        expect(colleague.get_by_test_id("class-code")).to_have_text(code)
        expect(colleague.get_by_text("Find a good seed.")).to_be_visible()
        expect(colleague.get_by_test_id("member-name")).to_have_text(["Mina", "Ben", "준"])
        self.say(colleague, "We go on")
        for page in self.students:
            expect(page.get_by_test_id("class-title")).to_have_text("Thursday")
        expect(self.mina.get_by_test_id("run-state")).to_have_text("Interrupted", timeout=AWAY_MS)
        expect(self.mina.get_by_role("slider", name="Learning rate")).to_be_disabled()
        self.mina.get_by_role("link", name="Class", exact=True).click()
        expect(self.mina.get_by_text("Your runs in this class")).to_be_visible()

    def remove_and_rename(self, teacher: Page) -> None:
        """Who is taken out is out; whoever is renamed sees it."""
        member(teacher, "Ben").get_by_role("button", name=re.compile("^Remove")).click()
        expect(self.ben.get_by_test_id("class-strip")).to_have_count(0)
        expect(self.summary(teacher)).to_have_text("2 members")
        member(teacher, "준").get_by_role("button", name=re.compile("^Rename")).click()
        teacher.get_by_label("Nickname", exact=True).fill("Jun")
        teacher.get_by_label("Nickname", exact=True).press("Enter")
        expect(self.jun.get_by_test_id("class-nickname")).to_have_text("Jun")

    def summary(self, teacher: Page) -> Locator:
        return teacher.get_by_test_id("roster-summary")


@WHILE_AWAY
@pytest.mark.timeout(300)
def test_a_lesson_with_a_class(
    start_server: Callable[..., LiveServer], open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DQN_LAB_INSTRUCTOR_CODE", CODE)
    server = start_server()
    lesson = Lesson(
        server,
        teacher=open_page(server=server),
        mina=open_page(server=server),
        ben=open_page(server=server, **PHONE),
        jun=open_page(server=server, locale="ko-KR", **PHONE),
    )
    code = lesson.open()
    lesson.join(code)
    lesson.raise_a_hand()
    lesson.assign()
    lesson.forge()
    lesson.pause_and_say()
    server.stop(signal.SIGKILL)
    server.start()
    colleague = open_page(server=server)
    lesson.find_again(colleague, code)
    lesson.lead(colleague)
    lesson.remove_and_rename(colleague)
