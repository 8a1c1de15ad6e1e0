"""A class as one experiment: what each member trained, with which settings, what came of it, and what they foresaw."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dqn_core.events import HyperparametersChanged
from dqn_core.runs.classes.classroom import Classroom, Member
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.evaluations import EvaluationStore
from dqn_core.runs.storage.predictions import Prediction, PredictionStore
from dqn_core.runs.storage.records import RunRecord

__all__ = ["ClassResults", "MemberRun", "class_results", "otherwise", "table_rows", "varied"]

_FIRST_COLUMNS = ("nickname", "joined_at", "hand_raised_at", "left_at", "removed_at")
_RUN_COLUMNS = (
    "run_id",
    "name",
    "env_id",
    "seed",
    "started_at",
    "state",
    "reason",
    "episodes",
    "env_steps",
    "training_s",
    "best_evaluation",
    "server_evaluation",
    "differs_from_assignment",
    "changed_while_training",
)


@dataclass(frozen=True, kw_only=True)
class MemberRun:
    """A run of a member in the class."""

    member: Member
    run: RunRecord
    changes: tuple[HyperparametersChanged, ...] = ()
    """Made while it trained."""
    evaluated: float = math.nan
    """Mean return of the newest evaluation by the server; NaN without one."""

    @property
    def score(self) -> float:
        """Best evaluation while it trained; NaN where nothing was evaluated."""
        return math.nan if self.run.best_eval is None else self.run.best_eval


@dataclass(frozen=True, kw_only=True)
class ClassResults:
    """What came of a class so far."""

    classroom: Classroom
    members: tuple[Member, ...]
    """All who ever joined, in that order."""
    runs: tuple[MemberRun, ...]
    """In the order of their start."""
    answers: Mapping[str, Mapping[str, Prediction]]
    """Predictions of the lessons, by visitor and lesson."""

    @property
    def env_ids(self) -> tuple[str, ...]:
        """Environments of the runs, the one with the most runs first."""
        return tuple(env_id for env_id, _ in Counter(each.run.config.env_id for each in self.runs).most_common())

    def of(self, env_id: str) -> tuple[MemberRun, ...]:
        """The runs in one environment."""
        return tuple(each for each in self.runs if each.run.config.env_id == env_id)

    def predictions(self) -> dict[str, Counter[int]]:
        """How many members predicted what, by lesson and choice."""
        counts: dict[str, Counter[int]] = {}
        for each in self.answers.values():
            for lesson, prediction in each.items():
                counts.setdefault(lesson, Counter())[prediction.choice] += 1
        return counts


def class_results(manager: RunManager, class_id: str) -> ClassResults:
    """What came of the class. Raises ClassError for one that there is not, StoreError where the database fails."""
    classroom = manager.classes.get(class_id)
    members = {each.visitor_id: each for each in manager.classes.members(class_id, former=True)}
    predictions, evaluations = PredictionStore(manager.store.database), EvaluationStore(manager.store.database)
    runs = []
    for record in manager.runs_of_class(class_id):
        if record.owner in members:
            newest = next(iter(evaluations.latest(record.run_id, limit=1).values()), None)
            runs.append(
                MemberRun(
                    member=members[record.owner],
                    run=record,
                    changes=tuple(manager.store.changes(record.run_id)),
                    evaluated=math.nan if newest is None else newest.mean,
                )
            )
    answers = {visitor_id: predictions.of_visitor(visitor_id) for visitor_id in members}
    return ClassResults(
        classroom=classroom,
        members=tuple(members.values()),
        runs=tuple(runs),
        answers={visitor_id: found for visitor_id, found in answers.items() if found},
    )


def varied(runs: Sequence[MemberRun]) -> tuple[str, ...]:
    """The settings in which ``runs``, as they were started, are not all alike; the seed is left out."""
    if not runs:
        return ()
    first = runs[0].run.initial_config
    names = dict.fromkeys(
        name for each in runs for name, *_ in each.run.initial_config.differences(first) if name != "seed"
    )
    return tuple(names)


def otherwise(best: MemberRun, runs: Sequence[MemberRun]) -> tuple[tuple[str, Any, Any], ...]:
    """(setting, value, most common value of all) of each setting that ``best`` has not as most of ``runs`` have it."""
    found = []
    for name in varied(runs):
        values = [each.run.initial_config.value(name) for each in runs]
        usual = max(values, key=values.count)
        own = best.run.initial_config.value(name)
        if own != usual:
            found.append((name, own, usual))
    return tuple(found)


# ------------------------------------------------------------------------------------------------------------ the table


def table_rows(results: ClassResults) -> Iterator[list[Any]]:
    """A head, then a row a run; a member without runs has one row. Values are texts, numbers, moments or None.

    Settings that are not the same in all runs have a column each, and so has each lesson that anybody answered: the
    number of the variant that was predicted, from 1, or 0 for "no clear difference".
    """
    settings, lessons = varied(results.runs), tuple(results.predictions())
    yield [
        *_FIRST_COLUMNS,
        *_RUN_COLUMNS,
        *settings,
        *(f"prediction {lesson}" for lesson in lessons),
    ]
    for member in results.members:
        answers = results.answers.get(member.visitor_id, {})
        chosen = [answers[lesson].choice + 1 if lesson in answers else None for lesson in lessons]
        about = [member.nickname, member.joined_at, member.hand_raised_at, member.left_at, member.removed_at]
        own = [each for each in results.runs if each.member.visitor_id == member.visitor_id]
        for each in own:
            values = [_cell(each.run.initial_config.value(name)) for name in settings]
            yield [*about, *_about_run(results.classroom, each), *values, *chosen]
        if not own:
            yield [*about, *[None] * (len(_RUN_COLUMNS) + len(settings)), *chosen]


def _about_run(classroom: Classroom, each: MemberRun) -> list[Any]:
    run = each.run
    assigned = None if classroom.assignment is None else classroom.assignment.config
    differing = () if assigned is None else run.initial_config.differences(assigned)
    return [
        run.run_id,
        run.name,
        run.config.env_id,
        run.initial_config.seed,
        run.started_at,
        str(run.state),
        None if run.reason is None else str(run.reason),
        run.episodes,
        run.env_steps,
        run.wall_time_s,
        each.score,
        each.evaluated,
        "; ".join(f"{name}={_cell(value)}" for name, value, _ in differing if name != "seed"),
        "; ".join(
            f"{change.field}: {_cell(change.old)} > {_cell(change.new)} at env step {event.env_step}"
            for event in each.changes
            for change in event.changes
        ),
    ]


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return value if value is None or isinstance(value, (str, int, float)) else str(value)
