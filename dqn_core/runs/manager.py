"""Every run of a server: start them, steer them, look at them. The one object that pages and routes talk to."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.errors import RunStateError, mark
from dqn_core.events import CheckpointKind, RunState
from dqn_core.runs.continuation import begun_again, continued
from dqn_core.runs.executors.failures import import_modules
from dqn_core.runs.executors.pool import WorkerPool
from dqn_core.runs.executors.process import ProcessTrainer
from dqn_core.runs.executors.thread import Mailbox, RunThread, TrainerFactory, make_trainer
from dqn_core.runs.folder_lock import FolderLock
from dqn_core.runs.live_feed import MESSAGE_ROWS, LiveFeed
from dqn_core.runs.managed_run import ManagedRun
from dqn_core.runs.recorder import RunRecorder
from dqn_core.runs.records import NAME_LENGTH, RunRecord, check_run_id, clean_tags, clean_text, new_run_id
from dqn_core.runs.removal import finish_removals, folder_bytes, remove_run
from dqn_core.runs.store import RunStore
from dqn_core.runs.view import RunView
from dqn_core.training.run_folder import RunFolder

__all__ = ["Executor", "RunManager", "RunSnapshot"]

Executor = Literal["auto", "thread", "process"]
"""Where runs train: a run alone in this process, and those beside it in processes of their own; or always the same."""

_DATABASE = "dqn_lab.sqlite"
_KEPT_ENDED = 8
"""Ended runs whose feeds stay in memory, for the viewers that look at their last frames."""
_LAST_FLUSH_S = 2.0
"""How long a run that is to be deleted may take to store its last rows."""
_SHUT_DOWN = mark("The server shut down while this run was at work. Everything is kept: Resume goes on from there.")
_LAST_ROWS_S = 0.5
"""Of the time to close, what is left for storing the last rows of runs whose workers had to be ended."""


@dataclass(frozen=True, kw_only=True)
class RunSnapshot:
    """One run at one moment."""

    record: RunRecord
    wanted_config: TrainingConfig
    """The config with the live changes that are on their way to the trainer."""
    pace: float | None
    """Env steps a second at most; None for full speed."""
    is_active: bool
    """Whether a trainer of this server works at it, or waits, paused."""
    launches: int = 0
    """How often this server has set a trainer to it: once when started here, and each time it went on."""


class RunManager:
    """Starts, steers and shows the runs of one data folder; any thread may call any method.

    Every method that takes a ``run_id`` raises :class:`~dqn_core.errors.UnknownRunError` for one that no run has, and
    every command raises :class:`~dqn_core.errors.RunStateError` where it makes no sense in the run's present state.

    Parameters
    ----------
    data_dir
        Holds the database and a folder for each run, and is this manager's alone until :meth:`close`: raises
        :class:`~dqn_core.errors.StoreError` where another server uses it. Runs that an earlier server left active are
        marked interrupted.
    executor
        Several trainers in one interpreter are slower in all than one alone: "auto" takes a process for a run that is
        started beside others, and prepares one as soon as there is a first run. Processes need a POSIX system;
        elsewhere "auto" is "thread".
    preload
        Modules to import, here and in every worker process, because they register environments. Raises
        :class:`~dqn_core.errors.DqnLabError` for one that cannot be imported.
    trainer_factory
        Makes what a run consumes, in the run's thread; overrides ``executor``.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        executor: Executor = "auto",
        preload: Sequence[str] = (),
        trainer_factory: TrainerFactory | None = None,
    ) -> None:
        import_modules(preload)
        self._executor: Executor = "thread" if executor == "auto" and os.name != "posix" else executor
        has_workers = self._executor != "thread" and trainer_factory is None
        self._pool = WorkerPool(preload) if has_workers else None
        self._folder_lock = FolderLock(data_dir)
        self.store = self._opened_store(data_dir / _DATABASE)
        self._data_dir = data_dir
        finish_removals(self.store, self._data_dir / "runs")
        self._trainer_factory = trainer_factory
        self._lock = threading.Lock()  # held for a few assignments only, never while the database is asked
        self._changing_state = threading.Lock()
        self._runs: dict[str, ManagedRun] = {}
        self._launches: Counter[str] = Counter()
        self._is_closed = False

    # ------------------------------------------------------------------------------------------ start and end

    def start(  # noqa: PLR0913  each says one thing of the run's origin
        self,
        config: TrainingConfig,
        name: str = "",
        *,
        owner: str = "",
        experiment_id: str | None = None,
        initial_weights: Mapping[str, NDArray[np.float32]] | None = None,
        started_from: str = "",
    ) -> str:
        """Start a run and return its id. Raises StoreError or RunFolderError where its log could not be kept.

        Parameters
        ----------
        name
            What people call it; the environment's id where it is empty.
        owner
            Id of the visitor whose run it is; empty for one that belongs to everybody.
        experiment_id
            The experiment that it is a part of.
        initial_weights
            Online network to begin with, names and shapes as :meth:`Learner.weights` gives them; weights that do not
            fit fail the run with a message that names the wrong array.
        started_from
            What those weights came from, in a few words: another run's id, or a file's name.
        """
        if self._is_closed:
            raise RunStateError(mark("The server is shutting down: start the run when it is up again."))
        now = datetime.now(UTC)
        record = RunRecord(
            run_id=new_run_id(now),
            name=clean_text(name, NAME_LENGTH) or config.env_id,
            config=config,
            initial_config=config,
            started_at=now,
            owner=owner,
            experiment_id=experiment_id,
            started_from=clean_text(started_from, NAME_LENGTH),
        )
        folder = RunFolder.create(self._folder_path(record.run_id), config)
        self.store.create_run(record)
        start = {} if initial_weights is None else {"initial_weights": initial_weights}
        self._launch(LiveFeed(record), folder, **start)
        return record.run_id

    def go_on(self, run_id: str, *, from_: CheckpointKind = "last", **changes: Any) -> None:
        """Go on with a run that is over from a checkpoint, as if it had never stopped.

        One that was interrupted before its first step begins again.

        Parameters
        ----------
        from_
            The last checkpoint, or the one after the best evaluation: what came later is given up.
        changes
            Fields of the config that may change while a run trains: a larger ``max_episodes``, say.

        Raises
        ------
        RunStateError
            The run is not over, or has nothing left to do within its limits.
        RunFolderError
            It left no readable checkpoint.
        ConfigError, ChangeRefusedError
            A change is not valid.
        """
        with self._changing_state:  # of two clicks, the second finds the run going on already
            record = self.snapshot(run_id).record
            if record.state.is_active:
                raise RunStateError(mark("The run is {state}: it goes on already."), state=record.state)
            folder = RunFolder.open(self._folder_path(run_id))
            is_unbegun = record.env_steps == 0 and not (folder.has_checkpoint or record.started_from)
            state = None if is_unbegun else folder.checkpoint(from_)
            record = begun_again(record, changes) if state is None else continued(record, state, changes)
            values = {each.name: getattr(record, each.name) for each in fields(record) if each.name != "run_id"}
            if state is not None:
                folder.rewind(state)
            self.store.rewind(run_id, record.episodes, record.env_steps, **values)
            folder.write_config(record.config)
            tail = self.store.episodes(run_id, after=max(0, record.episodes - MESSAGE_ROWS))
            start = {} if state is None else {"resume_from": state}
            self._launch(LiveFeed(record, tail=tail, changes=self.store.changes(run_id)), folder, **start)

    def _launch(self, feed: LiveFeed, folder: RunFolder, **start: Any) -> None:
        """Train in a thread; ``start`` goes to the trainer's factory."""
        config, mailbox = feed.record().config, Mailbox()
        with self._lock:
            self._forget_old_runs()
            factory = functools.partial(self._factory(), **start)
            thread = RunThread(config, RunRecorder(feed, self.store, folder), mailbox, factory)
            self._runs[feed.run_id] = ManagedRun(feed, mailbox, thread)
            self._launches[feed.run_id] += 1
        thread.start()
        if self._pool is not None:
            self._pool.prepare()

    def close(self, timeout_s: float = 10.0) -> None:
        """End every run as interrupted, with a checkpoint to go on from; waits up to ``timeout_s`` seconds in all."""
        with self._lock:
            self._is_closed = True
            runs = list(self._runs.values())
        for run in runs:
            run.stop(interruption=_SHUT_DOWN)
            run.thread.leave()
        deadline = time.monotonic() + timeout_s
        if self._pool is None:
            _join(runs, deadline)
        else:
            self._pool.close_spares()
            _join(runs, deadline - min(_LAST_ROWS_S, timeout_s / 2))
            self._pool.close()
            _join(runs, deadline)
        self.store.close()
        self._folder_lock.release()

    # ----------------------------------------------------------------------------------------------- commands

    def pause(self, run_id: str) -> None:
        """Stand still before the next env step; nothing happens where it does already."""
        self._active(run_id).pause()

    def resume(self, run_id: str) -> None:
        """Go on after a pause."""
        self._active(run_id).resume()

    def step(self, run_id: str) -> None:
        """Take one env step, then stand still again."""
        self._active(run_id).step()

    def stop(self, run_id: str) -> None:
        """End the run, keeping everything; nothing happens where it was stopped already."""
        if self.snapshot(run_id).record.state is not RunState.STOPPED:
            self._active(run_id).stop()

    def take_checkpoint(self, run_id: str) -> None:
        """Have a checkpoint written before the next env step; the run goes on, or stands still, as it did."""
        self._active(run_id).take_checkpoint()

    def set_pace(self, run_id: str, steps_per_s: float | None) -> None:
        """Take at most ``steps_per_s`` env steps a second; None for full speed."""
        self._active(run_id).set_pace(steps_per_s)

    def watch(self, run_id: str, seconds: float = 2.0) -> None:
        """Make frames for the next ``seconds``; nothing happens where no trainer is there to make them."""
        run = self._runs.get(check_run_id(run_id))
        if run is not None:
            run.watch(seconds)

    def change(self, run_id: str, field: str, value: Any) -> TrainingConfig:
        """Change one hyperparameter while the run trains; returns the config that it will have.

        Raises
        ------
        ConfigError, ChangeRefusedError
            The value is not valid beside the others, or the field cannot change during a run. The run goes on as it is.
        """
        return self._active(run_id).change(field, value)

    # ------------------------------------------------------------------------------------------- housekeeping

    def rename(self, run_id: str, name: str) -> None:
        """Call the run ``name``, on one line and at most :data:`NAME_LENGTH` characters; empty: by its environment."""
        record = self.snapshot(run_id).record
        self._relabel(run_id, name=clean_text(name, NAME_LENGTH) or record.config.env_id)

    def tag(self, run_id: str, tags: Iterable[str]) -> None:
        """Give the run these tags in place of those it has, cleaned and bounded by :func:`clean_tags`."""
        self._relabel(run_id, tags=clean_tags(tags))

    def delete(self, run_id: str) -> None:
        """Take away a run that is over, with its log and its files.

        Raises :class:`RunStateError` where it is active, StoreError or RunFolderError where it cannot be removed; it
        is whole then.
        """
        with self._changing_state:
            state = self.snapshot(run_id).record.state
            if state.is_active:
                raise RunStateError(mark("The run is {state}: stop it before you delete it."), state=state)
            run = self._runs.get(run_id)
            if run is not None:
                run.thread.join(_LAST_FLUSH_S)
                if run.thread.is_alive():
                    raise RunStateError(mark("The run's last rows are still being stored: delete it in a moment."))
            remove_run(self.store, self._folder_path(run_id))
            with self._lock:
                self._runs.pop(run_id, None)

    def _relabel(self, run_id: str, **labels: Any) -> None:
        self.store.update_run(check_run_id(run_id), **labels)
        feed = self.feed(run_id)
        if feed is not None:
            feed.relabel(**labels)

    # ------------------------------------------------------------------------------------------------ looking

    def snapshot(self, run_id: str) -> RunSnapshot:
        """Where the run stands; one of an earlier server too."""
        run = self._runs.get(check_run_id(run_id))
        if run is None:
            record = self.store.run(run_id)
            launches = self._launches[run_id]
            return RunSnapshot(
                record=record, wanted_config=record.config, pace=None, is_active=False, launches=launches
            )
        record, is_active = run.feed.record(), run.is_active
        wanted = run.wanted_config if is_active else record.config
        launches = self._launches[run_id]
        return RunSnapshot(record=record, wanted_config=wanted, pace=run.pace, is_active=is_active, launches=launches)

    def list_runs(self, limit: int = 100) -> list[RunRecord]:
        """The newest runs, newest first, those that go on as they stand now."""
        return self._present(self.store.runs(limit))

    def runs_of_experiment(self, experiment_id: str) -> list[RunRecord]:
        """The runs of one experiment in the order of their start; none where there is no such experiment."""
        return self._present(self.store.runs_of_experiment(experiment_id))

    def folder_bytes(self, run_id: str) -> int:
        """Bytes of the files that the run keeps: config, weights, checkpoint."""
        return folder_bytes(self._folder_path(run_id))

    def feed(self, run_id: str) -> LiveFeed | None:
        """The live feed of a run of this server; None for one that is read back from the store alone."""
        run = self._runs.get(check_run_id(run_id))
        return None if run is None else run.feed

    def view(self, run_id: str) -> RunView:
        """The run with all its history, as a viewer reads it."""
        feed = self.feed(run_id)
        return RunView.of_stored_run(run_id, self.store) if feed is None else RunView(feed, self.store)

    def run_folder(self, run_id: str) -> Path:
        """The folder with the run's config and weights."""
        self.snapshot(run_id)
        return self._folder_path(run_id)

    # ------------------------------------------------------------------------------------------------- plumbing

    def _opened_store(self, path: Path) -> RunStore:
        """The database, in which no run is active any more: the folder is this server's alone."""
        store = None
        try:
            store = RunStore(path)
            store.mark_interrupted()
        except BaseException:
            if store is not None:
                store.close()
            self._folder_lock.release()
            raise
        return store

    def _factory(self) -> TrainerFactory:
        """Where the next run trains."""
        if self._trainer_factory is not None:
            return self._trainer_factory
        is_alone = not any(run.is_active for run in self._runs.values())
        if self._pool is None or (self._executor == "auto" and is_alone):
            return make_trainer
        return functools.partial(ProcessTrainer, pool=self._pool)

    def _present(self, records: Iterable[RunRecord]) -> list[RunRecord]:
        """``records`` as they stand now, where the runs are this server's."""
        runs = dict(self._runs)
        return [runs[each.run_id].feed.record() if each.run_id in runs else each for each in records]

    def _folder_path(self, run_id: str) -> Path:
        return self._data_dir / "runs" / check_run_id(run_id)

    def _active(self, run_id: str) -> ManagedRun:
        """The run, if a trainer of this server works at it."""
        run = self._runs.get(check_run_id(run_id))
        if run is not None and run.is_active:
            return run
        state = self.snapshot(run_id).record.state
        if state.is_active:  # on a file system without locks
            raise RunStateError(mark("The run belongs to another server that uses the same data: steer it there."))
        raise RunStateError(mark("The run is over ({state}): start a new run."), state=state)

    def _forget_old_runs(self) -> None:
        """Keep the feeds of the last few ended runs; the store has everything of the others."""
        ended = [run_id for run_id, run in self._runs.items() if not run.thread.is_alive() and run.feed.is_over]
        for run_id in ended[: max(0, len(ended) - _KEPT_ENDED)]:
            if not self._runs[run_id].feed.has_unstored:
                del self._runs[run_id]


def _join(runs: Sequence[ManagedRun], deadline: float) -> None:
    """Wait for the runs' threads until ``deadline`` (of the monotonic clock) at most."""
    for run in runs:
        run.thread.join(max(0.0, deadline - time.monotonic()))
