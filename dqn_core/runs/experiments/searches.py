"""Hyperparameter searches (Optuna: Akiba et al. 2019) whose trials are runs like any other.

Settings are suggested by TPE (Bergstra et al. 2011), and a trial that does worse than the median of the others at the
same place is stopped. Studies are kept in the runs' own database, so that a search goes on after a restart.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import StorageInternalError
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, Trial, TrialState

from dqn_core.analysis.episode_table import Curve
from dqn_core.analysis.metrics import area_under_curve
from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError, DqnLabError, StoreError, UnknownExperimentError, mark
from dqn_core.events import RunState
from dqn_core.runs.experiments.search_spec import SearchSpec
from dqn_core.runs.manager import RunManager
from dqn_core.runs.servers.search_owners import SearchOwners
from dqn_core.runs.storage.database import Database
from dqn_core.runs.storage.records import NAME_LENGTH, check_run_id, clean_text, is_run_id, new_run_id

__all__ = [
    "RUN_ID",
    "SearchStatus",
    "SearchTrial",
    "SearchWork",
    "Searches",
    "score",
    "storage_in",
    "trial_changes",
    "trial_config",
]

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
        self._storage = storage_in(manager.store.database)
        self._owners = SearchOwners(manager.store.database, manager.lease.server_id)
        self._lock = threading.Lock()
        self._work: dict[str, SearchWork] = {}

    def start(self, spec: SearchSpec, name: str = "", owner: str = "") -> str:
        """Begin a search and return its id.

        Raises ConfigError where its ranges exclude each other, its trials would take days or cannot be at all, or the
        assignment of the owner's class does not allow them.
        """
        conflicts = spec.conflicts()
        if conflicts:
            raise ConfigError(conflicts)
        self._manager.classes.check_ranges(owner, spec.base, [(each.field, each.ends) for each in spec.ranges])
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
        """Go on until the search has its trials; nothing happens where it goes on already, at another server too."""
        self._study(search_id)
        self._begin(search_id)

    def stop(self, search_id: str) -> None:
        """Stop its runs, and begin no more."""
        self._study(search_id)
        work = self._work.get(search_id)
        if work is not None:
            work.stop()
        self._owners.ask_to_stop(search_id)

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
            is_active=(work is not None and work.is_alive()) or self._owners.is_elsewhere(search_id),
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
            if (going is None or not going.is_alive()) and self._owners.claim(search_id):
                # Seeded with where it stands: a search that goes on does not repeat its first draws.
                study.sampler = optuna.samplers.TPESampler(seed=len(study.trials), constant_liar=True)
                spec = SearchSpec.from_dict(study.user_attrs["spec"])
                self._work[search_id] = SearchWork(self._manager, study, spec, study.user_attrs["owner"], self._owners)
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


def storage_in(database: Database) -> optuna.storages.RDBStorage:
    """Optuna's tables in ``database``, made where they are missing. Raises StoreError where they cannot be."""
    with database.making_tables():
        return optuna.storages.RDBStorage(database.address, engine_kwargs=database.engine_options)


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


# ------------------------------------------------------------------------------------------------ a search's own thread

_LOG = logging.getLogger(__name__)

RUN_ID = "run_id"
"""Attribute of a trial: the run that trains it."""
_LOOK_EVERY_S = 0.3
_RETRY_AFTER_S = 2.0
"""After a database that took nothing."""
_STAGES = 20
"""Equal parts of the env steps; at the end of each, a trial is compared with the others at the same place."""
_MOST_REFUSED = 50
"""Suggestions in a row that are no valid settings: the ranges leave too little then."""
_MOST_WITHOUT_RESULT = 5
"""Trials in a row that came to nothing: whatever keeps them from it keeps the next one too."""
_COUNTED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


@dataclass
class _Going:
    """A trial that is being trained."""

    trial: Trial
    run_id: str
    rows: int = 0
    stage: int = 0
    is_pruned: bool = False
    steps: list[float] = field(default_factory=list)
    evaluations: list[float] = field(default_factory=list)


