"""Experiments as the database keeps them.

A damaged row is passed over, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dqn_core.errors import DqnLabError, UnknownExperimentError, mark
from dqn_core.runs.experiments.spec import ExperimentRecord, ExperimentSpec
from dqn_core.runs.storage import tables
from dqn_core.runs.storage.column_types import to_columns
from dqn_core.runs.storage.database import Database
from dqn_core.runs.storage.records import check_run_id

__all__ = ["ExperimentStore"]

_EXPERIMENTS = tables.experiments


class ExperimentStore:
    """The experiments of one database; every method raises StoreError where the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: ExperimentRecord) -> None:
        """Keep a new experiment."""
        values = to_columns(vars(record) | {"spec": record.spec.to_dict()})
        with self._database.write() as connection:
            connection.execute(sa.insert(_EXPERIMENTS), values)

    def get(self, experiment_id: str) -> ExperimentRecord:
        """The experiment; raises UnknownExperimentError."""
        query = sa.select(_EXPERIMENTS).where(_EXPERIMENTS.c.experiment_id == experiment_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            template = mark("There is no experiment {experiment_id}: choose one from the list.")
            raise UnknownExperimentError(template, experiment_id=experiment_id[:40])
        record = _experiment(row)
        if record is None:
            template = mark("The entry of experiment {experiment_id} in the database is damaged.")
            raise UnknownExperimentError(template, experiment_id=experiment_id[:40])
        return record

    def latest(self, limit: int = 50) -> list[ExperimentRecord]:
        """The newest experiments that can be read, newest first."""
        return [record for _, record in self._newest(limit) if record is not None]

    def damaged(self, limit: int = 50) -> list[str]:
        """The ids of those among the newest experiments that cannot be read."""
        return [str(experiment_id) for experiment_id, record in self._newest(limit) if record is None]

    def _newest(self, limit: int) -> list[tuple[Any, ExperimentRecord | None]]:
        query = (
            sa.select(_EXPERIMENTS)
            .order_by(_EXPERIMENTS.c.created_at.desc(), _EXPERIMENTS.c.experiment_id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [(row["experiment_id"], _experiment(row)) for row in connection.execute(query).mappings()]

    def remove(self, experiment_id: str) -> None:
        """Forget the experiment; its runs are left as they are."""
        with self._database.write() as connection:
            connection.execute(sa.delete(_EXPERIMENTS).where(_EXPERIMENTS.c.experiment_id == experiment_id))


def _experiment(row: Mapping[Any, Any]) -> ExperimentRecord | None:
    """The experiment in a row; None for one that is damaged."""
    try:
        record = ExperimentRecord(
            experiment_id=check_run_id(row["experiment_id"]),
            name=str(row["name"]),
            owner=str(row["owner"]),
            created_at=datetime.fromisoformat(row["created_at"]),
            spec=ExperimentSpec.from_dict(row["spec"]),
        )
    except (DqnLabError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return record if record.created_at.tzinfo is not None else None
