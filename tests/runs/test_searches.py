from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import optuna
import pytest

from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError, UnknownExperimentError
from dqn_core.events import EndReason, Event, RunState, Stop
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec
from dqn_core.runs.experiments.searches import Searches, SearchStatus, score
from scripted_trainer import Mailbox, Managed, Script, ended, episode, obedient, progress, started, wait_until

SPEC = SearchSpec(
    base=TrainingConfig(max_env_steps=200, warmup_steps=0),
    ranges=(
        SearchRange(field="gamma", low=0.5, high=1.0),
        SearchRange(field="batch_size", low=16, high=64),
        SearchRange(field="hidden_sizes", choices=((8,), (16, 16))),
    ),
    trials=8,
)


def better_with_gamma(config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
    """Ten evaluations, all of them 100 gamma."""
    yield started()
    for number in range(1, 11):
        yield episode(number, eval_return=100.0 * config.gamma)
    yield ended(episodes=10)


def declining(good: int) -> Script:
    """The first ``good`` runs do well and end; later ones do badly, and go on until they are stopped."""
    numbers = itertools.count()

    def script(_config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        does_well = next(numbers) < good
        for number in range(1, 8):
            yield episode(number, eval_return=100.0 if does_well else -100.0)
        yield progress(140)
        while not does_well and not isinstance(mailbox.get(timeout=60), Stop):
            pass
        yield ended(EndReason.MAX_ENV_STEPS if does_well else EndReason.STOPPED, 7)

    return script


@pytest.fixture
def searching(managed: Managed) -> Iterator[Callable[..., Searches]]:
    """Searches over a manager whose trainers follow a script."""
    made: list[Searches] = []

    def searches(script: Callable[..., Iterator[Event]]) -> Searches:
        made.append(Searches(managed(script)))
        return made[-1]

    yield searches
    for each in made:
        each.close()


def until_over(searches: Searches, search_id: str) -> SearchStatus:
    wait_until(lambda: not searches.status(search_id).is_active)
    return searches.status(search_id)


def test_every_trial_is_a_run_and_the_best_is_found(searching: Callable[..., Searches]) -> None:
    searches = searching(better_with_gamma)
    search_id = searches.start(SPEC, " which gamma ", "somebody")
    status = until_over(searches, search_id)
    assert (status.name, status.owner, status.done, status.error) == ("which gamma", "somebody", 8, None)
    assert {trial.state for trial in status.trials} == {"complete"}
    for trial in status.trials:
        run = searches._manager.snapshot(trial.run_id).record
        assert (run.experiment_id, run.owner, run.state) == (search_id, "somebody", RunState.FINISHED)
        assert trial.value == pytest.approx(100.0 * trial.changes["gamma"])
        assert run.initial_config == SPEC.base.replace(**trial.changes)
    best = status.best
    assert best is not None
    assert best.changes["gamma"] == max(trial.changes["gamma"] for trial in status.trials)
    assert status.best_config() == SPEC.base.replace(**best.changes)
    assert next(iter(status.importances)) == "gamma"


def test_what_does_worse_than_the_median_is_stopped(searching: Callable[..., Searches]) -> None:
    searches = searching(declining(good=6))
    search_id = searches.start(replace(SPEC, at_once=1))
    status = until_over(searches, search_id)
    assert [trial.state for trial in status.trials] == ["complete"] * 6 + ["pruned"] * 2
    assert [trial.value for trial in status.trials[6:]] == [-100.0, -100.0]
    assert searches._manager.snapshot(status.trials[7].run_id).record.state is RunState.STOPPED
    assert status.done == 8


def test_a_search_that_is_stopped_stops_its_runs(searching: Callable[..., Searches]) -> None:
    searches = searching(obedient(3))
    search_id = searches.start(SPEC)
    wait_until(lambda: len(searches.status(search_id).trials) == SPEC.at_once)
    searches.stop(search_id)
    status = until_over(searches, search_id)
    assert {trial.state for trial in status.trials} == {"fail"}
    assert status.done == 0
    assert status.best is None
    assert status.best_config() is None


def test_a_search_goes_on_after_a_restart(searching: Callable[..., Searches]) -> None:
    before = searching(obedient(0))
    search_id = before.start(SPEC, "kept")
    wait_until(lambda: sum(trial.run_id != "" for trial in before.status(search_id).trials) == SPEC.at_once)
    before.close()
    before._manager.close()

    searches = searching(better_with_gamma)
    status = searches.status(search_id)
    assert (status.name, status.is_active, status.done) == ("kept", False, 0)
    assert searches.listed() == [(search_id, "kept")]
    searches.resume(search_id)
    status = until_over(searches, search_id)
    assert status.done == SPEC.trials
    assert len(status.trials) == SPEC.trials


def test_ids_from_outside_are_checked(searching: Callable[..., Searches]) -> None:
    searches = searching(better_with_gamma)
    for search_id in ("", "../x", "20260401-143501-x7k2"):
        with pytest.raises(UnknownExperimentError, match="no search"):
            searches.status(search_id)


def test_a_removed_search_takes_its_runs_along(searching: Callable[..., Searches]) -> None:
    searches = searching(better_with_gamma)
    search_id = searches.start(SPEC)
    until_over(searches, search_id)
    searches.remove(search_id)
    assert searches.listed() == []
    assert searches._manager.runs_of_experiment(search_id) == []


def test_score_is_the_mean_evaluation_over_env_steps() -> None:
    assert score([100.0, 200.0, 400.0], [0.0, 10.0, 10.0]) == pytest.approx((500 + 2_000) / 300)
    assert score([100.0], [7.0]) == 7.0
    assert score([], []) != score([], [])


def _unlearned(config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
    """Ends before its first evaluation."""
    yield started()
    yield episode(1, eval_return=math.nan)
    yield ended(EndReason.MAX_ENV_STEPS, episodes=1)


def _broken(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
    yield started()
    raise RuntimeError


@pytest.mark.parametrize("script", [_unlearned, _broken])
def test_a_search_whose_trials_come_to_nothing_ends_and_says_so(
    searching: Callable[..., Searches], script: Script
) -> None:
    searches = searching(script)
    search_id = searches.start(SPEC)
    status = until_over(searches, search_id)
    assert status.error is not None
    assert "no result" in str(status.error)
    assert len(status.trials) <= 5 + SPEC.at_once
    assert status.done == 0


def test_a_search_whose_ranges_exclude_each_other_is_refused(searching: Callable[..., Searches]) -> None:
    searches = searching(better_with_gamma)
    start = SearchRange(field="epsilon_start", low=0.01, high=0.02)
    end = SearchRange(field="epsilon_end", low=0.5, high=0.9)
    with pytest.raises(ConfigError, match="compatible with"):
        searches.start(replace(SPEC, ranges=(start, end)))
    assert not searches.listed()


def test_a_search_with_hardly_any_valid_settings_ends_and_says_so(searching: Callable[..., Searches]) -> None:
    searches = searching(better_with_gamma)
    start = SearchRange(field="epsilon_start", low=0.0, high=0.5)
    end = SearchRange(field="epsilon_end", low=0.5, high=1.0)
    search_id = searches.start(replace(SPEC, base=SPEC.base.replace(epsilon_end=0.0), ranges=(start, end)))
    status = until_over(searches, search_id)
    assert status.error is not None
    assert "too few" in str(status.error)
    assert len(status.trials) <= 50
    assert {trial.run_id for trial in status.trials} == {""}


def test_closing_does_not_wait_for_a_search_that_hangs(
    searching: Callable[..., Searches], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, goes_on = threading.Event(), threading.Event()

    def ask(_study: optuna.Study) -> optuna.trial.Trial:
        asked.set()
        goes_on.wait(60)
        raise RuntimeError

    monkeypatch.setattr(optuna.Study, "ask", ask)
    searches = searching(better_with_gamma)
    searches.start(SPEC)
    assert asked.wait(60)
    closing = threading.Thread(target=searches.close)
    closing.start()
    closing.join(30)
    has_closed = not closing.is_alive()
    goes_on.set()
    closing.join()
    assert has_closed


def test_a_search_that_only_finds_settings_that_are_refused_leaves_when_told(
    searching: Callable[..., Searches], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = threading.Semaphore(0)

    def refuse(_spec: SearchSpec, _trial: optuna.trial.Trial) -> TrainingConfig:
        refused.release()
        return TrainingConfig(batch_size=0)

    monkeypatch.setattr("dqn_core.runs.experiments.searches.trial_config", refuse)
    monkeypatch.setattr("dqn_core.runs.experiments.searches._MOST_REFUSED", 1_000_000)
    searches = searching(better_with_gamma)
    searches.start(SPEC)
    assert refused.acquire(timeout=60)
    work = next(iter(searches._work.values()))
    work.leave()
    work.join(60)
    assert not work.is_alive()
