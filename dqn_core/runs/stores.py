"""What the database keeps beside the runs: evaluations, submissions, experiments, predictions, classes.

Every method of a store raises StoreError where the database fails. A damaged row is passed over, never an error.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa

from dqn_core.analysis.bootstrap import bootstrap_interval
from dqn_core.config import NO_ARGUMENTS, Arguments
from dqn_core.errors import DqnLabError, UnknownExperimentError, mark
from dqn_core.runs import tables
from dqn_core.runs.backends import upsert
from dqn_core.runs.classroom import Announcement, Assignment, Classroom, Member
from dqn_core.runs.column_types import to_columns
from dqn_core.runs.database import Database
from dqn_core.runs.experiment_spec import ExperimentRecord, ExperimentSpec
from dqn_core.runs.records import check_run_id

__all__ = [
    "ClassStore",
    "EvaluationRecord",
    "EvaluationStore",
    "ExperimentStore",
    "OutdatedError",
    "Prediction",
    "PredictionStore",
    "Submission",
    "SubmissionStore",
]


# ---------------------------------------------------------------------------------------------------------- evaluations

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


# ---------------------------------------------------------------------------------------------------------- submissions

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


# ---------------------------------------------------------------------------------------------------------- experiments

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


# ---------------------------------------------------------------------------------------------------------- predictions

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


# -------------------------------------------------------------------------------------------------------------- classes

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
