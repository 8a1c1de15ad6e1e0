"""Experiments in the database: what was to be tried, by whom, when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dqn_core.errors import UnknownExperimentError, mark
from dqn_core.runs import tables
from dqn_core.runs.database import Database, to_columns
from dqn_core.runs.experiment_spec import ExperimentRecord, ExperimentSpec

__all__ = ["ExperimentStore"]

_table = tables.experiments


class ExperimentStore:
    """The experiments of one database; every method raises StoreError where the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: ExperimentRecord) -> None:
        """Keep a new experiment."""
        values = to_columns(vars(record) | {"spec": record.spec.to_dict()})
        with self._database.write() as connection:
            connection.execute(sa.insert(_table), values)

    def get(self, experiment_id: str) -> ExperimentRecord:
        """The experiment; raises UnknownExperimentError."""
        query = sa.select(_table).where(_table.c.experiment_id == experiment_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            template = mark("There is no experiment {experiment_id}: choose one from the list.")
            raise UnknownExperimentError(template, experiment_id=experiment_id[:40])
        return _record(row)

    def latest(self, limit: int = 50) -> list[ExperimentRecord]:
        """The newest experiments, newest first."""
        query = sa.select(_table).order_by(_table.c.created_at.desc(), _table.c.experiment_id.desc()).limit(limit)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def remove(self, experiment_id: str) -> None:
        """Forget the experiment; its runs are left as they are."""
        with self._database.write() as connection:
            connection.execute(sa.delete(_table).where(_table.c.experiment_id == experiment_id))


def _record(row: Mapping[Any, Any]) -> ExperimentRecord:
    return ExperimentRecord(
        experiment_id=row["experiment_id"],
        name=row["name"],
        owner=row["owner"],
        created_at=datetime.fromisoformat(row["created_at"]),
        spec=ExperimentSpec.from_dict(row["spec"]),
    )
