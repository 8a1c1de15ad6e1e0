"""Runs, episodes and live changes in one database: what survives the server. A write is one short transaction."""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.errors import RunStateError, mark
from dqn_core.events import Change, EndReason, EpisodeEnded, HyperparametersChanged, RunState
from dqn_core.json_text import json_text, nan_if_none
from dqn_core.runs.storage import tables
from dqn_core.runs.storage.column_types import to_columns
from dqn_core.runs.storage.database import Database
from dqn_core.runs.storage.records import RunBrief, RunRecord, is_run_id, unknown_run
from dqn_core.runs.storage.tables import EPISODE_FIELDS

__all__ = ["ACTIVE", "RunStore"]

ACTIVE = tuple(state.value for state in RunState if state.is_active)
"""States of a run that is not over."""

_SERVER_LOST = mark(
    "The server went down while this run was active: it was killed, it crashed, or the machine stopped. What was "
    "logged is kept: press Resume to continue from the last checkpoint."
)

_PORTION_ROWS = 20_000
_MIXER, _MIXER_SHIFT = 2_654_435_761, 2**12
"""Knuth's multiplicative hash: which rows it takes has no rhythm."""


_DAMAGED = mark(
    "The entry of this run in the database is damaged ({columns}): what can be read is shown, and its files are not "
    "affected. Delete the run, or restore the database from a copy."
)
_runs, _episodes, _changes = tables.runs, tables.episodes, tables.changes
_BRIEF = [_runs.c[each.name] for each in fields(RunBrief)]
_episode_values = operator.attrgetter(*EPISODE_FIELDS)
_COUNTS = tuple(each.name for each in fields(EpisodeEnded) if each.type == "int")
_MOST_IDS = 1_000
"""Of one query."""


