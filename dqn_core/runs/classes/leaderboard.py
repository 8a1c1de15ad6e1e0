"""The leaderboard of a class: what the server itself measured of the runs that were submitted.

Each submission's weights play the same :data:`EPISODES` greedy episodes, on seeds that no training evaluates on, in
the background and once. Two rankings come of it, for each environment:

score   the mean return over these episodes;
speed   the env steps that the run had taken when these weights were made, of those whose score reaches the
        environment's goal (Gymnasium's own reward threshold, whatever goal a run had set itself).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from dqn_core.environments.make import inspect_environment, reward_threshold
from dqn_core.environments.settings import is_standard
from dqn_core.errors import BusyError, DqnLabError, SubmissionError, UnsupportedEnvironmentError, mark
from dqn_core.runs.classes.submissions import Submission, SubmissionStore
from dqn_core.runs.jobs.orders import Order, evaluation_order
from dqn_core.runs.jobs.service import Jobs, JobState
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.evaluations import EvaluationRecord, EvaluationStore
from dqn_core.runs.storage.records import RunRecord, clean_text
from dqn_core.training.run_folder import RunFolder

__all__ = ["EPISODES", "FIRST_SEED", "NAME_LENGTH", "Entry", "Leaderboard", "Standings"]

EPISODES = 100
FIRST_SEED = 50_000
"""Of the episodes that decide; neither a training's evaluations nor a student's own come near them by chance."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
NAME_LENGTH = 24
"""Characters of a student's name."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A submission and what was measured of it."""

    submission: Submission
    evaluation: EvaluationRecord | None = None
    """None before it is made."""
    error: DqnLabError | None = None
    """Why it could not be made."""
    share: float = 0.0
    """Of the evaluation that is done, 0 to 1."""
    rank: int = 0
    """In the ranking that it stands in, from 1; equal ones share a rank. 0 for one that is not measured."""

    @property
    def score(self) -> float:
        """Mean return; NaN before it is measured."""
        return math.nan if self.evaluation is None else self.evaluation.mean


@dataclass(frozen=True, kw_only=True)
class Standings:
    """One environment's leaderboard at one moment."""

    env_id: str
    goal: float | None
    """Mean return from which it counts as solved; None where Gymnasium names none."""
    by_score: tuple[Entry, ...]
    """Each student's best, best first."""
    by_speed: tuple[Entry, ...]
    """Each student's fastest of those that reach the goal, fastest first."""
    unmeasured: tuple[Entry, ...]
    """Submissions that wait for their evaluation, or could not be evaluated."""

    @property
    def is_waiting(self) -> bool:
        """Whether any evaluation is on its way."""
        return any(entry.error is None for entry in self.unmeasured)