class SearchWork(threading.Thread):
    """Carries ``study`` on until it has its trials, or is stopped, or another server of ``owners`` does."""

    def __init__(
        self, manager: RunManager, study: optuna.Study, spec: SearchSpec, owner: str, owners: SearchOwners
    ) -> None:
        super().__init__(name=f"search-{study.study_name}", daemon=True)
        self._manager = manager
        self._owners = owners
        self._study = study
        self._spec = spec
        self._owner = owner
        self._going: list[_Going] = []
        self._refused = self._without_result = 0
        """In a row."""
        self._has_taken_up = self._is_stopping = False
        self._is_leaving = threading.Event()
        self.error: DqnLabError | None = None
        """What ended the search before its time."""

    def stop(self) -> None:
        """Stop the trials that train, and begin no more."""
        self._is_stopping = True

    def leave(self) -> None:
        """Let the trials be as they are: another server takes them up again."""
        self._is_leaving.set()

    def run(self) -> None:
        """Ask, train, tell; what the database does not take for a while is tried again."""
        self._work()
        try:
            self._owners.release(self._study.study_name)
        except StoreError as error:  # it lapses with this server, which may claim it again itself
            _LOG.warning("Search %s: %s", self._study.study_name, error)

    def _work(self) -> None:
        try:
            while not self._is_leaving.is_set():
                try:
                    self._carry_on()
                except (StorageInternalError, StoreError) as error:
                    self._wait_for_database(error)
                else:
                    return
        except Exception as error:  # noqa: BLE001  what Optuna's storage raises too
            if self._is_leaving.is_set():  # the database is closing under it
                return
            self.error = error if isinstance(error, DqnLabError) else _unexpected(error)
            _LOG.warning("Search %s: %s", self._study.study_name, self.error)

    def _wait_for_database(self, error: Exception) -> None:
        if not self._is_leaving.is_set() and self.error is None:
            self.error = _away(error)
            _LOG.warning("Search %s: %s", self._study.study_name, self.error)
        self._is_leaving.wait(_RETRY_AFTER_S)

    def _carry_on(self) -> None:
        """To the end of the search. Raises StorageInternalError or StoreError where the database takes nothing."""
        if not self._has_taken_up:
            self._take_up()
            self._has_taken_up = True
        while self._is_mine() and (self._going or self._may_begin()):
            while self._may_begin():
                self._begin()
            for each in list(self._going):
                self._look(each)
            self.error = None
            if self._is_leaving.wait(_LOOK_EVERY_S):
                return
        self.error = None

    def _is_mine(self) -> bool:
        """Whether no other server has taken the search for left behind; also takes note of a stop that it is told."""
        name = self._study.study_name
        self._is_stopping = self._is_stopping or self._owners.is_to_stop(name)
        return self._owners.is_mine(name)

    def _may_begin(self) -> bool:
        if self._is_stopping or self._is_leaving.is_set() or len(self._going) >= self._spec.at_once:
            return False
        return len(self._study.get_trials(deepcopy=False, states=_COUNTED)) < self._spec.trials

    def _begin(self) -> None:
        trial = self._study.ask()
        try:
            config = trial_config(self._spec, trial)
        except ConfigError as error:  # two settings that do not go together, such as a batch larger than the memory
            self._study.tell(trial, state=TrialState.FAIL)
            self._refused += 1
            if self._refused >= _MOST_REFUSED:
                raise _too_narrow(error) from error
            return
        self._refused = 0
        name = f"{self._study.user_attrs['name']} #{trial.number}"
        try:
            run_id = self._manager.start(config, name, owner=self._owner, experiment_id=self._study.study_name)
        except DqnLabError:
            self._study.tell(trial, state=TrialState.FAIL)
            raise
        self._going.append(_Going(trial, run_id))
        trial.set_user_attr(RUN_ID, run_id)

    def _take_up(self) -> None:
        """Go on with the trials of an earlier server."""
        self._going.clear()
        for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            run_id = frozen.user_attrs.get(RUN_ID)
            try:
                if run_id is not None and not self._manager.snapshot(run_id).record.state.is_active:
                    self._manager.go_on(run_id)
            except StoreError:
                raise
            except DqnLabError:  # nothing is left to go on with: what it did so far counts, if anything
                pass
            if run_id is None:
                self._study.tell(frozen.number, state=TrialState.FAIL)
            else:
                reported = max(frozen.intermediate_values, default=0)
                self._going.append(_Going(_reopened(self._study, frozen), run_id, stage=reported))

    def _look(self, each: _Going) -> None:
        try:
            state = self._manager.snapshot(each.run_id).record.state
            self._read(each)
            if state.is_active:
                self._steer(each)
                return
            if self._manager.is_storing(each.run_id):  # a database that was away gets its last rows later
                return
            self._read(each)  # what was stored between the two
        except StoreError:
            raise
        except DqnLabError as error:  # the run was deleted, say
            _LOG.warning("Trial %s: %s", each.trial.number, error)
            state = RunState.FAILED
        is_leaving = self._is_leaving.is_set() or self._manager.is_returning(each.run_id)
        if state is RunState.INTERRUPTED and is_leaving:
            return
        self._tell(each, state)
        self._going.remove(each)

    def _read(self, each: _Going) -> None:
        episodes = self._manager.store.episodes(each.run_id, after=each.rows)
        each.rows += len(episodes)
        for episode in episodes:
            if math.isfinite(episode.eval_return):
                each.steps.append(float(episode.env_step))
                each.evaluations.append(episode.eval_return)

    def _steer(self, each: _Going) -> None:
        """Stop what is to be stopped, or does worse than half of the others did at the same place."""
        if self._is_stopping:
            self._manager.stop(each.run_id)
            return
        if self._report(each) and each.trial.should_prune():
            each.is_pruned = True
            self._manager.stop(each.run_id)

    def _report(self, each: _Going) -> bool:
        """Tell how the trial did at each place that it has passed; whether there was one."""
        length = (self._spec.base.max_env_steps or math.inf) / _STAGES
        before = each.stage
        while each.steps and each.steps[-1] >= (each.stage + 1) * length:
            each.stage += 1
            passed = sum(step <= each.stage * length for step in each.steps)
            if passed:
                each.trial.report(score(each.steps[:passed], each.evaluations[:passed]), each.stage)
        return each.stage > before

    def _tell(self, each: _Going, state: RunState) -> None:
        self._report(each)
        value = score(each.steps, each.evaluations)
        if each.is_pruned:
            self._study.tell(each.trial, state=TrialState.PRUNED, skip_if_finished=True)
            self._without_result = 0
        elif state is RunState.FINISHED and math.isfinite(value):
            self._study.tell(each.trial, value, skip_if_finished=True)
            self._without_result = 0
        else:
            self._study.tell(each.trial, state=TrialState.FAIL, skip_if_finished=True)
            self._count_failure(state)

    def _count_failure(self, state: RunState) -> None:
        """A trial came to nothing. Raises where too many in a row did; those that a person stopped do not count."""
        self._without_result += state is not RunState.STOPPED
        if self._without_result >= _MOST_WITHOUT_RESULT:
            template = mark(
                "The last {count} trials had no result: open one of their runs to see why. Runs that end before "
                "their first evaluation have none: give them more env steps, or evaluate more often. The search "
                "ended."
            )
            raise DqnLabError(template, count=self._without_result)


