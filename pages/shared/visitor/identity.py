"""Who looks at the page, and what they may do.

Where the server has an instructor's code, whoever started a run controls it, others watch, and who knows the code
controls all, and teaches every class. Without one, everybody controls everything, as one person on their own machine
expects; only members of a class control what is their own alone, and whoever opened it controls their runs.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import streamlit as st
from starlette.requests import HTTPConnection

from dqn_core.errors import AccessError, ClassError, mark
from dqn_core.runs.classes.classroom import Classroom
from dqn_core.runs.classes.service import Classes
from dqn_core.runs.examples import EXAMPLES_OWNER
from dqn_core.runs.manager import RunManager
from pages.server.process import get_manager
from pages.server.settings import settings
from pages.server.visitor_cookies import Signer, new_visitor_id, server_key
from pages.shared.texts.i18n import _

__all__ = [
    "Owned",
    "Visitor",
    "become_instructor",
    "browser_of",
    "class_taught",
    "grant_for_browser",
    "leave_instructor",
    "may_control",
    "may_open_class",
    "may_teach",
    "member_mark",
    "own_class",
    "owner_mark",
    "owner_name",
    "owner_text",
    "require_control",
    "require_module",
    "require_teacher",
    "signer",
    "steering",
    "visitor",
]

_PROGRAM_NAME = "DQN Lab"
_MARK_LENGTH = 4
_MEMBER_MARK_LENGTH = 16
_ID_KEY, _ROLE_KEY = "visitor_id", "visitor_is_instructor"
_ATTEMPTS, _ATTEMPTS_IN_ALL, _ATTEMPTS_S = 5, 50, 60.0


@dataclass(frozen=True)
class Visitor:
    """A visitor of a page: a browser, as far as the server can tell."""

    visitor_id: str
    is_instructor: bool


class Owned(Protocol):
    """A run, or an experiment."""

    @property
    def owner(self) -> str:
        """Id of the visitor who started it; empty for one that belongs to everybody."""


def visitor() -> Visitor:
    """The visitor of the session whose script runs.

    A browser that keeps no cookies is known by its tab, until that is closed or loaded again.
    """
    cookies = st.context.cookies.to_dict()
    visitor_id = signer().visitor_in(cookies) or st.session_state.setdefault(_ID_KEY, new_visitor_id())
    # What was typed in this tab is newer than what its browser sent when it connected.
    is_instructor = st.session_state.get(_ROLE_KEY, signer().is_instructor_in(cookies))
    return Visitor(visitor_id, is_instructor)


def may_control(record: Owned) -> bool:
    """Whether the visitor may steer, change, name or delete it; what has no owner is everybody's."""
    if not record.owner:
        return True
    who = visitor()
    if settings().instructor_code or who.visitor_id == record.owner:
        return who.is_instructor or who.visitor_id == record.owner
    if own_class() is not None:
        return False
    classroom = get_manager().classes.class_of(record.owner) or _open_class_of(record)
    return classroom is None or who.visitor_id in classroom.teachers


def require_module(env_id: str) -> None:
    """Raises :class:`AccessError` where ``env_id`` names a module and the visitor may not have one imported.

    Without an instructor's code, everybody may; with one, the instructor.
    """
    if ":" in env_id and settings().instructor_code and not visitor().is_instructor:
        template = mark("{env_id} names a module: only the instructor can have one imported on this server.")
        raise AccessError(template, env_id=env_id)


def require_control(record: Owned) -> None:
    """Raises :class:`AccessError` where the visitor may only watch. Whatever a page shows, each command asks here."""
    if not may_control(record):
        template = mark("Started by {owner}: only they and the instructor can control it.")
        raise AccessError(template, owner=owner_text(record))


def steering(run_id: str) -> RunManager:
    """The manager, to steer ``run_id`` with. Raises :class:`AccessError` where the visitor may only watch it."""
    manager = get_manager()
    require_control(manager.snapshot(run_id).record)
    return manager


def browser_of(connection: HTTPConnection) -> str:
    """Id of the visitor whose browser opened ``connection`` to a route; empty for one without our cookie."""
    if not connection.cookies:
        return ""
    return signer().visitor_in(connection.cookies) or ""


def _open_class_of(record: Owned) -> Classroom | None:
    """The class that a run was started in, if it is open still: its owner may have left it since."""
    try:
        classroom = get_manager().classes.get(getattr(record, "class_id", None) or "")
    except ClassError:
        return None
    return classroom if classroom.is_open else None


# ---------------------------------------------------------------------------------------------------------- a class


