"""Classes and their members as the database keeps them.

A damaged row is passed over, never an error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from dqn_core.errors import DqnLabError
from dqn_core.runs.classes.classroom import Announcement, Assignment, Classroom, Member
from dqn_core.runs.storage import tables
from dqn_core.runs.storage.backends import upsert
from dqn_core.runs.storage.column_types import to_columns
from dqn_core.runs.storage.database import Database
from dqn_core.runs.storage.records import check_run_id

__all__ = ["ClassStore", "OutdatedError"]

_CLASSES, _MEMBERS, _REVISIONS = tables.classes, tables.class_members, tables.revisions
_OF_CLASSES = _REVISIONS.c.name == _CLASSES.name
_CLASSES_REVISION = sa.select(_REVISIONS.c.revision).where(_OF_CLASSES)
Made = TypeVar("Made")


class OutdatedError(Exception):
    """Another server has changed the classes since they were read: read them anew, and look again."""


class ClassStore:
    """The classes of one database, and their members; every method raises StoreError where the database fails.

    Changes count: one that is based on what another server has changed since raises :class:`OutdatedError`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = 0

    @property
    def is_outdated(self) -> bool:
        """Whether another server has changed anything since :meth:`read`."""
        with self._database.read() as connection:
            return (connection.execute(_CLASSES_REVISION).scalar_one_or_none() or 0) != self._known

    def read(self) -> tuple[list[Classroom], dict[str, list[Member]]]:
        """Every class, oldest first, and the members of each by its id, as they are from now on known."""
        query = sa.select(_MEMBERS).order_by(_MEMBERS.c.joined_at, _MEMBERS.c.visitor_id)
        with self._database.read() as connection:
            known = connection.execute(_CLASSES_REVISION).scalar_one_or_none() or 0
        classes = self.classes()
        members: dict[str, list[Member]] = {each.class_id: [] for each in classes}
        with self._database.read() as connection:
            for row in connection.execute(query).mappings():
                member = _member(row)
                if member is not None and row["class_id"] in members:
                    members[row["class_id"]].append(member)
        self._known = known
        return classes, members

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction that changes what is known, and nobody else has changed."""
        with self._database.write() as connection:
            first = upsert(connection, _REVISIONS).values(name=_CLASSES.name, revision=0)
            connection.execute(first.on_conflict_do_nothing())
            found = connection.execute(_CLASSES_REVISION.with_for_update()).scalar_one()
            if found != self._known:
                raise OutdatedError
            connection.execute(sa.update(_REVISIONS).where(_OF_CLASSES).values(revision=found + 1))
            yield connection
        self._known = found + 1

    def classes(self) -> list[Classroom]:
        """Every class that can be read, oldest first."""
        query = sa.select(_CLASSES).order_by(_CLASSES.c.created_at, _CLASSES.c.class_id)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [classroom for row in rows if (classroom := _classroom(row)) is not None]

    def put(self, *classrooms: Classroom) -> None:
        """Keep classes, each in place of what was kept of it: all of them, or none."""
        with self._writing() as connection:
            for each in classrooms:
                values = to_columns(vars(each) | {"teachers": list(each.teachers)})
                values |= {
                    "assignment": None if each.assignment is None else each.assignment.to_dict(),
                    "announcement": None if each.announcement is None else each.announcement.to_dict(),
                }
                query = upsert(connection, _CLASSES).values(values)
                connection.execute(query.on_conflict_do_update(index_elements=["class_id"], set_=values))

    def put_members(self, members: Mapping[str, Member]) -> None:
        """Keep members, by the id of their class, each in place of what was kept of it: all of them, or none."""
        with self._writing() as connection:
            for class_id, member in members.items():
                values = to_columns(vars(member)) | {"class_id": class_id}
                query = upsert(connection, _MEMBERS).values(values)
                connection.execute(query.on_conflict_do_update(index_elements=["class_id", "visitor_id"], set_=values))

    def remove(self, class_id: str) -> None:
        """Forget the class and its members; runs are left as they are."""
        with self._writing() as connection:
            connection.execute(sa.delete(_CLASSES).where(_CLASSES.c.class_id == class_id))


def _classroom(row: Mapping[Any, Any]) -> Classroom | None:
    """The class in a row; None for one that is damaged. A damaged assignment is none."""
    try:
        return Classroom(
            class_id=check_run_id(row["class_id"]),
            code=str(row["code"]),
            title=str(row["title"]),
            created_at=_time(row["created_at"]),
            archived_at=_time_or_none(row["archived_at"]),
            teachers=tuple(map(str, row["teachers"])),
            assignment=_readable(Assignment.from_dict, row["assignment"]),
            announcement=_readable(Announcement.from_dict, row["announcement"]),
        )
    except (DqnLabError, KeyError, TypeError, ValueError):
        return None


def _member(row: Mapping[Any, Any]) -> Member | None:
    """The member in a row; None for one that is damaged."""
    try:
        return Member(
            visitor_id=str(row["visitor_id"]),
            nickname=str(row["nickname"]),
            joined_at=_time(row["joined_at"]),
            hand_raised_at=_time_or_none(row["hand_raised_at"]),
            left_at=_time_or_none(row["left_at"]),
            removed_at=_time_or_none(row["removed_at"]),
        )
    except (TypeError, ValueError):
        return None


def _readable(read: Callable[[Any], Made], values: Any) -> Made | None:
    """What ``read`` makes of ``values``; None where there are none, or they are damaged."""
    try:
        return None if values is None else read(values)
    except (DqnLabError, AttributeError, KeyError, TypeError, ValueError):
        return None


def _time(text: Any) -> datetime:
    """Raises TypeError or ValueError for what is no time with its zone."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError
    return time


def _time_or_none(text: Any) -> datetime | None:
    return None if text is None else _time(text)
