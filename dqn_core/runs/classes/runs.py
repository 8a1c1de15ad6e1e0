"""All runs of a class at once: paused, resumed, stopped, and deleted with the class."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

from dqn_core.errors import DqnLabError, RunStateError, UnknownExperimentError, UnknownRunError
from dqn_core.events import RunState
from dqn_core.runs.experiments.store import ExperimentStore
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import RunRecord

__all__ = ["ClassRuns"]

_END_S = 15.0
"""How long the runs of a class that is to be deleted may take to end."""
_LOOK_S = 0.05


class ClassRuns:
    """The runs that members of a class started in it; any thread may call any method."""

    def __init__(self, manager: RunManager) -> None:
        self._manager = manager

    def pause(self, class_id: str) -> int:
        """Pause every run that trains; returns how many."""
        going = {RunState.STARTING, RunState.RUNNING}
        return self._each(class_id, lambda run: run.state in going, self._manager.pause)

    def resume(self, class_id: str) -> int:
        """Resume every run that is paused; returns how many."""
        return self._each(class_id, lambda run: run.state is RunState.PAUSED, self._manager.resume)

    def stop(self, class_id: str) -> int:
        """Stop every run that is not over, those that wait included; returns how many."""
        return self._each(class_id, lambda run: run.state.is_active, self._manager.stop)

    def delete(self, class_id: str) -> None:
        """Delete the class with all that is its own: its runs, experiments of these alone, and its members.

        Runs that are not over are stopped first. Raises what keeps a run from being deleted: the class is there then,
        with what is left of it.
        """
        self._manager.classes.archive(class_id)  # from here on, nobody starts another run in it
        self.stop(class_id)
        runs = self._manager.runs_of_class(class_id)
        self._wait_for_end(runs)
        for run in runs:
            with contextlib.suppress(UnknownRunError):
                self._manager.delete(run.run_id)
        self._forget_experiments(runs)
        self._manager.classes.remove_class(class_id)

    def _each(self, class_id: str, is_meant: Callable[[RunRecord], bool], do: Callable[[str], None]) -> int:
        done = 0
        for run in self._manager.runs_of_class(class_id):
            if is_meant(run):
                with contextlib.suppress(RunStateError, UnknownRunError):  # it ended in this very moment
                    do(run.run_id)
                    done += 1
        return done

    def _wait_for_end(self, runs: Iterable[RunRecord]) -> None:
        """Wait until the runs are over, or for some seconds: what is not over then cannot be deleted."""
        deadline = time.monotonic() + _END_S
        for run in runs:
            while time.monotonic() < deadline and self._is_active(run.run_id):
                time.sleep(_LOOK_S)

    def _is_active(self, run_id: str) -> bool:
        try:
            return self._manager.snapshot(run_id).record.state.is_active
        except DqnLabError:
            return False

    def _forget_experiments(self, runs: Iterable[RunRecord]) -> None:
        store = ExperimentStore(self._manager.store.database)
        for experiment_id in {run.experiment_id for run in runs if run.experiment_id}:
            if not self._manager.runs_of_experiment(experiment_id):
                with contextlib.suppress(UnknownExperimentError):
                    store.remove(experiment_id)
