"""The wall: a card for each student, live, for the teachers of a class.

A topic of the live socket: of the cards that the teacher has in sight, everything that is new, at most twice a second,
and the agents' pictures one after the other; of all others, every two seconds, what order and filters are made of.
"""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool

from dqn_core.errors import mark
from dqn_core.events import RunState
from dqn_core.json_text import json_text
from dqn_core.runs.classes.wall import LARGE_PICTURE, NO_RUN_MINUTES, SMALL_PICTURE, Card, ClassWall, StuckReason
from dqn_core.runs.run_list import RunList
from pages.server.answers import BadRequestError
from pages.server.process import get_run_list
from pages.shared.browser.component import Component
from pages.shared.browser.live_socket import News, Subscription, Topic, next_tick
from pages.shared.texts.fields import label_of
from pages.shared.texts.i18n import _, current_language, translate
from pages.shared.texts.value_text import value_text
from pages.shared.texts.words import REASON_LABELS, STATE_LABELS
from pages.shared.visitor.identity import member_mark, require_teacher, signer

__all__ = ["COMPONENT_NAME", "class_wall", "wall_topic"]

COMPONENT_NAME = "dqn_lab_wall"
_EVERY_S = 0.5
_TICKS_OUT_OF_SIGHT = 4
"""Each so many ticks, the cards out of sight are looked at too."""
_MOST_SEEN = 60
"""Cards that a screen can show."""
_MOST_DIFFERENCES = 4
_STYLES = ("shared/browser/base.css", "shared/run_status.css", "classroom/wall.css")
_STUCK = {
    StuckReason.NO_RUN: mark("No run for {minutes} minutes"),
    StuckReason.FAILED: mark("The run failed"),
    StuckReason.NO_PROGRESS: mark("No better evaluation for half of the run"),
}

_draw = Component(COMPONENT_NAME, "classroom/wall.js", _STYLES)


def class_wall(class_id: str) -> None:
    """Draw the wall. Raises AccessError where the visitor does not teach the class."""
    require_teacher(class_id)
    data = {"ticket": signer().class_ticket(class_id), "locale": current_language()}
    _draw(key=f"wall-{class_id}", data=data, constants={"labels": _labels()})


def _labels() -> dict[str, str]:
    return {
        "title": _("The class, live"),
        "sort": _("Order"),
        "by_name": _("by name"),
        "by_progress": _("by progress"),
        "by_score": _("by score"),
        "show": _("Show"),
        "all": _("all"),
        "stuck": _("stuck"),
        "hand": _("hand raised"),
        "stuck_rule": _(
            "Stuck: no run for {minutes} minutes, a run that failed, or one without a better evaluation in the second "
            "half of its env steps."
        ).format(minutes=NO_RUN_MINUTES),
        "nobody": _("Nobody has joined yet."),
        "none_shown": _("No card matches the filter."),
        "hand_up": _("Hand raised"),
        "best": _("Best evaluation"),
        "no_run": _("No run yet"),
        "picture": _("The agent of {name}"),
        "curve": _("Return per episode"),
        "differs": _("Differs from the assignment"),
        "enlarge": _("Enlarge {name}"),
        "close": _("Close"),
        "open": _("Open the run"),
        "connection_lost": _("Connection lost, trying again…"),
    }


# ------------------------------------------------------------------------------------------------------------ the topic


def wall_topic(run_list: Callable[[], RunList] = get_run_list) -> Topic:
    """The topic. Parameters: the teacher's ``ticket``, and ``seen``, the cards that are in sight.

    With ``large``, one of them has a large picture.
    """
    wall_of = functools.lru_cache(maxsize=1)(ClassWall)  # of the one list that the server has

    async def follow(subscription: Subscription) -> AsyncGenerator[News]:
        class_id = signer().class_in(subscription.text("ticket"))
        if class_id is None:
            message = "ticket must be one that a teacher's page was given."
            raise BadRequestError(message)
        seen, large = subscription.texts("seen", _MOST_SEEN), subscription.parameters.get("large")
        say = functools.partial(translate, subscription.language)
        wall = await run_in_threadpool(lambda: wall_of(run_list()))
        sent = _Sent(class_id, frozenset(seen), say)
        turns = _Turns(seen if large not in seen else [large])
        while True:
            cards = await run_in_threadpool(wall.cards, class_id)
            news = sent.news(cards)
            run = turns.next({member_mark(class_id, each.member.visitor_id): each for each in cards})
            if run is not None:
                marked, run_id = run
                width = LARGE_PICTURE if marked == large else SMALL_PICTURE
                picture = await run_in_threadpool(wall.picture, run_id, width)
                if picture is not None:
                    news["picture"] = {"member": marked, "jpeg": base64.b64encode(picture).decode()}
            if news:
                yield News(json_text(news, is_ascii=False))
            await next_tick(_EVERY_S)

    return follow


