"""What visitors predicted of the guided experiments, so that a reload or another page loses none of it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from dqn_core.runs import tables
from dqn_core.runs.database import Database

__all__ = ["Prediction", "PredictionStore"]

_table = tables.predictions


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
        query = sa.select(_table).where(_table.c.visitor == visitor_id)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return {row["lesson"]: Prediction(row["choice"], bool(row["is_revealed"])) for row in rows}

    def predict(self, visitor_id: str, lesson: str, choice: int) -> None:
        """Keep the prediction, in place of an earlier one; one whose result was looked at stays."""
        values = {"visitor": visitor_id, "lesson": lesson, "choice": choice, "is_revealed": False}
        query = insert(_table).values(values)
        query = query.on_conflict_do_update(
            index_elements=["visitor", "lesson"], set_={"choice": choice}, where=sa.not_(_table.c.is_revealed)
        )
        with self._database.write() as connection:
            connection.execute(query)

    def reveal(self, visitor_id: str, lesson: str) -> None:
        """The visitor looks at the result; nothing happens without a prediction."""
        of_visitor = (_table.c.visitor == visitor_id) & (_table.c.lesson == lesson)
        with self._database.write() as connection:
            connection.execute(sa.update(_table).where(of_visitor).values(is_revealed=True))
