"""Experiments on a server: many runs started, watched, stopped and resumed as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dqn_core.errors import DqnLabError
from dqn_core.events import RunState
from dqn_core.runs.experiments.spec import Cell, ExperimentRecord, ExperimentSpec
from dqn_core.runs.experiments.store import ExperimentStore
from dqn_core.runs.live_feed import done_fraction
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import NAME_LENGTH, RunRecord, clean_text, new_run_id

__all__ = ["ExperimentStatus", "Experiments"]

_DONE = frozenset({RunState.FINISHED, RunState.FAILED})
_TO_GO_ON = frozenset({RunState.STOPPED, RunState.INTERRUPTED})


@dataclass(frozen=True, kw_only=True)
class ExperimentStatus:
    """One experiment at one moment."""

    record: ExperimentRecord
    runs: tuple[RunRecord, ...]
    """Those that were started, in that order."""
    missing: tuple[Cell, ...]
    """Runs that were not started, or were deleted."""

    @property
    def total(self) -> int:
        """Runs that the experiment consists of."""
        return len(self.runs) + len(self.missing)

    @property
    def done(self) -> int:
        """Runs that ended by their own rule, or by an error."""
        return sum(run.state in _DONE for run in self.runs)

    @property
    def states(self) -> Mapping[RunState, int]:
        """How many runs are in which state."""
        return Counter(run.state for run in self.runs)

    @property
    def is_active(self) -> bool:
        """Whether any run trains, or waits for its turn."""
        return any(run.state.is_active for run in self.runs)

    @property
    def can_resume(self) -> bool:
        """Whether there is a run that is paused, over before its end, or was never started."""
        return bool(self.missing) or any(run.state in _TO_GO_ON | {RunState.PAUSED} for run in self.runs)

    @property
    def fraction(self) -> float:
        """Done share of all that is to be trained at most, each run the same; 0 to 1."""
        return sum(map(_fraction, self.runs)) / self.total


class Experiments:
    """The experiments of one manager's data folder; any thread may call any method.

    Methods that take an id raise :class:`~dqn_core.errors.UnknownExperimentError` for one that there is not.
    """

    def __init__(self, manager: RunManager) -> None:
        self._manager = manager
        self._store = ExperimentStore(manager.store.database)

    def start(self, spec: ExperimentSpec, name: str, owner: str = "", *, is_lesson: bool = False) -> str:
        """Start every run of ``spec``, as many at a time as the manager trains; returns the experiment's id.

        An assignment does not limit a lesson's own experiment: nothing in it was chosen by who starts it.

        Raises ConfigError, before anything is kept, where one of the runs cannot fit into this machine, all of them
        would take days, or the assignment of the owner's class does not allow one; and what keeps a run from being
        started: the experiment is there then, and :meth:`resume` starts the rest.
        """
        if not is_lesson:
            for cell in spec.cells:
                self._manager.classes.check(owner, cell.config)
        self._manager.admission.check_experiment([cell.config for cell in spec.cells])
        now = datetime.now(UTC)
        title = clean_text(name, NAME_LENGTH) or spec.base.env_id
        record = ExperimentRecord(experiment_id=new_run_id(now), name=title, owner=owner, created_at=now, spec=spec)
        self._store.add(record)
        for cell in spec.cells:
            self._start(record, cell, is_lesson=is_lesson)
        return record.experiment_id

    def status(self, experiment_id: str) -> ExperimentStatus:
        """Where the experiment stands."""
        return self._status(self._store.get(experiment_id))

    def latest(self, limit: int = 20) -> list[ExperimentStatus]:
        """The newest experiments, newest first."""
        return [self._status(record) for record in self._store.latest(limit)]

    def newest_of(self, spec: ExperimentSpec, limit: int = 100) -> ExperimentStatus | None:
        """The newest experiment that trains just what ``spec`` says, among the newest ``limit``; None without one."""
        record = next((each for each in self._store.latest(limit) if each.spec == spec), None)
        return None if record is None else self._status(record)

    def damaged(self, limit: int = 20) -> list[str]:
        """The ids of those among the newest experiments that cannot be read; their runs are what they were."""
        return self._store.damaged(limit)

    def stop(self, experiment_id: str) -> None:
        """Stop every run of it that is not over."""
        for run in self.status(experiment_id).runs:
            if run.state.is_active:
                self._manager.stop(run.run_id)

    def resume(self, experiment_id: str, *, is_lesson: bool = False) -> None:
        """Resume every run that does not train, and start those that never were, as :meth:`start` does.

        What keeps one from going on keeps no other; the first such error is raised in the end.
        """
        status = self.status(experiment_id)
        errors: list[DqnLabError] = []
        for run in status.runs:
            try:
                if run.state is RunState.PAUSED:
                    self._manager.resume(run.run_id)
                elif run.state in _TO_GO_ON:
                    self._manager.go_on(run.run_id)
            except DqnLabError as error:
                errors.append(error)
        for cell in status.missing:
            try:
                self._start(status.record, cell, is_lesson=is_lesson)
            except DqnLabError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def repeat(self, experiment_id: str, owner: str = "") -> str:
        """Start the same again, as a new experiment; returns its id."""
        record = self._store.get(experiment_id)
        return self.start(record.spec, record.name, owner)

    def remove(self, experiment_id: str) -> None:
        """Delete the experiment and its runs. Raises RunStateError where one of them is not over."""
        for run in self.status(experiment_id).runs:
            self._manager.delete(run.run_id)
        self._store.remove(experiment_id)

    def _start(self, record: ExperimentRecord, cell: Cell, *, is_lesson: bool) -> None:
        self._manager.start(
            cell.config,
            _run_name(record.name, record.spec.variants[cell.variant]),
            owner=record.owner,
            experiment_id=record.experiment_id,
            is_lesson=is_lesson,
        )

    def _status(self, record: ExperimentRecord) -> ExperimentStatus:
        runs = tuple(self._manager.runs_of_experiment(record.experiment_id))
        started = {run.initial_config for run in runs}
        missing = tuple(cell for cell in record.spec.cells if cell.config not in started)
        return ExperimentStatus(record=record, runs=runs, missing=missing)


def _run_name(name: str, changes: Mapping[str, Any]) -> str:
    """The experiment's name and what this run varies; the second part is kept whole where both are too long."""
    variant = ", ".join(f"{field}={value}" for field, value in changes.items())
    return f"{name[: max(0, NAME_LENGTH - len(variant) - 2)]}: {variant}" if variant else name


def _fraction(run: RunRecord) -> float:
    return 1.0 if run.state in _DONE else done_fraction(run.config, run.episodes, run.env_steps)