class _Turns:
    """Whose picture comes next."""

    def __init__(self, seen: Sequence[str]) -> None:
        self._seen = list(seen)

    def next(self, cards: Mapping[str, Card]) -> tuple[str, str] | None:
        """The next card in sight whose run trains, and that run; None where there is none."""
        for place, marked in enumerate(self._seen):
            card = cards.get(marked)
            if card is not None and card.run is not None and card.run.state is RunState.RUNNING:
                self._seen = [*self._seen[:place], *self._seen[place + 1 :], marked]
                return marked, card.run.run_id
        return None


class _Sent:
    """What one tab has been sent."""

    def __init__(self, class_id: str, seen: frozenset[str], say: Callable[[str], str]) -> None:
        self._class_id, self._seen, self._say = class_id, seen, say
        self._cards: dict[str, Any] = {}
        self._tick = 0

    def news(self, cards: Sequence[Card]) -> dict[str, Any]:
        """The cards that are others than before, and the members that are gone; empty where there is nothing new."""
        is_whole = self._tick == 0
        looks_at_all = self._tick % _TICKS_OUT_OF_SIGHT == 0
        self._tick += 1
        changed, present = {}, set()
        for number, card in enumerate(cards):
            marked = member_mark(self._class_id, card.member.visitor_id)
            present.add(marked)
            if marked in self._seen:
                values = _facts(card, number, self._say) | {"detail": _detail(card, self._say)}
            elif looks_at_all:
                values = _facts(card, number, self._say)
            else:
                continue
            if values != self._cards.get(marked):
                self._cards[marked] = changed[marked] = values
        gone = [marked for marked in self._cards if marked not in present]
        for marked in gone:
            del self._cards[marked]
        return {"whole": is_whole, "cards": changed, "gone": gone} if changed or gone or is_whole else {}


def _facts(card: Card, number: int, say: Callable[[str], str]) -> dict[str, Any]:
    """What the order and the filters are made of."""
    return {
        "joined": number,
        "name": card.member.nickname,
        "hand": card.member.hand_raised_at is not None,
        "stuck": card.stuck is not None,
        "state": "" if card.run is None else str(card.run.state),
        "state_text": _state_text(card, say),
        "progress": round(card.fraction, 2),
        "score": None if card.score is None or not math.isfinite(card.score) else float(f"{card.score:.5g}"),
    }


def _state_text(card: Card, say: Callable[[str], str]) -> str:
    if card.run is None:
        return ""
    return say(STATE_LABELS[card.run.state] if card.run.reason is None else REASON_LABELS[card.run.reason])


def _detail(card: Card, say: Callable[[str], str]) -> dict[str, Any]:
    """What is drawn on a card in sight."""
    run = card.run
    return {
        "run": "" if run is None else run.run_id,
        "env": "" if run is None else run.env_id,
        "curve": [float(f"{each:.4g}") for each in card.curve if math.isfinite(each)],
        "stuck": "" if card.stuck is None else say(_STUCK[card.stuck]).format(minutes=NO_RUN_MINUTES),
        "differences": list(_differences(card, say)),
    }


def _differences(card: Card, say: Callable[[str], str]) -> Iterator[str]:
    for name, value in card.differences[:_MOST_DIFFERENCES]:
        yield f"{label_of(name, say)}: {value_text(name, value, say)}"
    if len(card.differences) > _MOST_DIFFERENCES:
        yield f"+{len(card.differences) - _MOST_DIFFERENCES}"