class RunStore:
    """All runs of one laboratory; any thread may call any method.

    Every method raises :class:`StoreError` where the database fails (a full disk, a lock that does not go away) and
    :class:`~dqn_core.errors.UnknownRunError` for an id that no run has.

    Parameters
    ----------
    address
        As :class:`Database` takes it: a SQLite file, or the address of a PostgreSQL.
    """

    def __init__(self, address: Path | str) -> None:
        self.database = Database(address)
        self.server_id = ""
        """Of the server that new runs belong to, and that logs what they do; empty where there is only one."""

    def close(self) -> None:
        """Give back the file."""
        self.database.close()

    # ------------------------------------------------------------------------------------------------- runs

    def create_run(self, record: RunRecord) -> None:
        """Add a run."""
        with self.database.write() as connection:
            connection.execute(sa.insert(_runs), to_columns(vars(record)) | {"server_id": self.server_id})

    def update_run(self, run_id: str, /, **values: Any) -> None:
        """Set fields of :class:`RunRecord` by name, whichever server the run belongs to."""
        with self.database.write(run_id) as connection:
            _set(connection, run_id, values)

    def run(self, run_id: str) -> RunRecord:
        """The run's record."""
        with self.database.read() as connection:
            row = connection.execute(sa.select(_runs).where(_runs.c.run_id == run_id)).one_or_none()
        if row is None:
            raise unknown_run(run_id)
        return _record(row._mapping)  # noqa: SLF001  a documented part of SQLAlchemy's Row

    def runs(self, limit: int = 100) -> list[RunRecord]:
        """The newest runs, newest first."""
        query = sa.select(_runs).order_by(_runs.c.started_at.desc(), _runs.c.run_id.desc()).limit(limit)
        with self.database.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings() if _has_id(row)]

    def briefs(self) -> list[RunBrief]:
        """All runs without their settings, newest first: many times faster than :meth:`runs`."""
        query = sa.select(*_BRIEF).order_by(_runs.c.started_at.desc(), _runs.c.run_id.desc())
        with self.database.read() as connection:
            return [_brief(row) for row in connection.execute(query).mappings() if _has_id(row)]

    def initial_settings(self, run_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The settings that runs were started with, by run id, as :meth:`TrainingConfig.from_dict` takes them.

        Empty for a run whose settings cannot be read.
        """
        query = sa.select(_runs.c.run_id, _runs.c.initial_config)
        rows: list[Any] = []
        with self.database.read() as connection:
            for first in range(0, len(run_ids), _MOST_IDS):
                wanted = run_ids[first : first + _MOST_IDS]
                rows += connection.execute(query.where(_runs.c.run_id.in_(wanted))).all()
        return {run_id: dict(settings) if isinstance(settings, dict) else {} for run_id, settings in rows}

    def active_elsewhere(self, limit: int = 200) -> list[RunRecord]:
        """The newest active runs of other servers, newest first; none where there can be no others."""
        if not self.server_id:
            return []
        query = sa.select(_runs).where(_runs.c.state.in_(ACTIVE), _runs.c.server_id != self.server_id)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(_runs.c.started_at.desc()).limit(limit)).mappings()
            return [_record(row) for row in rows if _has_id(row)]

    def runs_of_experiment(self, experiment_id: str) -> list[RunRecord]:
        """The runs of one experiment, in the order of their start."""
        query = sa.select(_runs).where(_runs.c.experiment_id == experiment_id)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(_runs.c.started_at, _runs.c.run_id)).mappings()
            return [_record(row) for row in rows if _has_id(row)]

    def runs_of_class(self, class_id: str) -> list[RunRecord]:
        """The runs that members of a class started in it, in the order of their start."""
        query = sa.select(_runs).where(_runs.c.class_id == class_id)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(_runs.c.started_at, _runs.c.run_id)).mappings()
            return [_record(row) for row in rows if _has_id(row)]

    def delete_run(self, run_id: str) -> None:
        """Take a run away with all its rows."""
        with self.database.write() as connection:
            if connection.execute(sa.delete(_runs).where(_runs.c.run_id == run_id)).rowcount == 0:
                raise unknown_run(run_id)

    def mark_interrupted(
        self, but: Collection[str] = (), only: Collection[str] | None = None, cause: str = _SERVER_LOST
    ) -> int:
        """Mark every run that an earlier server left active, ``but`` those that go on; returns how many there were.

        With ``only``, none but these. ``cause`` is a message template.
        """
        values = {
            "state": RunState.INTERRUPTED,
            "reason": EndReason.INTERRUPTED,
            "message_template": cause,
            "message_parameters": {},
        }
        left = sa.and_(_runs.c.state.in_(ACTIVE), _runs.c.run_id.not_in(but))
        if only is not None:
            left = sa.and_(left, _runs.c.run_id.in_(only))
        query = sa.update(_runs).where(left).values(to_columns(values))
        with self.database.write() as connection:
            return connection.execute(query).rowcount

    # ----------------------------------------------------------------------------------- episodes and changes

    def append(
        self,
        run_id: str,
        episodes: Sequence[EpisodeEnded],
        changes: Sequence[HyperparametersChanged],
        /,
        stored: tuple[int, int] | None = None,
        **values: Any,
    ) -> None:
        """Add rows after those that are there and set ``values`` of the record: all of it, or nothing.

        Raises :class:`~dqn_core.errors.RunLostError` where another server has taken the run over.

        ``stored`` says how many rows and changes are there as far as the caller knows. There may be more: where the
        connection broke before the database could say that it kept what was sent. These are not added again.
        """
        with self.database.write(run_id, self.server_id) as connection:
            if episodes:
                first = _row_count(connection, _episodes, run_id)
                episodes = episodes[_again(first, stored, 0) :]
                rows = [(run_id, position, *_episode_values(each)) for position, each in enumerate(episodes, first)]
                if rows:
                    self.database.insert(connection, _episodes, rows)
            if changes:
                first = _row_count(connection, _changes, run_id)
                changes = changes[_again(first, stored, 1) :]
                numbered = [_change_columns(each, run_id, position) for position, each in enumerate(changes, first)]
                if numbered:
                    connection.execute(sa.insert(_changes), numbered)
            if values:
                _set(connection, run_id, values)

    def check_own(self, run_id: str) -> None:
        """Raises :class:`~dqn_core.errors.RunLostError` where another server has taken the run over."""
        with self.database.write(run_id, self.server_id):
            pass

    def rewind(self, run_id: str, episodes: int, env_step: int, /, **values: Any) -> None:
        """Keep the first ``episodes`` rows and the changes up to ``env_step``, and set ``values`` of the record.

        A run that goes on from a checkpoint logs again what came after it, and belongs to the server that does this.
        Raises :class:`~dqn_core.errors.RunStateError` where another server has it go on already.
        """
        later_rows = sa.delete(_episodes).where(_episodes.c.run_id == run_id, _episodes.c.position >= episodes)
        later_changes = sa.delete(_changes).where(_changes.c.run_id == run_id, _changes.c.env_step > env_step)
        with self.database.write(run_id) as connection:
            query = sa.select(_runs.c.state, _runs.c.server_id).where(_runs.c.run_id == run_id)
            state, server_id = connection.execute(query).one_or_none() or ("", "")
            if state in ACTIVE and server_id != self.server_id:
                raise RunStateError(mark("The run is {state}: there is nothing to resume."), state=state)
            connection.execute(later_rows)
            connection.execute(later_changes)
            _set(connection, run_id, {**values, "server_id": self.server_id})

    def episodes(self, run_id: str, after: int = 0, limit: int | None = None) -> list[EpisodeEnded]:
        """At most ``limit`` episodes in order, from the one with ``after`` rows before it."""
        columns = [_episodes.c[name] for name in EPISODE_FIELDS]
        query = sa.select(*columns).where(_episodes.c.run_id == run_id, _episodes.c.position >= after)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(_episodes.c.position).limit(limit)).all()
        return [_episode(row) for row in rows]

    def episode_columns(
        self,
        run_id: str,
        names: Sequence[str],
        after: int = 0,
        places: Sequence[int] | None = None,
        every: int = 1,
    ) -> NDArray[np.float64]:
        """Columns ``names`` (fields of EpisodeEnded) from the episode with ``after`` rows before it; [names, N].

        NaN where there is no value. Ten thousand episodes at once take a fifth of the time that
        :meth:`episodes` takes to make an event of each. With ``places``, at most some thousands of row numbers, those
        rows alone are read. With ``every``, every so many-th row is, and about one in so many of those that have an
        evaluation, whatever the rhythm of these is.
        """
        portions = [*self.episode_portions(run_id, names, after, places, every)]
        return np.concatenate(portions, axis=1) if portions else np.empty((len(names), 0))

    def episode_portions(
        self,
        run_id: str,
        names: Sequence[str],
        after: int = 0,
        places: Sequence[int] | None = None,
        every: int = 1,
    ) -> Iterator[NDArray[np.float64]]:
        """The same as :meth:`episode_columns`, in portions [names, n] of some thousand rows."""
        position = _episodes.c.position
        query = sa.select(position, *(_episodes.c[name] for name in names)).where(_episodes.c.run_id == run_id)
        if places is not None:
            query = query.where(position.in_(places))
        if every > 1:
            mixed = (position * _MIXER // _MIXER_SHIFT) % every
            query = query.where((position % every == 0) | (_episodes.c.eval_return.is_not(None) & (mixed == 0)))
        query = query.order_by(position).limit(_PORTION_ROWS)
        while True:  # each portion is a query of its own: who takes long over one keeps no transaction open
            with self.database.read() as connection:
                # the driver's own tuples, which NumPy reads fast
                rows = connection.execute(query.where(position >= after)).cursor.fetchall()
            if rows:
                yield _table(rows)[:, 1:].T
            if len(rows) < _PORTION_ROWS:
                return
            after = rows[-1][0] + 1

    def episode_count(self, run_id: str) -> int:
        """Episodes stored for the run."""
        with self.database.read() as connection:
            return _row_count(connection, _episodes, run_id)

    def changes(self, run_id: str) -> list[HyperparametersChanged]:
        """Every live change in order."""
        query = sa.select(_changes).where(_changes.c.run_id == run_id).order_by(_changes.c.position)
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [change for row in rows if (change := _change(row)) is not None]


def _set(connection: sa.Connection, run_id: str, values: Mapping[str, Any]) -> None:
    """Raises UnknownRunError."""
    query = sa.update(_runs).where(_runs.c.run_id == run_id).values(to_columns(values))
    if connection.execute(query).rowcount == 0:
        raise unknown_run(run_id)


def _row_count(connection: sa.Connection, table: sa.Table, run_id: str) -> int:
    last = connection.execute(sa.select(sa.func.max(table.c.position)).where(table.c.run_id == run_id)).scalar_one()
    return 0 if last is None else int(last) + 1


def _again(found: int, stored: tuple[int, int] | None, kind: int) -> int:
    """How many of what is to be added are there already."""
    return 0 if stored is None else max(0, found - stored[kind])


# ------------------------------------------------------------------------------------- rows from and to objects


def _has_id(row: Any) -> bool:
    """Whether the row can be spoken of at all: whatever is done with a run, its id says with which."""
    return is_run_id(row["run_id"])


def _table(rows: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
    """Rows of numbers; NaN for what is none."""
    try:
        return np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):  # a damaged row
        return np.array([[*map(nan_if_none, row)] for row in rows], dtype=np.float64)


def _episode(row: Any) -> EpisodeEnded:
    values = dict(zip(EPISODE_FIELDS, map(nan_if_none, row), strict=True))
    return EpisodeEnded(**values | {name: 0 for name in _COUNTS if not isinstance(values[name], int)})


def _config(values: Any) -> TrainingConfig:
    """The settings that are stored as ``values``: lists of runs are read often, and most runs have the same."""
    return _config_from(json_text(values))


@functools.lru_cache(maxsize=512)
def _config_from(text: str) -> TrainingConfig:
    return TrainingConfig.from_dict(json.loads(text))


class _Row:
    """A row of the runs' table, read value by value; what cannot be read is noted, and something else stands for it."""

    def __init__(self, row: Any) -> None:
        self.values = dict(row)
        self.damaged: list[str] = []

    def read(self, name: str, read: Callable[[Any], Any], otherwise: Any) -> Any:
        """The value called ``name``."""
        try:
            return read(self.values[name])
        except Exception:  # noqa: BLE001  whatever is stored there instead
            self.damaged.append(name)
            return otherwise

    def brief(self) -> dict[str, Any]:
        """What a :class:`RunBrief` is made of."""
        values = {
            "run_id": self.values["run_id"],
            "name": self.read("name", _text, self.values["run_id"]),
            "started_at": self.read("started_at", _moment, _moment_of(self.values["run_id"])),
            "state": self.read("state", RunState, RunState.DAMAGED),
            "reason": self.read("reason", lambda value: None if value is None else EndReason(value), None),
            "wall_time_s": self.read("wall_time_s", _number, 0.0),
            "episodes": self.read("episodes", _count, 0),
            "env_steps": self.read("env_steps", _count, 0),
            "best_eval": self.read("best_eval", lambda value: None if value is None else _number(value), None),
            "owner": self.read("owner", _text, ""),
            "tags": self.read("tags", lambda value: tuple(map(_text, value)), ()),
            "experiment_id": self.read("experiment_id", _text_or_none, None),
            "class_id": self.read("class_id", _text_or_none, None),
        }
        return values | self._damage()

    def _damage(self) -> dict[str, Any]:
        return {"state": RunState.DAMAGED, "reason": None} if self.damaged else {}

    def record(self) -> dict[str, Any]:
        """What a :class:`RunRecord` is made of."""
        values = self.brief()
        values["initial_config"] = self.read("initial_config", _config, None)
        values["config"] = self.read("config", _config, values["initial_config"] or TrainingConfig())
        values["initial_config"] = values["initial_config"] or values["config"]
        for name in ("message_template", "compute", "compute_template", "started_from"):
            values[name] = self.read(name, _text, "")
        for name in ("message_parameters", "compute_parameters"):
            values[name] = self.read(name, lambda value: {**value}, {})
        for name in ("parameters", "updates"):
            values[name] = self.read(name, _count, 0)
        if self.damaged:
            parameters = {"columns": ", ".join(self.damaged)}
            values |= self._damage() | {"message_template": _DAMAGED, "message_parameters": parameters}
        return values


def _record(row: Any) -> RunRecord:
    return RunRecord(**_Row(row).record())


def _brief(row: Any) -> RunBrief:
    return RunBrief(**_Row(row).brief())


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError
    return float(value)


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _moment_of(run_id: str) -> datetime:
    """When a run was started, to the second, as its id says."""
    try:
        return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # in its form an id, yet no date
        return datetime.fromtimestamp(0, UTC)


def _change_columns(event: HyperparametersChanged, run_id: str, position: int) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "position": position,
        "wall_time_s": event.wall_time_s,
        "env_step": event.env_step,
        "episode": event.episode,
        "changes": [{"field": each.field, "old": each.old, "new": each.new} for each in event.changes],
    }


def _change(row: Any) -> HyperparametersChanged | None:
    """The live change in a row; None for one that is damaged."""
    try:
        return HyperparametersChanged(
            wall_time_s=_number(row["wall_time_s"]),
            env_step=_count(row["env_step"]),
            episode=_count(row["episode"]),
            changes=tuple(Change(**each) for each in row["changes"]),
        )
    except TypeError:
        return None
