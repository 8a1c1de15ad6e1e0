"""Evaluations of runs as the database keeps them.

A damaged row is passed over, never an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from dqn_core.analysis.bootstrap import bootstrap_interval
from dqn_core.config import NO_ARGUMENTS, Arguments
from dqn_core.runs.storage import tables
from dqn_core.runs.storage.column_types import to_columns
from dqn_core.runs.storage.database import Database

__all__ = ["EvaluationRecord", "EvaluationStore"]

_EVALUATIONS = tables.evaluations


@dataclass(frozen=True, kw_only=True)
class EvaluationRecord:
    """One evaluation: each episode's seed, return and length."""

    made_at: datetime
    """In UTC, aware."""
    weights: str
    """Name of the snapshot that played."""
    epsilon: float
    """Probability of a random action."""
    seeds: tuple[int, ...]
    returns: tuple[float, ...]
    lengths: tuple[int, ...]
    env_kwargs: Arguments = NO_ARGUMENTS
    """Arguments of the environment that was played."""
    shaped_returns: tuple[float, ...] = ()
    """Sums of the rewards that the run's formula gives, one an episode; none without a formula."""

    @property
    def mean(self) -> float:
        """Mean return."""
        return float(np.mean(self.returns))

    @property
    def std(self) -> float:
        """Standard deviation of the returns (n in the denominator)."""
        return float(np.std(self.returns))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of the mean; NaN for a single episode."""
        low, high = bootstrap_interval(np.array(self.returns)[:, None])
        return float(low[0]), float(high[0])

    @property
    def worst(self) -> int:
        """Place of the first episode with the lowest return."""
        return int(np.argmin(self.returns))

    @property
    def best(self) -> int:
        """Place of the first episode with the highest return."""
        return int(np.argmax(self.returns))


class EvaluationStore:
    """The evaluations of one database; every method raises StoreError where the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run_id: str, record: EvaluationRecord) -> int:
        """Keep ``record`` after those that the run has; gives its place, from 0. Raises UnknownRunError."""
        columns = to_columns(
            vars(record)
            | {"seeds": list(record.seeds), "returns": list(record.returns), "lengths": list(record.lengths)}
            | {"env_kwargs": record.env_kwargs.to_dict(), "shaped_returns": list(record.shaped_returns)}
        )
        last = sa.select(sa.func.max(_EVALUATIONS.c.position)).where(_EVALUATIONS.c.run_id == run_id)
        with self._database.write(run_id) as connection:
            found = connection.execute(last).scalar_one()
            position = 0 if found is None else int(found) + 1
            connection.execute(sa.insert(_EVALUATIONS), columns | {"run_id": run_id, "position": position})
        return position

    def get(self, run_id: str, position: int) -> EvaluationRecord | None:
        """The run's evaluation at that place; None where there is none."""
        query = sa.select(_EVALUATIONS).where(_EVALUATIONS.c.run_id == run_id, _EVALUATIONS.c.position == position)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _evaluation(row)

    def latest(self, run_id: str, limit: int = 20) -> dict[int, EvaluationRecord]:
        """The run's newest evaluations by their place, newest first."""
        query = (
            sa.select(_EVALUATIONS)
            .where(_EVALUATIONS.c.run_id == run_id)
            .order_by(_EVALUATIONS.c.position.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            read = {int(row["position"]): _evaluation(row) for row in connection.execute(query).mappings()}
        return {position: record for position, record in read.items() if record is not None}


def _evaluation(row: Mapping[Any, Any]) -> EvaluationRecord | None:
    """The evaluation in a row; None for one that is damaged."""
    try:
        record = EvaluationRecord(
            made_at=datetime.fromisoformat(row["made_at"]),
            weights=row["weights"],
            epsilon=float(row["epsilon"]),
            seeds=tuple(map(int, row["seeds"])),
            returns=tuple(map(_number_or_nan, row["returns"])),
            lengths=tuple(map(int, row["lengths"])),
            env_kwargs=Arguments({**row["env_kwargs"]}),
            shaped_returns=tuple(map(_number_or_nan, row["shaped_returns"])),
        )
    except (TypeError, ValueError):
        return None
    has_all = len(record.seeds) == len(record.returns) == len(record.lengths) > 0
    return record if has_all and record.made_at.tzinfo is not None else None


def _number_or_nan(value: Any) -> float:
    """NaN was written as null; anything else that is no number is damage."""
    return math.nan if value is None else float(value)
