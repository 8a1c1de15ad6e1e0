"""The line at the top of every page for members of a class: its title, their nickname and hand, what the teacher says.

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
from dqn_core.runs.classes import Classes
from dqn_core.runs.classroom import Classroom, Member
from dqn_core.runs.manager import RunManager
from pages.server.process import get_manager
from pages.shared.component import Component, component_value
from pages.shared.i18n import _, current_language, translate_error
from pages.shared.identity import member_mark, own_class, visitor
from pages.shared.links import base_path, page_address
from pages.shared.live_socket import News, Subscription, Topic, next_tick

__all__ = ["COMPONENT_NAME", "class_strip", "class_topic"]

COMPONENT_NAME = "dqn_lab_class_strip"
_EVERY_S = 0.2
_KEY, _STALE, _ERROR = "class-strip", "class-strip:stale", "class-strip:error"
_STYLES = ("shared/base.css", "shared/buttons.css", "shared/class_strip.css")

_draw = Component(COMPONENT_NAME, "shared/class_strip.js", _STYLES)


def class_topic(manager: Callable[[], RunManager] = get_manager) -> Topic:
    """The topic: the class with the id ``class``, as the member with the mark ``member`` sees it. Over when it is."""

    async def follow(subscription: Subscription) -> AsyncGenerator[News]:
        class_id, mark_ = subscription.text("class"), subscription.text("member")
        classes = (await run_in_threadpool(manager)).classes
        revision = -1
        while True:
            now = classes.revision_of(class_id)
            if now != revision:
                values = _values(classes, class_id, mark_, subscription.say, subscription.language)
                yield News(json_text(values, is_ascii=False), {"revision": now}, is_last=not values["is_member"])
                if not values["is_member"]:
                    return
                revision = now
            await next_tick(_EVERY_S)

    return follow


@st.fragment
def class_strip() -> None:
    """Draw the line; nothing for a visitor who is in no class."""
    if st.session_state.pop(_STALE, False):
        st.rerun()
    classroom = own_class()
    if classroom is None:
        return
    language, mark_ = current_language(), member_mark(classroom.class_id, visitor().visitor_id)
    data = {
        "class": classroom.class_id,
        "member": mark_,
        "values": _values(get_manager().classes, classroom.class_id, mark_, _, language),
        "address": page_address("class", {}, language),
        "base_path": base_path(),
        "locale": language,
    }
    with st.container(key=_KEY):
        _draw(
            key=f"{_KEY}-{classroom.class_id}",
            data=data,
            constants={"labels": _labels()},
            on_hand_change=functools.partial(_take_hand, classroom.class_id),
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
    """What the line says, as JSON values."""
    try:
        classroom = classes.get(class_id)
    except ClassError:
        classroom = None
    members = [] if classroom is None else classes.members(class_id)
    member = next((each for each in members if member_mark(class_id, each.visitor_id) == mark_), None)
    if classroom is None or not classroom.is_open or member is None:
        return {
            "is_member": False,
            "version": "",
            "said_at": "",
            "opens": False,
            "title": "",
            "nickname": "",
            "hand": False,
            "message": "",
            "look": None,
        }
    announcement = classroom.announcement
    place = announcement.place if announcement else None
    return {
        "is_member": True,
        "version": _version(classroom, member),
        "title": classroom.title or say(mark("Class {code}")).format(code=classroom.code),
        "nickname": member.nickname,
        "hand": member.hand_raised_at is not None,
        "message": announcement.message if announcement else "",
        "said_at": announcement.made_at.isoformat() if announcement else "",
        "opens": bool(announcement and announcement.opens),
        "look": page_address(place.page, place.parameters, language) if place else None,
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
