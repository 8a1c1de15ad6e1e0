"""Hyperparameter searches (Optuna: Akiba et al. 2019) whose trials are runs like any other.

Settings are suggested by TPE (Bergstra et al. 2011), and a trial that does worse than the median of the others at the
same place is stopped. Studies are kept in the runs' own database, so that a search goes on after a restart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError, DqnLabError, UnknownExperimentError, mark
from dqn_core.runs.manager import RunManager
from dqn_core.runs.records import NAME_LENGTH, check_run_id, clean_text, is_run_id, new_run_id
from dqn_core.runs.search_spec import SearchSpec
from dqn_core.runs.search_work import RUN_ID, SearchWork, trial_changes

__all__ = ["SearchStatus", "SearchTrial", "Searches"]

_LOCK_WAIT_S = 10.0
_CLOSING_S = 1.0
_FEWEST_FOR_IMPORTANCE = 4
_STARTUP_TRIALS = 5
"""Trials before the first is compared with a median."""


@dataclass(frozen=True, kw_only=True)
class SearchTrial:
    """One trial: a run with suggested settings."""

    number: int
    run_id: str
    """Empty for one that could not be trained."""
    state: str
    """"running", "complete", "pruned" or "fail"."""
    value: float | None
    """Mean evaluation over its env steps; of a pruned one up to there."""
    changes: Mapping[str, Any]
    """Settings, by field."""


@dataclass(frozen=True, kw_only=True)
class SearchStatus:
    """One search at one moment."""

    search_id: str
    name: str
    owner: str
    spec: SearchSpec
    trials: tuple[SearchTrial, ...]
    importances: Mapping[str, float]
    """Share of each setting in what makes trials good, the largest first; empty for few trials."""
    is_active: bool
    error: DqnLabError | None

    @property
    def done(self) -> int:
        """Trials that are over and count."""
        return sum(trial.state in {"complete", "pruned"} for trial in self.trials)

    @property
    def best(self) -> SearchTrial | None:
        """The complete trial with the highest value."""
        complete = [trial for trial in self.trials if trial.state == "complete" and trial.value is not None]
        return max(complete, key=lambda trial: trial.value or 0.0, default=None)

    def best_config(self) -> TrainingConfig | None:
        """The settings of the best trial."""
        return None if self.best is None else self.spec.base.replace(**self.best.changes)


class Searches:
    """The searches of one manager's data folder; any thread may call any method.

    Methods that take an id raise :class:`~dqn_core.errors.UnknownExperimentError` for one that there is not.
    """

    def __init__(self, manager: RunManager) -> None:
        self._manager = manager
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        url = f"sqlite:///{manager.store.database.path}"
        self._storage = optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": _LOCK_WAIT_S}})
        self._lock = threading.Lock()
        self._work: dict[str, SearchWork] = {}

    def start(self, spec: SearchSpec, name: str = "", owner: str = "") -> str:
        """Begin a search and return its id.

        Raises ConfigError where its ranges exclude each other, or its trials would take days or cannot be at all.
        """
        conflicts = spec.conflicts()
        if conflicts:
            raise ConfigError(conflicts)
        self._manager.admission.check_experiment([spec.base] * spec.trials)
        now = datetime.now(UTC)
        search_id = new_run_id(now)
        study = optuna.create_study(storage=self._storage, study_name=search_id, direction="maximize")
        attributes = {"name": clean_text(name, NAME_LENGTH) or spec.base.env_id, "owner": owner, "spec": spec.to_dict()}
        for key, value in attributes.items():
            study.set_user_attr(key, value)
        self._begin(search_id)
        return search_id

    def resume(self, search_id: str) -> None:
        """Go on until the search has its trials; nothing happens where it goes on already."""
        self._study(search_id)
        self._begin(search_id)

    def stop(self, search_id: str) -> None:
        """Stop its runs, and begin no more."""
        self._study(search_id)
        work = self._work.get(search_id)
        if work is not None:
            work.stop()

    def status(self, search_id: str) -> SearchStatus:
        """Where the search stands."""
        work = self._work.get(search_id)
        try:
            study = self._study(search_id)
            spec = SearchSpec.from_dict(study.user_attrs["spec"])
            trials = tuple(_trial(spec, each) for each in study.get_trials(deepcopy=False))
            importances = _importances(study)
            name, owner = str(study.user_attrs["name"]), str(study.user_attrs["owner"])
        except UnknownExperimentError:
            raise
        except (DqnLabError, LookupError, TypeError, ValueError) as error:
            template = mark("The entry of search {search_id} in the database is damaged. Its runs are not affected.")
            raise UnknownExperimentError(template, search_id=search_id) from error
        return SearchStatus(
            search_id=search_id,
            name=name,
            owner=owner,
            spec=spec,
            trials=trials,
            importances=importances,
            is_active=work is not None and work.is_alive(),
            error=None if work is None else work.error,
        )

    def listed(self) -> list[tuple[str, str]]:
        """(id, name) of every search, newest first."""
        query = "SELECT study_name FROM studies ORDER BY study_name DESC"
        with self._manager.store.database.read() as connection:  # Optuna would read all that every study keeps
            names = connection.exec_driver_sql(query).scalars().all()
        return [(each, self._name(each)) for each in names if is_run_id(each)]

    def _name(self, search_id: str) -> str:
        try:
            return str(self._study(search_id).user_attrs["name"])
        except (DqnLabError, LookupError, TypeError, ValueError):  # damaged, as its status says
            return search_id

    def remove(self, search_id: str) -> None:
        """Delete the search and its runs. Raises RunStateError where one of them is not over."""
        self._study(search_id)
        for run in self._manager.runs_of_experiment(search_id):
            self._manager.delete(run.run_id)
        optuna.delete_study(study_name=search_id, storage=self._storage)

    def close(self) -> None:
        """Leave every search as it stands; one that is in the middle of something is not waited for long."""
        for work in self._work.values():
            work.leave()
        deadline = time.monotonic() + _CLOSING_S
        for work in self._work.values():
            work.join(max(0.0, deadline - time.monotonic()))
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _begin(self, search_id: str) -> None:
        study = self._study(search_id)
        with self._lock:
            going = self._work.get(search_id)
            if going is None or not going.is_alive():
                # Seeded with where it stands: a search that goes on does not repeat its first draws.
                study.sampler = optuna.samplers.TPESampler(seed=len(study.trials), constant_liar=True)
                spec = SearchSpec.from_dict(study.user_attrs["spec"])
                self._work[search_id] = SearchWork(self._manager, study, spec, study.user_attrs["owner"])
                self._work[search_id].start()

    def _study(self, search_id: str) -> optuna.Study:
        try:
            name = check_run_id(search_id)
            return optuna.load_study(
                study_name=name,
                storage=self._storage,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS, n_warmup_steps=2),
            )
        except (KeyError, DqnLabError) as error:
            template = mark("There is no search {search_id}: choose one from the list.")
            raise UnknownExperimentError(template, search_id=search_id[:40]) from error


def _trial(spec: SearchSpec, frozen: FrozenTrial) -> SearchTrial:
    reported = frozen.intermediate_values
    is_pruned = frozen.state is TrialState.PRUNED
    return SearchTrial(
        number=frozen.number,
        run_id=frozen.user_attrs.get(RUN_ID, ""),
        state=frozen.state.name.lower(),
        value=reported[max(reported)] if is_pruned and reported else frozen.value,
        changes=trial_changes(spec, frozen.params),
    )


def _importances(study: optuna.Study) -> Mapping[str, float]:
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    values = {each.value for each in complete}
    if len(complete) < _FEWEST_FOR_IMPORTANCE or len(values) == 1:
        return {}
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
