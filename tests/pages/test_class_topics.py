"""What pages hear of a class over the live socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette

from asgi_socket import AsgiSocket
from dqn_core.runs.classes.classroom import Announcement, Assignment, Classroom, Place
from dqn_core.runs.manager import RunManager
from live_tab import heard
from pages.classroom.topic import roster_topic
from pages.server.settings import settings
from pages.shared.browser.live_socket import live_socket_routes
from pages.shared.visitor.class_strip import class_topic
from pages.shared.visitor.identity import member_mark, signer

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The server's key lies in this test's folder."""
    monkeypatch.setenv("DQN_LAB_DATA", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def classroom(manager: RunManager) -> Classroom:
    opened = manager.classes.open("Thursday", "teacher")
    manager.classes.join(opened.code, "one", "<b>Mina")
    manager.classes.join(opened.code, "two", "Ben")
    return opened


def test_a_member_hears_title_nickname_hand_and_what_the_teacher_says(
    manager: RunManager, classroom: Classroom
) -> None:
    class_id, mark = classroom.class_id, member_mark(classroom.class_id, "one")
    place = Place(page="train", parameters={"run": "20260401-120000-abcd"})
    manager.classes.announce(class_id, Announcement(made_at=NOW, message="Look up", place=place, opens=True))
    (message,) = heard(class_topic(), most=1, language="ko", **{"class": class_id, "member": mark})
    assert message["data"] == {
        "is_in": True,
        "version": f"{class_id}  <b>Mina",
        "title": "Thursday",
        "name": "<b>Mina",
        "hand": False,
        "message": "Look up",
        "said_at": NOW.isoformat(),
        "opens": True,
        "look": "./train?run=20260401-120000-abcd&lang=ko",
    }


def test_a_teacher_reads_how_many_are_there_and_how_many_hands_are_up(
    manager: RunManager, classroom: Classroom
) -> None:
    ticket = signer().class_ticket(classroom.class_id)
    (before,) = heard(class_topic(), most=1, **{"class": classroom.class_id, "member": ticket})
    assert before["data"]["name"] == f"code {classroom.code} · 2 in the class"
    assert (before["data"]["message"], before["data"]["hand"]) == ("", None)
    manager.classes.raise_hand(classroom.class_id, "two", up=True)
    (after,) = heard(class_topic(), most=1, **{"class": classroom.class_id, "member": ticket})
    assert after["data"]["message"] == "1 with a hand up"
    other = manager.classes.open("another", "teacher")
    (foreign,) = heard(class_topic(), **{"class": other.class_id, "member": ticket})
    assert not foreign["data"]["is_in"]


def test_a_change_reaches_those_who_follow(manager: RunManager, classroom: Classroom) -> None:
    class_id = classroom.class_id
    wish = {"subscribe": 1, "topic": "it", "parameters": {"class": class_id, "member": member_mark(class_id, "one")}}

    async def listen() -> list[dict[str, object]]:
        app = Starlette(routes=live_socket_routes({"it": class_topic()}, lambda: False))
        async with AsgiSocket(app, "/live/socket") as socket:
            socket.send_text(json.dumps(wish | {"cursor": {}, "language": "en"}))
            found = [await socket.receive_json()]
            for change in (
                lambda: manager.classes.raise_hand(class_id, "one", up=True),
                lambda: manager.classes.assign(class_id, Assignment(pushed_at=NOW)),
                lambda: manager.classes.remove(class_id, "one"),
            ):
                change()
                found.append(await socket.receive_json())
            return [each["data"] | {"over": each["over"]} for each in found]

    first, raised, assigned, removed = asyncio.run(listen())
    assert (first["hand"], raised["hand"]) == (False, True)
    assert first["version"] == raised["version"] != assigned["version"]
    assert (removed["is_in"], removed["over"]) == (False, True)


@pytest.mark.parametrize("mark", ["", "0" * 16])
def test_who_is_no_member_hears_nothing_of_a_class(manager: RunManager, classroom: Classroom, mark: str) -> None:
    for class_id in (classroom.class_id, "20260401-120000-none"):
        (message,) = heard(class_topic(), **{"class": class_id, "member": mark})
        assert not message["data"]["is_in"]
        assert not message["data"]["title"]


def test_a_teacher_hears_who_is_there_hands_first(manager: RunManager, classroom: Classroom) -> None:
    class_id = classroom.class_id
    manager.classes.join(classroom.code, "three", "Eve")
    manager.classes.remove(class_id, "one")
    manager.classes.raise_hand(class_id, "three", up=True)
    (message,) = heard(roster_topic(), most=1, ticket=signer().class_ticket(class_id))
    told = [(each["nickname"], each["hand"], each["removed"]) for each in message["data"]]
    assert told == [("Eve", True, False), ("Ben", False, False), ("<b>Mina", False, True)]
    assert "one" not in {each["member"] for each in message["data"]}


@pytest.mark.parametrize("forged", ["", "20260401-120000-abcd", "own"])
def test_without_a_teachers_ticket_nobody_hears_who_is_there(
    manager: RunManager, classroom: Classroom, forged: str
) -> None:
    ticket = signer().visitor_value(classroom.class_id) if forged == "own" else forged  # signed for something else
    (message,) = heard(roster_topic(), ticket=ticket)
    assert "ticket" in message["error"]
    assert "data" not in message