def own_class() -> Classroom | None:
    """The open class that the visitor is a member of; None where there is none."""
    return get_manager().classes.class_of(visitor().visitor_id)


def may_open_class() -> bool:
    """Whether the visitor may open a class: the instructor, or without a code, anybody who is not a member of one."""
    return visitor().is_instructor if settings().instructor_code else own_class() is None


def may_teach(classroom: Classroom) -> bool:
    """Whether the class is the visitor's to lead: the instructor's, or without a code, of whoever opened it."""
    who = visitor()
    return who.is_instructor if settings().instructor_code else who.visitor_id in classroom.teachers


def class_taught() -> Classroom | None:
    """The newest open class that is the visitor's to lead, one that they opened before others; None without one."""
    taught = [each for each in get_manager().classes.open_classes() if may_teach(each)]
    who = visitor().visitor_id
    return next((each for each in taught if who in each.teachers), taught[0] if taught else None)


def require_teacher(class_id: str) -> Classroom:
    """The class, to lead it. Raises AccessError where it is not the visitor's, ClassError where there is none."""
    classroom = get_manager().classes.get(class_id)
    if not may_teach(classroom):
        raise AccessError(mark("Only a teacher of this class can do this."))
    return classroom


def member_mark(class_id: str, visitor_id: str) -> str:
    """What a member of a class is called in messages to browsers: nobody learns the visitor's id from it."""
    return hashlib.sha256(f"{class_id} {visitor_id}".encode()).hexdigest()[:_MEMBER_MARK_LENGTH]


def owner_mark(owner: str) -> str:
    """A few letters that tell visitors apart without naming them; empty for a run that belongs to everybody."""
    return hashlib.sha256(owner.encode()).hexdigest()[:_MARK_LENGTH] if owner else ""


def owner_name(owner: str, class_id: str | None, classes: Classes) -> str:
    """What an owner is called: a nickname in a class, this program's name for its examples; empty for all others."""
    return _PROGRAM_NAME if owner == EXAMPLES_OWNER else classes.nickname(owner, class_id)


def owner_text(record: Owned) -> str:
    """Whose it is, as plain text: a name, or a short mark that stays the same; empty: everybody's."""
    if not record.owner:
        return ""
    name = owner_name(record.owner, getattr(record, "class_id", None), get_manager().classes)
    return name or _("visitor {mark}").format(mark=owner_mark(record.owner))


def signer() -> Signer:
    """The server's signer of cookies. Raises SettingError for a setting that is not valid."""
    return _signer(settings().data, settings().instructor_code)


@functools.lru_cache(maxsize=1)
def _signer(folder: Path, instructor_code: str) -> Signer:
    return Signer(server_key(folder), instructor_code)


# ------------------------------------------------------------------------------------------------- instructor


class _WrongAttempts:
    """Counts wrong codes of the last minute, by where they came from and in all: guessing takes for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: deque[tuple[float, str]] = deque()

    def refuse_more_from(self, address: str) -> None:
        """Raises :class:`AccessError` where too many came."""
        with self._lock:
            while self._latest and self._latest[0][0] < time.monotonic() - _ATTEMPTS_S:
                self._latest.popleft()
            from_here = sum(each == address for _, each in self._latest)
            if from_here >= _ATTEMPTS or len(self._latest) >= _ATTEMPTS_IN_ALL:
                raise AccessError(mark("Too many wrong codes: wait a minute, then try again."))

    def add(self, address: str) -> None:
        """One more."""
        with self._lock:
            self._latest.append((time.monotonic(), address))


_wrong_attempts = _WrongAttempts()


def become_instructor(code: str) -> None:
    """Give the session's visitor control of every run, for the right code. Raises :class:`AccessError`."""
    address = _address()
    _wrong_attempts.refuse_more_from(address)
    right = settings().instructor_code
    if not right or not hmac.compare_digest(code.strip().encode(), right.encode()):
        _wrong_attempts.add(address)
        raise AccessError(mark("This is not the instructor's code."))
    st.session_state[_ROLE_KEY] = True


def _address() -> str:
    return str(st.context.ip_address)


def leave_instructor() -> None:
    """From here on, the session's visitor controls their own runs alone."""
    st.session_state[_ROLE_KEY] = False


def grant_for_browser() -> str | None:
    """What the browser can exchange for its role in this session; None for a browser without cookies."""
    visitor_id = signer().visitor_in(st.context.cookies.to_dict())
    return None if visitor_id is None else signer().grant(visitor_id, is_instructor=visitor().is_instructor)