def _too_narrow(error: ConfigError) -> DqnLabError:
    first = error.problems[0]
    template = mark(
        "{count} suggestions in a row were not valid settings (for example {field} = {value}): the ranges leave too "
        "few valid combinations. Change them, and start a new search."
    )
    return DqnLabError(template, count=_MOST_REFUSED, field=first.field, value=first.value)


def _away(error: Exception) -> DqnLabError:
    if isinstance(error, DqnLabError):
        return error
    template = mark("The database of the search cannot be used at the moment ({cause}): it is tried again.")
    return DqnLabError(template, cause=type(error.__cause__ or error).__name__)


def _unexpected(error: Exception) -> DqnLabError:
    _LOG.error("A search failed", exc_info=error)
    template = mark("The search ended ({kind}: {cause}). Press Resume to continue.")
    return DqnLabError(template, kind=type(error).__name__, cause=str(error))


def score(env_steps: list[float], evaluations: list[float]) -> float:
    """What a search makes large: the mean evaluation over the env steps so far; NaN before the first."""
    area = area_under_curve(Curve(np.array(env_steps), np.array(evaluations)))
    return area if math.isfinite(area) else float(np.mean(evaluations)) if evaluations else math.nan


def trial_config(spec: SearchSpec, trial: Trial) -> TrainingConfig:
    """The base with the values that ``trial`` suggests. Raises ConfigError where they do not go together."""
    changes: dict[str, Any] = {}
    for each in spec.ranges:
        if each.choices:
            chosen = trial.suggest_categorical(each.field, range(len(each.choices)))  # lists are no categories
            changes[each.field] = each.choices[chosen]
        elif spec.is_whole(each.field):
            changes[each.field] = trial.suggest_int(each.field, int(each.low), int(each.high), log=each.is_log)
        else:
            changes[each.field] = trial.suggest_float(each.field, each.low, each.high, log=each.is_log)
    return spec.base.replace(**changes)


def trial_changes(spec: SearchSpec, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's parameters as values of fields."""
    choices = {each.field: each.choices for each in spec.ranges if each.choices}
    return {name: choices[name][value] if name in choices else value for name, value in parameters.items()}


def _reopened(study: optuna.Study, frozen: FrozenTrial) -> Trial:
    """A trial that another process began, to report to."""
    return Trial(study, frozen._trial_id)  # noqa: SLF001  Optuna has no other way to a trial that runs
