"""Submissions to the leaderboard as the database keeps them.

A damaged row is passed over, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dqn_core.runs.storage import tables
from dqn_core.runs.storage.backends import upsert
from dqn_core.runs.storage.column_types import to_columns
from dqn_core.runs.storage.database import Database

__all__ = ["Submission", "SubmissionStore"]

_SUBMISSIONS = tables.submissions


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A run on the leaderboard of its environment."""

    run_id: str
    env_id: str
    name: str
    """What its student chose to be called."""
    owner: str
    """Id of the visitor who submitted it; empty where nobody is known."""
    submitted_at: datetime
    """In UTC, aware."""
    weights: str
    """Name of the snapshot that is evaluated."""
    env_steps: int
    """Env steps that the run had taken when these weights were made; -1 where that is not known."""


class SubmissionStore:
    """The submissions of one database; every method raises StoreError where the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, submission: Submission) -> None:
        """Keep ``submission``, in place of an earlier one of the same run. Raises UnknownRunError."""
        values = to_columns(vars(submission))
        with self._database.write(submission.run_id) as connection:
            query = upsert(connection, _SUBMISSIONS).values(values)
            connection.execute(query.on_conflict_do_update(index_elements=["run_id"], set_=values))

    def of_run(self, run_id: str) -> Submission | None:
        """The run's submission; None where it was not submitted."""
        query = sa.select(_SUBMISSIONS).where(_SUBMISSIONS.c.run_id == run_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _submission(row)

    def of_environment(self, env_id: str) -> list[Submission]:
        """The environment's submissions, earliest first."""
        query = (
            sa.select(_SUBMISSIONS)
            .where(_SUBMISSIONS.c.env_id == env_id)
            .order_by(_SUBMISSIONS.c.submitted_at, _SUBMISSIONS.c.run_id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [submission for row in rows if (submission := _submission(row)) is not None]

    def environments(self) -> dict[str, int]:
        """How many submissions each environment has, most first."""
        count = sa.func.count()
        query = (
            sa.select(_SUBMISSIONS.c.env_id, count)
            .group_by(_SUBMISSIONS.c.env_id)
            .order_by(count.desc(), _SUBMISSIONS.c.env_id)
        )
        with self._database.read() as connection:
            return {str(env_id): int(found) for env_id, found in connection.execute(query)}

    def remove(self, run_id: str) -> None:
        """Take the run off the leaderboard."""
        with self._database.write() as connection:
            connection.execute(sa.delete(_SUBMISSIONS).where(_SUBMISSIONS.c.run_id == run_id))


def _submission(row: Mapping[Any, Any]) -> Submission | None:
    """The submission in a row; None for one that is damaged."""
    texts = [row[name] for name in ("run_id", "env_id", "name", "owner", "weights")]
    try:
        submitted_at = datetime.fromisoformat(row["submitted_at"])
        env_steps = int(row["env_steps"])
    except (TypeError, ValueError):
        return None
    if submitted_at.tzinfo is None or not all(isinstance(text, str) for text in texts):
        return None
    return Submission(**dict(row) | {"submitted_at": submitted_at, "env_steps": env_steps})
