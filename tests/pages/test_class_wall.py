"""The wall of a class over the live socket, and on its teacher's page."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from app_pages import to_page
from asgi_socket import AsgiSocket
from dqn_core.config import TrainingConfig
from dqn_core.environments.pictures import as_jpeg
from dqn_core.events import Event, Frame, Stop
from dqn_core.runs.classes.classroom import Assignment, Opening
from dqn_core.runs.manager import RunManager
from dqn_core.runs.run_list import RunList
from live_tab import heard
from pages.classroom.wall import COMPONENT_NAME, wall_topic
from pages.shared.browser.live_socket import live_socket_routes
from pages.shared.visitor.identity import member_mark, signer
from scripted_trainer import Mailbox, ended, episode, following, frame, started, wait_until

_CONFIG = TrainingConfig(max_episodes=10)
_JPEG = as_jpeg(np.full((400, 600, 3), 200, np.uint8))


def _drawing(_config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
    """Five episodes, then a picture whenever somebody watches."""
    yield started()
    for number in range(1, 6):
        yield episode(number)
    while not isinstance(mailbox.get(timeout=60), Stop):
        drawn = frame()
        yield Frame(**{name: getattr(drawn, name) for name in drawn.__slots__} | {"jpeg": _JPEG})
    yield ended(episodes=5)


class Taught:
    """A class with forty members, of whom two train."""

    def __init__(self, manager: RunManager) -> None:
        self.manager = manager
        self.runs = RunList(manager)
        self.topic = wall_topic(lambda: self.runs)
        classroom = manager.classes.open("a class", "teacher")
        self.class_id, self.code = classroom.class_id, classroom.code
        for number in range(40):
            manager.classes.join(classroom.code, f"visitor {number}", f"<b>{number}")
        manager.classes.assign(
            self.class_id, Assignment(pushed_at=datetime.now(UTC), config=_CONFIG, open={"gamma": Opening()})
        )
        self.trained = [manager.start(_CONFIG.replace(gamma=0.9), owner=f"visitor {number}") for number in (3, 4)]
        for run_id in self.trained:
            wait_until(lambda run_id=run_id: manager.view(run_id).feed.rows_total == 5)
        self.ticket = signer().class_ticket(self.class_id)

    def mark(self, number: int) -> str:
        return member_mark(self.class_id, f"visitor {number}")

    def heard(self, most: int = 1, **parameters: Any) -> list[dict[str, Any]]:
        given = {"ticket": self.ticket, "seen": []} | parameters
        return heard(self.topic, most=most, **given)


@pytest.fixture
def taught(manager: RunManager) -> Taught:
    manager._scheduler._executors._trainer_factory = following(_drawing)
    return Taught(manager)


@pytest.mark.parametrize("ticket", ["", "20260401-143501-x7k2", "20260401-143501-x7k2.c2lnbmVk", None, 7])
def test_nobody_but_a_teacher_follows_the_wall(taught: Taught, ticket: object) -> None:
    (message,) = taught.heard(ticket=ticket)
    assert message["over"]
    assert "ticket must be" in message["error"]
    assert "data" not in message


def test_a_ticket_is_for_one_class_alone(taught: Taught) -> None:
    other = taught.manager.classes.open("another", "teacher").class_id
    (message,) = taught.heard(ticket=signer().class_ticket(other))
    assert message["data"] == {"whole": True, "cards": {}, "gone": []}


def test_a_card_in_sight_has_everything_and_the_others_only_what_order_and_filters_need(taught: Taught) -> None:
    (message,) = taught.heard(seen=[taught.mark(3), taught.mark(5)])
    cards = message["data"]["cards"]
    assert len(cards) == 40
    assert {marked for marked, card in cards.items() if "detail" in card} == {taught.mark(3), taught.mark(5)}
    card = cards[taught.mark(3)]
    assert (card["name"], card["state"], card["state_text"], card["progress"]) == ("<b>3", "running", "Running", 0.5)
    assert card["score"] == 104.0
    assert card["detail"]["run"] == taught.trained[0]
    assert len(card["detail"]["curve"]) == 5
    assert card["detail"]["differences"] == ["Discount factor γ: 0.9"]
    assert "detail" not in cards[taught.mark(4)]
    assert cards[taught.mark(5)]["state"] == ""
    assert "visitor 3" not in json.dumps(message)


def test_words_are_in_the_readers_language(taught: Taught) -> None:
    (message,) = taught.heard(seen=[taught.mark(3)], language="ko")
    card = message["data"]["cards"][taught.mark(3)]
    assert card["state_text"] not in {"Running", ""}
    assert card["detail"]["differences"] == ["할인율 γ: 0.9"]


def test_only_what_changed_is_sent(taught: Taught) -> None:
    async def listen() -> list[dict[str, Any]]:
        app = Starlette(routes=live_socket_routes({"wall": taught.topic}, lambda: False))
        async with AsgiSocket(app, "/live/socket") as socket:
            parameters = {"ticket": taught.ticket, "seen": [taught.mark(7)]}
            socket.send_text(json.dumps({"subscribe": 1, "topic": "wall", "parameters": parameters}))
            messages = [await socket.receive_json()]
            taught.manager.classes.raise_hand(taught.class_id, "visitor 7", up=True)
            messages.append(await socket.receive_json())
            taught.manager.classes.remove(taught.class_id, "visitor 7")
            messages.append(await socket.receive_json())
            return messages

    _whole, raised, gone = asyncio.run(listen())
    assert list(raised["data"]["cards"]) == [taught.mark(7)]
    assert raised["data"]["cards"][taught.mark(7)]["hand"]
    assert gone["data"] == {"whole": False, "cards": {}, "gone": [taught.mark(7)]}


def test_pictures_come_in_turns_for_cards_in_sight_alone(taught: Taught) -> None:
    messages = taught.heard(seen=[taught.mark(4), taught.mark(5), taught.mark(3)], most=5)
    pictures = [message["data"]["picture"] for message in messages if "picture" in message["data"]]
    assert {picture["member"] for picture in pictures} == {taught.mark(3), taught.mark(4)}
    with Image.open(io.BytesIO(base64.b64decode(pictures[0]["jpeg"]))) as picture:
        assert picture.width <= 160


def test_the_large_card_alone_has_a_large_picture(taught: Taught) -> None:
    messages = taught.heard(seen=[taught.mark(4), taught.mark(3)], large=taught.mark(3), most=4)
    pictures = [message["data"]["picture"] for message in messages if "picture" in message["data"]]
    assert {picture["member"] for picture in pictures} == {taught.mark(3)}
    with Image.open(io.BytesIO(base64.b64decode(pictures[0]["jpeg"]))) as picture:
        assert picture.width == 600  # as large as it is drawn


@pytest.mark.parametrize("seen", [None, "all", [1], ["x"] * 61])
def test_what_a_browser_says_is_checked(taught: Taught, seen: object) -> None:
    (message,) = taught.heard(seen=seen)
    assert "seen must be a list" in message["error"]


def test_marks_that_nobody_has_do_no_harm(taught: Taught) -> None:
    (message,) = taught.heard(seen=["0" * 16], large="nobody")
    assert len(message["data"]["cards"]) == 40


def test_a_class_that_was_deleted_ends_the_wall(taught: Taught) -> None:
    taught.manager.classes.remove_class(taught.class_id)
    (message,) = taught.heard()
    assert (message["over"], "no such class" in message["error"]) == (True, True)


def test_the_teachers_page_alone_has_the_wall(taught: Taught, open_app: Callable[..., AppTest]) -> None:
    def components(visitor: str) -> list[str]:
        app = open_app(page="start/page.py")
        app.session_state["visitor_id"] = visitor
        to_page(app, "classroom/page.py").run()
        assert not app.exception
        return [str(each.proto) for each in app.get("bidi_component")]

    assert any(COMPONENT_NAME in each for each in components("teacher"))
    assert not any(COMPONENT_NAME in each for each in components("visitor 3"))
    assert not any(COMPONENT_NAME in each for each in components("somebody"))
