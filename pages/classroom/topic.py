"""The members of a class as a topic of the live socket, for its teachers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from dqn_core.json_text import json_text
from dqn_core.runs.classes.classroom import Member
from dqn_core.runs.classes.service import Classes
from dqn_core.runs.manager import RunManager
from pages.server.answers import BadRequestError
from pages.server.process import get_manager
from pages.shared.browser.live_socket import News, Subscription, Topic, next_tick
from pages.shared.visitor.identity import member_mark, signer

__all__ = ["roster", "roster_topic"]

_EVERY_S = 0.5


def roster_topic(manager: Callable[[], RunManager] = get_manager) -> Topic:
    """The topic: the members of the class that the teacher's ``ticket`` is for."""

    async def follow(subscription: Subscription) -> AsyncGenerator[News]:
        class_id = signer().class_in(subscription.text("ticket"))
        if class_id is None:
            message = "ticket must be one that a teacher's page was given."
            raise BadRequestError(message)
        classes = (await run_in_threadpool(manager)).classes
        revision = -1
        while True:
            now = classes.revision_of(class_id)
            if now != revision:
                revision = now
                yield News(json_text(roster(classes, class_id), is_ascii=False), {"revision": now}, is_last=now == 0)
                if now == 0:
                    return
            await next_tick(_EVERY_S)

    return follow


def roster(classes: Classes, class_id: str) -> list[dict[str, Any]]:
    """Who is in the class, hands first in the order in which they went up, and who was removed, as JSON values."""
    members = classes.members(class_id, former=True)
    shown = [each for each in members if each.is_present or each.removed_at is not None]
    return [
        {
            "member": member_mark(class_id, each.visitor_id),
            "nickname": each.nickname,
            "hand": each.hand_raised_at is not None,
            "removed": each.removed_at is not None,
        }
        for each in sorted(shown, key=_place)
    ]


def _place(member: Member) -> tuple[bool, bool, float]:
    hand = member.hand_raised_at
    moment = member.joined_at if hand is None else hand
    return member.removed_at is not None, hand is None, moment.timestamp()
