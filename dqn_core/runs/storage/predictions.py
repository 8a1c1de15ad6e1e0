"""What visitors predicted of lessons' experiments, as the database keeps it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from dqn_core.runs.storage import tables
from dqn_core.runs.storage.backends import upsert
from dqn_core.runs.storage.database import Database

__all__ = ["Prediction", "PredictionStore"]

_PREDICTIONS = tables.predictions


@dataclass(frozen=True)
class Prediction:
    """One visitor's prediction of one lesson."""

    choice: int
    """The variant expected to be highest; -1 for no clear difference."""
    is_revealed: bool
    """Whether the visitor has looked at the result: from then on it stays as it is."""


class PredictionStore:
    """The predictions of one database; every method raises StoreError where the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_visitor(self, visitor_id: str) -> dict[str, Prediction]:
        """The visitor's predictions, by the lesson's name."""
        query = sa.select(_PREDICTIONS).where(_PREDICTIONS.c.visitor == visitor_id)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return {row["lesson"]: Prediction(row["choice"], bool(row["is_revealed"])) for row in rows}

    def counts(self, lesson: str) -> dict[int, int]:
        """How many visitors predicted what of the lesson, by choice."""
        query = (
            sa.select(_PREDICTIONS.c.choice, sa.func.count().label("visitors"))
            .where(_PREDICTIONS.c.lesson == lesson)
            .group_by(_PREDICTIONS.c.choice)
        )
        with self._database.read() as connection:
            return {row.choice: row.visitors for row in connection.execute(query)}

    def predict(self, visitor_id: str, lesson: str, choice: int) -> None:
        """Keep the prediction, in place of an earlier one; one whose result was looked at stays."""
        values = {"visitor": visitor_id, "lesson": lesson, "choice": choice, "is_revealed": False}
        is_open = sa.not_(_PREDICTIONS.c.is_revealed)
        with self._database.write() as connection:
            query = upsert(connection, _PREDICTIONS).values(values)
            keys = ["visitor", "lesson"]
            connection.execute(query.on_conflict_do_update(index_elements=keys, set_={"choice": choice}, where=is_open))

    def reveal(self, visitor_id: str, lesson: str) -> None:
        """The visitor looks at the result; nothing happens without a prediction."""
        of_visitor = (_PREDICTIONS.c.visitor == visitor_id) & (_PREDICTIONS.c.lesson == lesson)
        with self._database.write() as connection:
            connection.execute(sa.update(_PREDICTIONS).where(of_visitor).values(is_revealed=True))
