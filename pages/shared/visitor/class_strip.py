"""The line at the top of every page for a class: its title, a member's nickname and hand, what the teacher says.

Its teacher reads there how many are in it, and how many hands are up.

A component follows the topic ``class`` of the live socket. Where what the page may do has changed (another assignment,
another class), it has the page drawn anew.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable
from typing import Any

import streamlit as st
from starlette.concurrency import run_in_threadpool

from dqn_core.errors import ClassError, DqnLabError, mark
from dqn_core.json_text import json_text
from dqn_core.runs.classes.classroom import Classroom, Member
from dqn_core.runs.classes.service import Classes
from dqn_core.runs.manager import RunManager
from pages.server.process import get_manager
from pages.shared.browser.component import Component, component_value
from pages.shared.browser.live_socket import News, Subscription, Topic, next_tick
from pages.shared.errors import fragment
from pages.shared.links import CLASS_PAGE, page_address
from pages.shared.texts.i18n import _, current_language, translate_error
from pages.shared.visitor.identity import class_taught, member_mark, own_class, signer, visitor

__all__ = ["COMPONENT_NAME", "class_strip", "class_topic"]

COMPONENT_NAME = "dqn_lab_class_strip"
_EVERY_S = 0.2
_KEY, _STALE, _ERROR = "class-strip", "class-strip:stale", "class-strip:error"
_STYLES = ("shared/browser/base.css", "shared/browser/buttons.css", "shared/visitor/class_strip.css")

_draw = Component(COMPONENT_NAME, "shared/visitor/class_strip.js", _STYLES)


def class_topic(manager: Callable[[], RunManager] = get_manager) -> Topic:
    """The topic: the class with the id ``class``, as the member with the mark ``member`` sees it. Over when it is.

    With a teacher's ticket in place of a mark, it is as the teacher sees it.
    """

    async def follow(subscription: Subscription) -> AsyncGenerator[News]:
        class_id, mark_ = subscription.text("class"), subscription.text("member")
        classes = (await run_in_threadpool(manager)).classes
        revision = -1
        while True:
            now = classes.revision_of(class_id)
            if now != revision:
                values = _values(classes, class_id, mark_, subscription.say, subscription.language)
                yield News(json_text(values, is_ascii=False), {"revision": now}, is_last=not values["is_in"])
                if not values["is_in"]:
                    return
                revision = now
            await next_tick(_EVERY_S)

    return follow


@fragment
def class_strip(page: str) -> None:
    """Draw the line on ``page``; nothing for a visitor who is in no class, and for its teacher on the class's own."""
    if st.session_state.pop(_STALE, False):
        st.rerun()
    try:
        mine, taught = own_class(), None if page == CLASS_PAGE else class_taught()
    except DqnLabError:  # what keeps the classes from being read keeps the page from being drawn, which says so
        return
    classroom = mine or taught
    if classroom is None:
        return
    class_id, language = classroom.class_id, current_language()
    mark_ = member_mark(class_id, visitor().visitor_id) if mine else signer().class_ticket(class_id)
    data = {
        "class": class_id,
        "member": mark_,
        "values": _values(get_manager().classes, class_id, mark_, _, language),
        "address": page_address("class", {} if mine else {"class": class_id}, language),
        "locale": language,
    }
    with st.container(key=_KEY):
        _draw(
            key=f"{_KEY}-{class_id}",
            data=data,
            constants={"labels": _labels()},
            on_hand_change=functools.partial(_take_hand, class_id),
            on_stale_change=_note_change,
        )
        error = st.session_state.pop(_ERROR, None)
        if error is not None:
            st.error(translate_error(error), icon=":material/block:")


def _take_hand(class_id: str) -> None:
    """Raise or lower the visitor's own hand."""
    wanted = component_value(f"{_KEY}-{class_id}", "hand")
    try:
        get_manager().classes.raise_hand(class_id, visitor().visitor_id, up=bool(wanted and wanted.get("up")))
    except DqnLabError as error:
        st.session_state[_ERROR] = error


def _note_change() -> None:
    st.session_state[_STALE] = True


def _values(classes: Classes, class_id: str, mark_: str, say: Callable[[str], str], language: str) -> dict[str, Any]:
    """What the line says, as JSON values; ``hand`` is None for a teacher, who has none to raise."""
    nothing = {
        "is_in": False,
        "version": "",
        "title": "",
        "name": "",
        "hand": None,
        "message": "",
        "said_at": "",
        "opens": False,
        "look": None,
    }
    try:
        classroom = classes.get(class_id)
    except ClassError:
        return nothing
    members = classes.members(class_id)
    common = {"is_in": True, "title": classroom.title or say(mark("Class {code}")).format(code=classroom.code)}
    if not classroom.is_open:
        return nothing
    if signer().class_in(mark_) == class_id:
        hands = sum(each.hand_raised_at is not None for each in members)
        name = say(mark("code {code} · {count} in the class")).format(code=classroom.code, count=len(members))
        message = say(mark("{count} with a hand up")).format(count=hands) if hands else ""
        return nothing | common | {"version": class_id, "name": name, "message": message}
    member = next((each for each in members if member_mark(class_id, each.visitor_id) == mark_), None)
    return nothing if member is None else nothing | common | _as_member(classroom, member, language)


def _as_member(classroom: Classroom, member: Member, language: str) -> dict[str, Any]:
    said = classroom.announcement
    own = {
        "version": _version(classroom, member),
        "name": member.nickname,
        "hand": member.hand_raised_at is not None,
    }
    if said is None:
        return own
    look = page_address(said.place.page, said.place.parameters, language) if said.place else None
    return own | {
        "message": said.message,
        "said_at": said.made_at.isoformat(),
        "opens": said.opens,
        "look": look,
    }


def _version(classroom: Classroom, member: Member) -> str:
    """Another where pages are to be drawn anew: for another assignment, say."""
    pushed_at = classroom.assignment.pushed_at.isoformat() if classroom.assignment else ""
    return f"{classroom.class_id} {pushed_at} {member.nickname}"


def _labels() -> dict[str, str]:
    return {
        "region": _("Your class"),
        "raise": _("Raise hand"),
        "lower": _("Lower hand"),
        "says": _("Message from the teacher"),
        "look": _("Look here"),
    }
