"""Where runs stand beside their log, as their server tells the other servers of the lab, a few times a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError
from dqn_core.events import Notice, Phase, Progress
from dqn_core.runs.storage import tables
from dqn_core.runs.storage.backends import upsert
from dqn_core.runs.storage.database import Database

__all__ = ["Standing", "Standings"]

_standings = tables.standings


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a run's log does not say of it."""

    pace: float | None = None
    """Env steps a second at most; None for full speed."""
    is_pace_automatic: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    """The last value that each field was set to while the run trained, those on their way among them."""
    queue_position: int | None = None
    queue_wait_s: float | None = None
    progress: Progress | None = None
    """The last heartbeat; None before the first."""
    notices: tuple[Notice, ...] = ()

    def wanted(self, config: TrainingConfig) -> TrainingConfig:
        """``config`` with the live changes that are on their way to the trainer."""
        try:
            for name, value in self.changes.items():
                config = config.changed_live(name, value)
        except DqnLabError:  # of another version of the lab
            pass
        return config

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Standing:
        """The standing of :meth:`to_dict`'s values; what another version of the lab says otherwise is left out."""
        try:
            progress, notices = values["progress"], values["notices"]
            read = {
                "progress": progress and Progress(**progress | {"phase": Phase(progress["phase"])}),
                "notices": tuple(Notice(**each) for each in notices),
            }
            return cls(**{**values, **read})
        except (KeyError, TypeError, ValueError):
            return cls()


class Standings:
    """The standings of one database; any thread may call any method, and each raises StoreError where it fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, standings: Mapping[str, Standing]) -> None:
        """Tell where runs stand now, by their ids."""
        with self._database.write() as connection:
            for run_id, standing in sorted(standings.items()):
                values = {"run_id": run_id, "standing": standing.to_dict()}
                query = upsert(connection, _standings).values(values)
                connection.execute(query.on_conflict_do_update(index_elements=["run_id"], set_=values))

    def get(self, run_id: str) -> Standing:
        """What the run's server told last; all that is known of it is empty where it has told nothing."""
        query = sa.select(_standings.c.standing).where(_standings.c.run_id == run_id)
        with self._database.read() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return Standing.from_dict(found) if isinstance(found, dict) else Standing()
