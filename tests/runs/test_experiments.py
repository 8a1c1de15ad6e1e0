from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from dqn_core.config import TrainingConfig
from dqn_core.errors import RunStateError, UnknownExperimentError
from dqn_core.events import EndReason, Event, RunState
from dqn_core.runs.experiments.service import Experiments
from dqn_core.runs.experiments.spec import ExperimentSpec
from dqn_core.runs.manager import RunManager
from learning_runs import as_told
from scripted_trainer import Mailbox, Managed, ended, episode, obedient, started, wait_until

pytestmark = pytest.mark.each_database

SPEC = ExperimentSpec.sweep(TrainingConfig(max_episodes=10), "gamma", [0.9, 0.99], range(3))


def until_over(manager: RunManager, experiment_id: str) -> Experiments:
    experiments = Experiments(manager)
    wait_until(lambda: not experiments.status(experiment_id).is_active)
    return experiments


def states(experiments: Experiments, experiment_id: str) -> Counter[RunState]:
    return Counter(run.state for run in experiments.status(experiment_id).runs)


def test_all_runs_are_trained_and_belong_to_it(managed: Managed) -> None:
    manager = managed(as_told)
    experiment_id = Experiments(manager).start(SPEC, "  How far to look ahead ", "somebody")
    status = until_over(manager, experiment_id).status(experiment_id)
    assert (status.total, status.done, status.fraction) == (6, 6, 1.0)
    assert status.states == {RunState.FINISHED: 6}
    assert not status.can_resume
    assert {(run.initial_config.gamma, run.initial_config.seed) for run in status.runs} == {
        (gamma, seed) for gamma in (0.9, 0.99) for seed in range(3)
    }
    assert {run.owner for run in status.runs} == {"somebody"}
    assert {run.name for run in status.runs} == {
        "How far to look ahead: gamma=0.9",
        "How far to look ahead: gamma=0.99",
    }
    (listed,) = Experiments(manager).latest()
    assert (listed.record.name, listed.record.owner) == ("How far to look ahead", "somebody")


def test_it_survives_its_server(managed: Managed) -> None:
    manager = managed(as_told)
    experiment_id = Experiments(manager).start(SPEC, "kept")
    until_over(manager, experiment_id)
    manager.close()
    status = Experiments(managed(as_told)).status(experiment_id)
    assert (status.record.name, status.total, status.done) == ("kept", 6, 6)
    assert status.record.spec.cells == SPEC.cells


def test_stop_and_resume_reach_every_run(managed: Managed) -> None:
    manager = managed(obedient(0))
    experiments = Experiments(manager)
    experiment_id = experiments.start(SPEC, "")
    assert experiments.status(experiment_id).is_active
    experiments.stop(experiment_id)
    until_over(manager, experiment_id)
    assert states(experiments, experiment_id) == {RunState.STOPPED: 6}
    assert experiments.status(experiment_id).can_resume
    experiments.stop(experiment_id)


def test_a_paused_run_goes_on_with_the_others(managed: Managed) -> None:
    manager = managed(obedient(0))
    experiments = Experiments(manager)
    experiment_id = experiments.start(ExperimentSpec(base=TrainingConfig(), seeds=(0,)), "")
    run_id = experiments.status(experiment_id).runs[0].run_id
    wait_until(lambda: states(experiments, experiment_id)[RunState.RUNNING] == 1)
    manager.pause(run_id)
    wait_until(lambda: states(experiments, experiment_id)[RunState.PAUSED] == 1)
    experiments.resume(experiment_id)
    wait_until(lambda: states(experiments, experiment_id)[RunState.RUNNING] == 1)


def test_runs_that_are_missing_are_started_by_resume(managed: Managed) -> None:
    manager = managed(as_told)
    experiment_id = Experiments(manager).start(SPEC, "")
    experiments = until_over(manager, experiment_id)
    gone = experiments.status(experiment_id).runs[2]
    manager.delete(gone.run_id)
    status = experiments.status(experiment_id)
    assert [cell.config for cell in status.missing] == [gone.initial_config]
    assert (status.total, status.done, status.can_resume) == (6, 5, True)
    experiments.resume(experiment_id)
    until_over(manager, experiment_id)
    assert experiments.status(experiment_id).done == 6


def test_one_run_that_cannot_go_on_keeps_no_other(managed: Managed) -> None:
    """A stopped run without a checkpoint cannot go on; the one that is missing is started all the same."""

    def script(config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        yield episode(1)
        yield ended(EndReason.STOPPED, 1, env_steps=20)

    manager = managed(script)
    experiment_id = Experiments(manager).start(SPEC, "")
    experiments = until_over(manager, experiment_id)
    manager.delete(experiments.status(experiment_id).runs[0].run_id)
    with pytest.raises(Exception, match="checkpoint"):
        experiments.resume(experiment_id)
    until_over(manager, experiment_id)
    assert len(experiments.status(experiment_id).runs) == 6


def test_repeat_starts_the_same_again_beside_it(managed: Managed) -> None:
    manager = managed(as_told)
    first = Experiments(manager).start(SPEC, "again", "somebody")
    experiments = until_over(manager, first)
    second = experiments.repeat(first, "somebody else")
    until_over(manager, second)
    one, other = experiments.status(first), experiments.status(second)
    assert other.record.spec.cells == one.record.spec.cells
    assert other.record.owner == "somebody else"
    assert not {run.run_id for run in one.runs} & {run.run_id for run in other.runs}
    assert [status.record.experiment_id for status in experiments.latest()] == [second, first]
    newest = experiments.newest_of(SPEC)
    assert newest is not None
    assert newest.record.experiment_id == second
    assert experiments.newest_of(SPEC, limit=0) is None
    assert experiments.newest_of(ExperimentSpec(base=SPEC.base)) is None


def test_remove_takes_the_runs_along_but_none_that_trains(managed: Managed) -> None:
    manager = managed(obedient(0))
    experiments = Experiments(manager)
    experiment_id = experiments.start(SPEC, "")
    with pytest.raises(RunStateError):
        experiments.remove(experiment_id)
    experiments.stop(experiment_id)
    until_over(manager, experiment_id)
    experiments.remove(experiment_id)
    assert manager.list_runs() == []
    with pytest.raises(UnknownExperimentError):
        experiments.status(experiment_id)


def test_progress_is_the_mean_over_all_runs(managed: Managed) -> None:
    def half_way(config: TrainingConfig, mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        for number in range(1, 6):
            yield episode(number)
        mailbox.get(timeout=60)
        yield ended(EndReason.STOPPED, 5)

    manager = managed(half_way)
    experiments = Experiments(manager)
    experiment_id = experiments.start(ExperimentSpec(base=TrainingConfig(max_episodes=10), seeds=(0,)), "")
    wait_until(lambda: experiments.status(experiment_id).fraction == 0.5)
    experiments.stop(experiment_id)
