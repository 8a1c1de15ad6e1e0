"""The classes of one data folder: opened, joined, given an assignment, and asked what a member may start.

All of it is in memory, and written through to the database at each change: a lookup costs nothing, and a server that is
killed loses nothing. What is in memory is replaced, never changed: whoever looks waits for no write. What another
server of the same database changed is read anew a moment later, and before the next change of one's own.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from dqn_core.config import TrainingConfig
from dqn_core.errors import ClassError, ConfigError, mark
from dqn_core.runs.classes.classroom import (
    TITLE_LENGTH,
    Announcement,
    Assignment,
    Classroom,
    Member,
    clean_nickname,
    new_code,
    nickname_key,
    tidy_code,
)
from dqn_core.runs.classes.store import ClassStore, OutdatedError
from dqn_core.runs.storage.database import Database
from dqn_core.runs.storage.records import clean_text, new_run_id

__all__ = ["MOST_MEMBERS", "Classes"]

MOST_MEMBERS = 500
"""Browsers that one class takes, those that left included."""
_MOST_OPEN = 50
"""Classes that are open at a time."""


def _now() -> datetime:
    return datetime.now(UTC)


Change = TypeVar("Change", bound=Callable[..., Any])


def _of_the_newest(change: Change) -> Change:
    """A change that is made anew where another server has changed something meanwhile."""

    @functools.wraps(change)
    def changing(self: Classes, *arguments: Any, **named: Any) -> Any:
        with self._lock:
            while True:
                try:
                    return change(self, *arguments, **named)
                except OutdatedError:
                    self._read_anew()

    return cast("Change", changing)


class Classes:
    """The classes of one database; any thread may call any method.

    Methods that take an id raise :class:`~dqn_core.errors.ClassError` for a class that there is not, and every change
    raises StoreError where the database fails: nothing is changed then.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = _now) -> None:
        self._store = ClassStore(database)
        self._clock = clock
        self._lock = threading.RLock()  # held by changes alone
        self._classes: dict[str, Classroom] = {}
        self._members: dict[str, dict[str, Member]] = {}
        self._of_visitor: dict[str, str] = {}
        self._revisions: dict[str, int] = {}
        self._revision = 1
        self._read_anew()

    def refresh(self) -> None:
        """Take in what other servers have changed; said again and again where there are any."""
        if self._store.is_outdated:
            with self._lock:
                self._read_anew()

    # ------------------------------------------------------------------------------------------------- looking

    @property
    def revision(self) -> int:
        """Counts the changes of all classes: whoever knows it sees at a glance whether there is anything new."""
        return self._revision

    def revision_of(self, class_id: str) -> int:
        """Counts the changes of one class; 0 for one that there is not."""
        return self._revisions.get(class_id, 0)

    def get(self, class_id: str) -> Classroom:
        """The class, open or archived."""
        classroom = self._classes.get(class_id)
        if classroom is None:
            raise ClassError(mark("There is no such class: it may have been deleted."))
        return classroom

    def of_code(self, code: str) -> Classroom:
        """The open class with that code, however it was typed. Raises ClassError."""
        wanted = tidy_code(code)
        for each in self._classes.values():
            if each.is_open and each.code == wanted:
                return each
        raise ClassError(mark("There is no open class with the code {code}: look at the code again."), code=wanted)

    def open_classes(self) -> list[Classroom]:
        """Those that are open, newest first."""
        return [each for each in reversed(self._classes.values()) if each.is_open]

    def archived(self) -> list[Classroom]:
        """Those that were archived, newest first."""
        return [each for each in reversed(self._classes.values()) if not each.is_open]

    def class_of(self, visitor_id: str) -> Classroom | None:
        """The open class that the visitor is a member of; None where there is none."""
        class_id = self._of_visitor.get(visitor_id) if visitor_id else None
        return None if class_id is None else self._classes.get(class_id)

    def member(self, class_id: str, visitor_id: str) -> Member | None:
        """The visitor as a member of the class, one that left or was removed too; None for one who never joined."""
        return self._members.get(class_id, {}).get(visitor_id)

    def members(self, class_id: str, *, former: bool = False) -> list[Member]:
        """The members of the class in the order in which they joined; with ``former``, those that are none any more."""
        return [each for each in self._members.get(class_id, {}).values() if each.is_present or former]

    def nickname(self, visitor_id: str, class_id: str | None = None) -> str:
        """What the visitor is called in the class; without one, in the one that it is in. Empty where it is in none."""
        class_id = class_id or self._of_visitor.get(visitor_id)
        member = self.member(class_id, visitor_id) if class_id else None
        return "" if member is None else member.nickname

    def refuse_borrowed(self, name: str, *visitors: str) -> None:
        """Raises ClassError where ``name`` is the nickname of a member of an open class who is none of ``visitors``."""
        key = nickname_key(name)
        called = [(each, self.nickname(each)) for each in self._of_visitor]
        owners = {visitor for visitor, nickname in called if nickname_key(nickname) == key}
        if owners and not owners & set(visitors):
            raise ClassError(mark("{nickname} is somebody's nickname in a class: choose another name."), nickname=name)

    # ----------------------------------------------------------------------------------- what members may start

    def check(
        self, owner: str, config: TrainingConfig, *, has_weights: bool = False, is_assigned: bool = True
    ) -> str | None:
        """The id of the class that a run of ``owner`` with ``config`` would be part of; None for none.

        Raises ConfigError, naming each setting and what it may be, where that class's assignment does not allow it;
        never for a run that is not what is assigned, but a lesson's own.
        """
        classroom = self.class_of(owner)
        if classroom is None:
            return None
        if classroom.assignment is not None and is_assigned:
            problems = classroom.assignment.problems(config, has_weights=has_weights)
            if problems:
                raise ConfigError(problems)
        return classroom.class_id

    def check_ranges(self, owner: str, base: TrainingConfig, ranges: Iterable[tuple[str, Iterable[Any]]]) -> None:
        """Raises ConfigError where a search of ``owner`` around ``base`` leaves what their class's assignment allows.

        ``ranges`` are the settings that it changes, each with the ends of its range or its choices.
        """
        classroom = self.class_of(owner)
        if classroom is None or classroom.assignment is None:
            return
        changed = {name: tuple(ends) for name, ends in ranges}
        fixed = (each for each in classroom.assignment.problems(base) if each.field not in changed)
        varied = (classroom.assignment.change_problems({name: end}) for name, ends in changed.items() for end in ends)
        problems = (*fixed, *(problem for found in varied for problem in found))
        if problems:
            raise ConfigError(problems)

    def check_change(self, class_id: str | None, changes: Mapping[str, Any]) -> None:
        """Raises ConfigError where the assignment of a run's class does not allow ``changes``, settings by name."""
        assignment = self.assignment_of(class_id)
        problems = () if assignment is None else assignment.change_problems(changes)
        if problems:
            raise ConfigError(problems)

    def assignment_of(self, class_id: str | None) -> Assignment | None:
        """The assignment of a class that is open; None where there is none."""
        classroom = self._classes.get(class_id) if class_id else None
        return classroom.assignment if classroom is not None and classroom.is_open else None

    # ---------------------------------------------------------------------------------------- the teacher's part

    @_of_the_newest
    def open(self, title: str, teacher: str) -> Classroom:
        """A new class of the visitor ``teacher``. Raises ClassError where too many are open."""
        now = self._clock()
        with self._lock:
            opened = self.open_classes()
            if len(opened) >= _MOST_OPEN:
                template = mark("{count} classes are open: archive one first.")
                raise ClassError(template, count=len(opened))
            classroom = Classroom(
                class_id=new_run_id(now),
                code=new_code(each.code for each in opened),
                title=clean_text(title, TITLE_LENGTH),
                created_at=now,
                teachers=(teacher,) if teacher else (),
            )
            self._store.put(classroom)
            self._classes = {**self._classes, classroom.class_id: classroom}
            self._members = {**self._members, classroom.class_id: {}}
            self._changed(classroom.class_id)
        return classroom

    @_of_the_newest
    def add_teacher(self, class_id: str, visitor_id: str) -> None:
        """Have a further visitor lead the class. Raises ClassError for a member of one."""
        with self._lock:
            if self.class_of(visitor_id) is not None:
                raise ClassError(mark("Leave the class first: whoever is a member of one cannot lead one."))
            teachers = self.get(class_id).teachers
            if visitor_id not in teachers:
                self._put(class_id, teachers=(*teachers, visitor_id))

    @_of_the_newest
    def assign(self, class_id: str, assignment: Assignment | None) -> None:
        """Give the class an assignment in place of the one before; None for none."""
        self._put(class_id, assignment=assignment)

    @_of_the_newest
    def announce(self, class_id: str, announcement: Announcement | None) -> None:
        """Say something to the class in place of what was said before; None for nothing."""
        self._put(class_id, announcement=announcement)

    @_of_the_newest
    def archive(self, class_id: str) -> None:
        """Close the class: nobody can join it, and its assignment holds no more. What is its own stays."""
        with self._lock:
            if self.get(class_id).is_open:
                self._put(class_id, archived_at=self._clock())
                self._dismiss(class_id)

    @_of_the_newest
    def remove_class(self, class_id: str) -> None:
        """Forget the class and its members; its runs are left as they are."""
        with self._lock:
            self.get(class_id)
            self._store.remove(class_id)
            self._dismiss(class_id)
            self._classes = {each: found for each, found in self._classes.items() if each != class_id}
            self._members = {each: found for each, found in self._members.items() if each != class_id}
            self._revisions.pop(class_id, None)
            self._revision += 1

    @_of_the_newest
    def remove(self, class_id: str, visitor_id: str) -> None:
        """Take a member out of the class; it cannot join again, and its nickname is free."""
        with self._lock:
            self._put_member(class_id, visitor_id, removed_at=self._clock(), hand_raised_at=None)
            self._dismiss(class_id, visitor_id)

    @_of_the_newest
    def let_in(self, class_id: str, visitor_id: str) -> None:
        """Let somebody who was removed join again."""
        now = self._clock()
        with self._lock:
            member = self._member(class_id, visitor_id)
            self._put_member(class_id, visitor_id, removed_at=None, left_at=member.left_at or now)

    # ---------------------------------------------------------------------------------------- the members' part

    @_of_the_newest
    def join(self, code: str, visitor_id: str, nickname: str) -> Classroom:
        """Make the visitor a member of the class with that code, and of no other; returns the class.

        Whoever was a member before comes back, under the nickname that is given now. Raises ClassError for a code that
        no open class has, a nickname that is not valid or is another's, and for one who was removed.
        """
        if not visitor_id:
            raise ClassError(mark("This browser keeps no cookies: allow them for this address, then join again."))
        name = clean_nickname(nickname)
        with self._lock:
            classroom = self.of_code(code)
            known = self._members[classroom.class_id]
            member = known.get(visitor_id)
            if member is not None and member.removed_at is not None:
                raise ClassError(mark("The teacher took you out of this class: ask to be let in again."))
            if member is None and len(known) >= MOST_MEMBERS:
                raise ClassError(mark("This class has {count} members already."), count=len(known))
            self._refuse_taken(classroom.class_id, visitor_id, name)
            now = self._clock()
            joined = Member(visitor_id=visitor_id, nickname=name, joined_at=now if member is None else member.joined_at)
            changed = {classroom.class_id: joined}
            before = self._of_visitor.get(visitor_id)
            if before is not None and before != classroom.class_id:
                changed[before] = replace(self._member(before, visitor_id), left_at=now, hand_raised_at=None)
            self._put_members(changed)
            self._of_visitor = {**self._of_visitor, visitor_id: classroom.class_id}
        return classroom

    @_of_the_newest
    def leave(self, visitor_id: str) -> None:
        """Take the visitor out of the class that it is in, if it is in any; it can join again."""
        with self._lock:
            class_id = self._of_visitor.get(visitor_id)
            if class_id is not None:
                self._put_member(class_id, visitor_id, left_at=self._clock(), hand_raised_at=None)
                self._dismiss(class_id, visitor_id)

    @_of_the_newest
    def rename(self, class_id: str, visitor_id: str, nickname: str) -> None:
        """Give a member another nickname. Raises ClassError for one that is not valid, or is another's."""
        name = clean_nickname(nickname)
        with self._lock:
            self._member(class_id, visitor_id)
            self._refuse_taken(class_id, visitor_id, name)
            self._put_member(class_id, visitor_id, nickname=name)

    @_of_the_newest
    def raise_hand(self, class_id: str, visitor_id: str, *, up: bool) -> None:
        """Raise or lower a member's hand; one that is up keeps its place."""
        with self._lock:
            member = self._member(class_id, visitor_id)
            if up != (member.hand_raised_at is not None) and (member.is_present or not up):
                self._put_member(class_id, visitor_id, hand_raised_at=self._clock() if up else None)

    # ------------------------------------------------------------------------------------------- with the lock

    def _refuse_taken(self, class_id: str, visitor_id: str, nickname: str) -> None:
        """Raises ClassError where another has the nickname, or a like one."""
        key = nickname_key(nickname)
        for each in self._members[class_id].values():
            if each.visitor_id != visitor_id and each.removed_at is None and nickname_key(each.nickname) == key:
                raise ClassError(mark("Somebody in this class is called {nickname} already."), nickname=each.nickname)

    def _member(self, class_id: str, visitor_id: str) -> Member:
        self.get(class_id)
        member = self._members[class_id].get(visitor_id)
        if member is None:
            raise ClassError(mark("There is no such member of this class."))
        return member

    def _put(self, class_id: str, **changes: Any) -> None:
        with self._lock:
            changed = replace(self.get(class_id), **changes)
            self._store.put(changed)
            self._classes = {**self._classes, class_id: changed}
            self._changed(class_id)

    def _put_member(self, class_id: str, visitor_id: str, **changes: Any) -> None:
        self._put_members({class_id: replace(self._member(class_id, visitor_id), **changes)})

    def _put_members(self, changed: Mapping[str, Member]) -> None:
        self._store.put_members(changed)
        for class_id, member in changed.items():
            members = {**self._members[class_id], member.visitor_id: member}
            self._members = {**self._members, class_id: members}
            self._changed(class_id)

    def _dismiss(self, class_id: str, visitor_id: str | None = None) -> None:
        """The visitor, or everybody, is a member of that class no more."""
        self._of_visitor = {
            each: found
            for each, found in self._of_visitor.items()
            if found != class_id or (visitor_id is not None and each != visitor_id)
        }

    def _read_anew(self) -> None:
        classes, members = self._store.read()
        before = {each: (found, self._members[each]) for each, found in self._classes.items()}
        self._classes = {each.class_id: each for each in classes}
        self._members = {class_id: {each.visitor_id: each for each in found} for class_id, found in members.items()}
        self._of_visitor = {
            visitor_id: class_id
            for class_id, found in self._members.items()
            if self._classes[class_id].is_open
            for visitor_id, member in found.items()
            if member.is_present
        }
        for class_id, found in self._classes.items():
            if before.pop(class_id, None) != (found, self._members[class_id]):
                self._changed(class_id)
        for class_id in before:
            self._revisions.pop(class_id, None)
            self._revision += 1

    def _changed(self, class_id: str) -> None:
        self._revision += 1
        self._revisions[class_id] = self._revisions.get(class_id, 0) + 1