class Leaderboard:
    """The leaderboards of one manager's runs; any thread may call any method."""

    def __init__(self, manager: RunManager, jobs: Jobs) -> None:
        self._manager = manager
        self._jobs = jobs
        self._submissions = SubmissionStore(manager.store.database)
        self._evaluations = EvaluationStore(manager.store.database)

    def submit(self, run_id: str, name: str, owner: str = "") -> None:
        """Put a run on its environment's leaderboard as ``name``, and have it evaluated.

        Raises
        ------
        SubmissionError
            The name is empty, the run is not over, or it cannot be compared: it began with the weights of another, say.
        ClassError
            The name is a nickname in a class, of somebody else.
        RunFolderError
            It left no weights.
        UnknownRunError
            There is no such run.
        """
        shown = clean_text(name, NAME_LENGTH)
        if not shown:
            raise SubmissionError(mark("Choose a name for the leaderboard."))
        record = self._manager.snapshot(run_id).record
        self._manager.classes.refuse_borrowed(shown, owner, record.owner)
        _refuse_unfit(record)
        folder = RunFolder.open(self._manager.run_folder(run_id))
        weights, env_steps = _weights_of(folder)
        submission = Submission(
            run_id=run_id,
            env_id=record.config.env_id,
            name=shown,
            owner=owner,
            submitted_at=self._now(run_id),
            weights=weights,
            env_steps=env_steps,
        )
        self._submissions.put(submission)
        self._entry(submission)

    def _now(self, run_id: str) -> datetime:
        """A time after every evaluation of the run so far, also where the clock was set back meanwhile."""
        made = (record.made_at for record in self._evaluations.latest(run_id).values())
        return max(datetime.now(UTC), *(each + timedelta(microseconds=1) for each in made), _LONG_AGO)

    def submission(self, run_id: str) -> Submission | None:
        """The run's submission; None where it was not submitted."""
        return self._submissions.of_run(run_id)

    def withdraw(self, run_id: str) -> None:
        """Take a run off its leaderboard."""
        self._submissions.remove(run_id)

    def environments(self) -> dict[str, int]:
        """Environments with submissions, and how many; most first."""
        return self._submissions.environments()

    def standings(self, env_id: str) -> Standings:
        """The environment's leaderboard now; an evaluation that a restart or a full queue left out is asked for."""
        entries = [self._entry(submission) for submission in self._submissions.of_environment(env_id)]
        measured = [entry for entry in entries if entry.evaluation is not None]
        goal = _goal(env_id)
        fast = [
            entry for entry in measured if goal is not None and entry.score >= goal and entry.submission.env_steps >= 0
        ]
        return Standings(
            env_id=env_id,
            goal=goal,
            by_score=_ranked(measured, lambda entry: -entry.score),
            by_speed=_ranked(fast, lambda entry: entry.submission.env_steps),
            unmeasured=tuple(entry for entry in entries if entry.evaluation is None),
        )

    def _entry(self, submission: Submission) -> Entry:
        evaluation = self._evaluation(submission)
        if evaluation is not None:
            return Entry(submission=submission, evaluation=evaluation)
        try:
            order = evaluation_order(
                self._manager,
                submission.run_id,
                submission.weights,
                EPISODES,
                FIRST_SEED,
                not_before=submission.submitted_at,
            )
            return self._on_its_way(submission, order)
        except BusyError:
            return Entry(submission=submission)  # it is asked for again when somebody looks
        except DqnLabError as error:
            return Entry(submission=submission, error=error)

    def _evaluation(self, submission: Submission) -> EvaluationRecord | None:
        """The one that was made of the submitted weights, on the seeds that decide."""
        seeds = tuple(range(FIRST_SEED, FIRST_SEED + EPISODES))
        config = self._manager.snapshot(submission.run_id).record.config
        for record in self._evaluations.latest(submission.run_id).values():
            is_meant = (record.weights, record.seeds, record.epsilon) == (submission.weights, seeds, 0.0)
            is_meant = is_meant and record.env_kwargs == config.as_evaluated.env_kwargs
            if is_meant and record.made_at >= submission.submitted_at:
                return record
        return None

    def _on_its_way(self, submission: Submission, order: Order) -> Entry:
        job = order.job(self._jobs)
        if job is None or job.state is JobState.CANCELLED:
            job = order.submit(self._jobs, submission.owner)
        return Entry(submission=submission, error=job.error, share=job.share)


def _refuse_unfit(record: RunRecord) -> None:
    if record.state.is_active:
        template = mark("The run is {state}: it can enter the leaderboard when it is over.")
        raise SubmissionError(template, state=record.state)
    own_limit = inspect_environment(record.config.env_id).max_episode_steps
    if record.config.max_episode_steps not in {None, own_limit}:
        template = mark(
            "This run's episodes were not cut off at {limit} steps, as those of all other runs on the leaderboard are."
        )
        raise SubmissionError(template, limit=own_limit)
    if not is_standard(record.config.as_evaluated):
        template = mark(
            "This run is evaluated in an environment with other arguments ({arguments}) than all other runs on the "
            "leaderboard."
        )
        raise SubmissionError(template, arguments=record.config.evaluation_environment.env_kwargs)
    if record.started_from:
        raise SubmissionError(
            mark("The run started from weights that were trained elsewhere: it cannot enter the leaderboard.")
        )


def _goal(env_id: str) -> float | None:
    try:
        return reward_threshold(env_id)
    except UnsupportedEnvironmentError:  # of an earlier day, and not installed any more
        return None


def _weights_of(folder: RunFolder) -> tuple[str, int]:
    """Name and env step of the weights that count: the best, or the last of a run that was never evaluated."""
    known = {info.name: info for info in folder.snapshots()}
    for name in ("best", "last"):
        if name in known:
            return name, known[name].env_step
    folder.weights("best")  # says what is missing
    raise SubmissionError(mark("The run left no weights to evaluate."))


def _ranked(entries: Iterable[Entry], key: Callable[[Entry], float]) -> tuple[Entry, ...]:
    """Each student's best entry, in order; equal ones share a rank."""
    ordered = sorted(entries, key=lambda entry: (key(entry), entry.submission.submitted_at))
    firsts: dict[tuple[str, str], Entry] = {}
    for entry in ordered:
        firsts.setdefault(_student(entry.submission), entry)
    kept: Sequence[Entry] = list(firsts.values())
    ranks = {key(entry): place for place, entry in reversed([*enumerate(kept, 1)])}
    return tuple(replace(entry, rank=ranks[key(entry)]) for entry in kept)


def _student(submission: Submission) -> tuple[str, str]:
    """Who submitted: a visitor, or where none is known, a name."""
    return ("owner", submission.owner) if submission.owner else ("name", submission.name.casefold())
