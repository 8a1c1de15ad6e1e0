from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dqn_core.config import TrainingConfig
from dqn_core.errors import DqnLabError, RunStateError, StoreError, UnsupportedEnvironmentError
from dqn_core.events import EndReason, Event, RunState
from dqn_core.runs.manager import RunManager
from scripted_trainer import Mailbox, Managed, Script, a_run_of, ended, episode, started, wait_for_end, wait_until


class _BadDriverError(Exception):
    pass


def _failing(error: BaseException) -> Script:
    def script(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        yield started()
        yield episode(1)
        raise error

    return script


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (_BadDriverError("no picture"), "_BadDriverError: no picture"),
        (SystemExit(3), "SystemExit: 3"),
        (UnsupportedEnvironmentError("Install {package}", package="box2d"), "Install box2d"),
    ],
)
def test_a_trainer_that_raises_fails_its_run_with_the_cause(
    managed: Managed, error: BaseException, message: str
) -> None:
    manager = managed(_failing(error))
    run_id = manager.start(TrainingConfig())
    wait_for_end(manager, run_id)
    record = manager.store.run(run_id)
    assert (record.state, record.reason, record.episodes) == (RunState.FAILED, EndReason.FAILED, 1)
    assert message in record.message_template.format(**record.message_parameters)
    assert manager.view(run_id).read(0, 0).is_last


def test_a_trainer_that_falls_silent_fails_its_run(managed: Managed) -> None:
    manager = managed(lambda _config, _mailbox: iter([started()]))
    run_id = manager.start(TrainingConfig())
    wait_for_end(manager, run_id)
    record = manager.store.run(run_id)
    assert record.state is RunState.FAILED
    assert "stopped responding" in record.message_template


def test_a_trainer_that_cannot_be_made_fails_its_run(tmp_path: Path) -> None:
    template = "No {device} here"

    def refuse(_config: TrainingConfig, _mailbox: Mailbox) -> object:
        raise DqnLabError(template, device="GPU")

    manager = RunManager(tmp_path, trainer_factory=refuse)
    run_id = manager.start(TrainingConfig())
    wait_for_end(manager, run_id)
    assert manager.snapshot(run_id).record.message_template == template
    assert manager.snapshot(run_id).record.message_parameters == {"device": "GPU"}
    manager.close()


def test_a_clean_up_that_fails_does_not_change_how_a_run_ended(managed: Managed) -> None:
    def script(_config: TrainingConfig, _mailbox: Mailbox) -> Iterator[Event]:
        try:
            yield started()
            yield ended(EndReason.SOLVED)
        finally:
            raise _BadDriverError

    manager = managed(script)
    run_id = manager.start(TrainingConfig())
    wait_for_end(manager, run_id)
    assert manager.store.run(run_id).reason is EndReason.SOLVED


def test_a_run_goes_on_without_its_database(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = managed(a_run_of(50))
    append = manager.store.append
    works, template = threading.Event(), "The disk is full"

    def failing(*arguments: object, **values: object) -> None:
        if not works.is_set():
            raise StoreError(template)
        append(*arguments, **values)

    monkeypatch.setattr(manager.store, "append", failing)
    monkeypatch.setattr("dqn_core.runs.executors.thread._RETRY_S", 0.01)
    run_id = manager.start(TrainingConfig())
    wait_until(lambda: manager.view(run_id).read(0, 0).is_last)
    assert manager.store.episode_count(run_id) == 0
    assert [len(rows) for rows in manager.view(run_id).episodes()] == [50]  # a download misses nothing
    assert "disk is full" in str(manager.view(run_id).read(0, 0).notices[-1])
    works.set()
    wait_for_end(manager, run_id)
    assert manager.store.episode_count(run_id) == 50


def test_a_run_whose_rows_still_wait_for_the_disk_is_not_taken_up_again(
    managed: Managed, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = managed(a_run_of(5))
    append, template = manager.store.append, "The disk is full"

    def refuse(*_: object, **__: object) -> None:
        raise StoreError(template)

    monkeypatch.setattr(manager.store, "append", refuse)
    monkeypatch.setattr("dqn_core.runs.executors.thread._RETRY_S", 0.01)
    monkeypatch.setattr("dqn_core.runs.manager._LAST_FLUSH_S", 0.05)
    run_id = manager.start(TrainingConfig())
    wait_until(lambda: manager.view(run_id).read(0, 0).is_last)
    for act in (manager.go_on, manager.delete):
        with pytest.raises(RunStateError, match="still being stored"):
            act(run_id)
    monkeypatch.setattr(manager.store, "append", append)
    wait_for_end(manager, run_id)
    assert manager.store.episode_count(run_id) == 5
    manager.delete(run_id)
