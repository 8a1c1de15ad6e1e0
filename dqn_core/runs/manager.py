"""Every run of a server: start them, steer them, look at them. The one object that pages and routes talk to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.environments.settings import check_live_change
from dqn_core.errors import DqnLabError, RunStateError, StoreError, mark
from dqn_core.events import CheckpointKind, EndReason, Notice, RunState
from dqn_core.runs.classes.service import Classes
from dqn_core.runs.continuation import begun_again, continued, refuse_to_go_on
from dqn_core.runs.data_folder import DataFolder, discard, folder_bytes, remove_run
from dqn_core.runs.executors.choice import Executor, Executors
from dqn_core.runs.executors.ray_cluster import Attached, RayTaskWorker
from dqn_core.runs.executors.thread import TrainerFactory, end_of
from dqn_core.runs.live_feed import MESSAGE_ROWS, LiveFeed
from dqn_core.runs.managed_run import ManagedRun, ManagedRuns
from dqn_core.runs.recorder import RunRecorder
from dqn_core.runs.scheduler import Admission, Scheduler
from dqn_core.runs.servers.elsewhere import Elsewhere, Remote
from dqn_core.runs.servers.lookout import Lookout
from dqn_core.runs.servers.lost_runs import LostRuns
from dqn_core.runs.storage.records import (
    NAME_LENGTH,
    RunRecord,
    RunSnapshot,
    check_run_id,
    clean_tags,
    clean_text,
    new_run_id,
)
from dqn_core.runs.view import RunView
from dqn_core.training.budget import run_memory, run_steps
from dqn_core.training.disk_use import DEFAULT_BYTE_LIMIT
from dqn_core.training.run_folder import RunFolder

__all__ = ["Executor", "RunManager", "RunSnapshot"]

_LOG = logging.getLogger(__name__)

_LAST_FLUSH_S = 2.0
"""How long a run that is to go on, or to be deleted, may take to store its last rows."""
_SHUT_DOWN = mark(
    "The server shut down while this run was active. Everything is saved: press Resume to continue from there."
)
_SERVER_GONE = mark(
    "The server that trained this run is gone: it was killed, it lost its database, or its machine stopped. What was "
    "logged is kept: press Resume to continue from the last checkpoint."
)
_NOT_BEGUN = mark("The server shut down before this run's turn came. Press Resume to start it.")
_LAST_ROWS_OF_LOST_S = 60.0
_LAST_ROWS_S = 0.5
"""Of the time to close, what is left for storing the last rows of runs whose workers had to be ended."""


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
    database
        Address of the database, such as ``postgresql://user:password@host/name``; None for a file in ``data_dir``. Of
        a PostgreSQL's several servers, each shows and steers the runs of all, and takes over those of one that is gone;
        ``data_dir`` is one folder for all of them.
    executor, preload, trainer_factory
        Where runs train: see :class:`~dqn_core.runs.executors.choice.Executors`.
    max_active_runs, pause_unwatched_after_s
        Who trains and who waits: see :class:`~dqn_core.runs.scheduler.Scheduler`.
    kept_bytes
        What one run's snapshots and checkpoints may take on the disk; beyond it, old ones are removed.
    max_runs_per_visitor
        Runs of one owner that may be active at a time, those that wait and those that are paused included; None for no
        such limit. Runs that belong to everybody are not counted.
    memory_bytes
        Memory that all runs together may take; None for most of the machine's.
    ray_address
        Of the cluster, for the executor "ray".
    resumes_lost_runs
        Whether a run whose machine left the cluster goes on from its last checkpoint on another, by itself.
    """

    def __init__(  # noqa: PLR0913  each is one setting of a server
        self,
        data_dir: Path,
        *,
        database: str | None = None,
        executor: Executor = "auto",
        preload: Sequence[str] = (),
        trainer_factory: TrainerFactory | None = None,
        kept_bytes: int = DEFAULT_BYTE_LIMIT,
        max_active_runs: int | None = None,
        max_runs_per_visitor: int | None = None,
        pause_unwatched_after_s: float | None = None,
        memory_bytes: int | None = None,
        ray_address: str = "",
        resumes_lost_runs: bool = True,
    ) -> None:
        self._lost = LostRuns(self._bring_back)
        on_lost = self._lost.expect if resumes_lost_runs else _stays_lost
        executors = self._executors = Executors(executor, preload, trainer_factory, ray_address, data_dir, on_lost)
        self._pool = executors.pool
        self._runs = ManagedRuns()
        self._max_runs_per_visitor = max_runs_per_visitor
        self._kept_bytes = kept_bytes
        self._admitting = threading.Lock()  # held while a run's state is looked at and made another
        self._is_closed = False
        try:
            self._data = DataFolder(data_dir, database)
        except BaseException:
            executors.disconnect()
            raise
        self.store = self._data.store
        self.lease = self._data.lease
        self._elsewhere = Elsewhere(self.store)
        self.classes = Classes(self.store.database)
        servers = self._data.servers
        self._lookout = Lookout(
            servers, self.lease, self._runs, self._do, self._take_over, self._give_up, self.classes.refresh
        )
        self.admission = Admission(self._runs, data_dir, executors.memory_bytes(memory_bytes))
        limit = None if executors.cluster is not None else self.admission.memory_bytes
        self._scheduler = Scheduler(executors, max_active_runs, pause_unwatched_after_s, limit)
        try:
            left_behind = servers.take_over(self.lease.server_id)
            self._go_on_with(left_behind, executors.survivors(None if self._data.is_alone else left_behind))
        except BaseException:
            executors.disconnect()
            self._data.close()
            raise
        if servers.is_shared:
            self._lookout.start()

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
        is_lesson: bool = False,
    ) -> str:
        """Start a run and return its id. Raises StoreError or RunFolderError where its log could not be kept.

        Raises :class:`~dqn_core.errors.ConfigError` for a run that this machine has not the memory or the disk for, or
        that the assignment of its owner's class does not allow.

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
        is_lesson
            Whether it is a part of a lesson's own experiment, which no assignment limits.
        """
        class_id = self.classes.check(owner, config, has_weights=initial_weights is not None, is_assigned=not is_lesson)
        self.admission.check_run(config)
        now = datetime.now(UTC)
        record = RunRecord(
            run_id=new_run_id(now),
            name=clean_text(name, NAME_LENGTH) or config.env_id,
            config=config,
            initial_config=config,
            started_at=now,
            state=RunState.QUEUED,
            owner=owner,
            experiment_id=experiment_id,
            started_from=clean_text(started_from, NAME_LENGTH),
            class_id=class_id,
        )
        with self._admitting:
            self._refuse_more_of(owner)
            path = self._data.of_run(record.run_id)
            folder = RunFolder.create(path, config, self._kept_bytes, initial_weights=initial_weights)
            try:
                self.store.create_run(record)
            except StoreError:
                discard(folder.path)
                raise
            self._enter(LiveFeed(record), folder, **_beginning(initial_weights))
        return record.run_id

    def go_on(self, run_id: str, *, from_: CheckpointKind = "last", **changes: Any) -> None:
        """Go on with a run that is over from a checkpoint, as if it had never stopped.

        A run that finished no episode and left no checkpoint, for its turn never came, begins from its start.

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
        LimitReachedError
            Its owner has as many runs as one visitor may have.
        RunFolderError
            It left no readable checkpoint.
        ConfigError, ChangeRefusedError
            A change is not valid, or the assignment of the run's class does not allow it.
        UnsupportedEnvironmentError
            Its environment is not installed here.
        """
        record = self.snapshot(run_id).record
        config = record.config
        self.classes.check_change(record.class_id, changes)
        inspect_environment(*config.environment)  # a run that cannot begin again stays as it is
        with self._admitting:  # of two clicks, the second finds the run going on already
            record = self.snapshot(run_id).record
            refuse_to_go_on(record)
            self._refuse_more_of(record.owner)
            self._wait_for_last_rows(run_id)
            folder = self.open_folder(run_id)
            if record.episodes == 0 and not folder.has_checkpoint:
                record, start = begun_again(record, changes), _beginning(folder.initial_weights())
            else:
                state = folder.checkpoint(from_)
                record, start = continued(record, state, changes), {"resume_from": state}
            check_live_change(config, record.config)
            self.admission.check_memory(record.config)
            folder.go_on(record.config, start.get("resume_from"))
            values = {each.name: getattr(record, each.name) for each in fields(record) if each.name != "run_id"}
            self.store.rewind(run_id, record.episodes, record.env_steps, **values)
            tail = self.store.episodes(run_id, after=max(0, record.episodes - MESSAGE_ROWS))
            self._enter(LiveFeed(record, tail=tail, changes=self.store.changes(run_id)), folder, **start)

    def is_returning(self, run_id: str) -> bool:
        """Whether the run is interrupted for a moment only: its machine was lost, and it goes on on another."""
        return self._lost.is_returning(run_id)

    def _bring_back(self, run_id: str) -> None:
        """Have a run go on whose machine was lost, as it was: its changes, its pace, its pause."""
        before = self._runs[run_id]
        before.wait(_LAST_ROWS_OF_LOST_S)
        record = before.feed.record()
        if before.is_stopping or record.state is not RunState.INTERRUPTED:
            return
        checkpoint = next((each for each in self.open_folder(run_id).checkpoints() if each.kind == "last"), None)
        if not self._lost.may_return(run_id, checkpoint.env_step if checkpoint else 0):
            return
        self.go_on(run_id, **before.changes)
        run = self._runs[run_id]
        run.go_on_as(before)
        template = mark(
            "The machine that trained this run left the cluster: the run continues on another machine, from its last "
            "checkpoint, after episode {episode}."
        )
        run.feed.publish(Notice(template=template, parameters={"episode": run.feed.record().episodes}))

    def _take_over(self, run_ids: Sequence[str]) -> None:
        """Go on with runs whose server is gone, where they trained without it; the others are interrupted."""
        try:
            survivors = self._executors.survivors(run_ids)
        except Exception:
            self.store.mark_interrupted(only=run_ids, cause=_SERVER_GONE)
            raise
        self._go_on_with(run_ids, survivors, cause=_SERVER_GONE)

    def _go_on_with(self, run_ids: Sequence[str], survivors: Mapping[str, Attached], **cause: str) -> None:
        self.store.mark_interrupted(but=survivors, only=run_ids, **cause)
        for run_id, attached in survivors.items():
            self._take_up(run_id, attached)
        for run_id in run_ids:
            self._elsewhere.leave(run_id)

    def _give_up(self, run_id: str) -> None:
        """The run is another server's by now, or there is no such run any more."""
        run = self._runs.get(run_id)
        if run is not None:
            self._withdraw(run, EndReason.INTERRUPTED)
            run.lose()
            self._runs.discard(run_id)

    def _take_up(self, run_id: str, attached: Attached) -> None:
        """Go on with a run that went on without a server."""
        try:
            record = self.store.run(run_id)
            folder = self.open_folder(run_id)
        except DqnLabError as error:
            _LOG.warning("Run %s cannot be taken up: %s", run_id, error)
            self._executors.end_survivor(attached)
            return
        if not record.state.is_active:  # its end is stored
            self._executors.end_survivor(attached)
            return
        changes = self.store.changes(run_id)
        tail = self.store.episodes(run_id, after=max(0, record.episodes - MESSAGE_ROWS))
        made = frozenset((each.wall_time_s, each.env_step) for each in changes)
        known = attached._replace(episodes=record.episodes, changes=made)
        run = self._managed(LiveFeed(record, tail=tail, changes=changes), folder, attached=known)
        standing = attached.standing
        run.was_told(standing.pace, standing.changes, is_pause_wanted=standing.is_pause_wanted)
        self._runs.add(run, is_launch=False)
        self._scheduler.take_up(run)

    def _wait_for_last_rows(self, run_id: str) -> None:
        """Raises RunStateError for a run that is over and still waits for a full disk or a locked database."""
        run = self._runs.get(run_id)
        if run is not None:
            run.wait(_LAST_FLUSH_S)
            if run.is_at_work:
                template = mark("The run's last rows and files are still being stored: try again in a moment.")
                raise RunStateError(template)

    def _refuse_more_of(self, owner: str) -> None:
        """Raise what keeps ``owner`` from having one more active run, if anything does."""
        if self._is_closed:
            raise RunStateError(mark("The server is shutting down: start the run when it is up again."))
        elsewhere = self._elsewhere.active(at_once=True) if self.lease.others else ()
        self.admission.check_owner(owner, self._max_runs_per_visitor, elsewhere)

    def _enter(self, feed: LiveFeed, folder: RunFolder, **start: Any) -> None:
        """Have the run trained when its turn comes; ``start`` goes to the trainer's factory."""
        run = self._managed(feed, folder, **start)
        self._runs.add(run)
        self._scheduler.enter(run)

    def _managed(self, feed: LiveFeed, folder: RunFolder, **start: Any) -> ManagedRun:
        config, done = folder.config, feed.record().env_steps
        return ManagedRun(
            RunRecorder(feed, self.store, folder, lapses=self.lease.lapses),
            memory=run_memory(config),
            most_steps=max(0, run_steps(config) - done),
            **start,
        )

    def close(self, timeout_s: float = 10.0) -> None:
        """End every run as interrupted, with a checkpoint to go on from; waits up to ``timeout_s`` seconds in all."""
        self._is_closed = True
        if self._lookout.is_alive():
            self._lookout.close()
        self._elsewhere.close()
        for run in self._scheduler.close():
            self._withdraw(run, EndReason.INTERRUPTED, DqnLabError(_NOT_BEGUN))
        runs = self._runs.snapshot()
        for run in runs:
            run.leave(_SHUT_DOWN)
        deadline = time.monotonic() + timeout_s
        if not self._executors.has_workers:
            _wait(runs, deadline)
        else:
            self._executors.close_spares()
            _wait(runs, deadline - min(_LAST_ROWS_S, timeout_s / 2))
            self._executors.close()
            _wait(runs, deadline)
            self._executors.disconnect()
        self._data.close()

    # ----------------------------------------------------------------------------------------------- commands

    def pause(self, run_id: str) -> None:
        """Pause before the next env step; nothing happens where the run is paused already."""
        self._active(run_id).pause()

    def resume(self, run_id: str) -> None:
        """Go on after a pause."""
        self._active(run_id).resume()

    def step(self, run_id: str) -> None:
        """Take one env step, then pause again."""
        self._active(run_id).step()

    def stop(self, run_id: str) -> None:
        """End the run, keeping everything; nothing happens where it was stopped already."""
        if self.snapshot(run_id).record.state is not RunState.STOPPED:
            run = self._active(run_id)
            if isinstance(run, Remote) or not self._withdraw(run, EndReason.STOPPED):
                run.stop()

    def _withdraw(self, run: ManagedRun, reason: EndReason, error: DqnLabError | None = None) -> bool:
        """End a run that waits for its turn; False for one that does not wait."""
        return self._scheduler.withdraw(run, end_of(run.feed.record(), reason, error))

    def take_checkpoint(self, run_id: str) -> None:
        """Have a checkpoint written before the next env step; the run stays as it is, training or paused."""
        self._active(run_id).take_checkpoint()

    def set_pace(self, run_id: str, steps_per_s: float | None, *, is_automatic: bool = False) -> None:
        """Take at most ``steps_per_s`` env steps a second; None for full speed.

        An automatic pace begins with ``steps_per_s`` and rises to full speed (:class:`~dqn_core.events.SetPace`).
        """
        self._active(run_id).set_pace(steps_per_s, is_automatic=is_automatic)

    def watch(self, run_id: str, seconds: float = 2.0, *, with_saliency: bool = False) -> None:
        """Make frames for the next ``seconds``; nothing happens where no trainer is there to make them."""
        run = self._runs.get(check_run_id(run_id))
        if run is not None:
            run.watch(seconds, with_saliency=with_saliency)
        else:
            self._elsewhere.look(run_id)

    def look(self, run_id: str) -> None:
        """Somebody looks at the run; said again and again while that is so, or the run may be paused as unwatched."""
        run = self._runs.get(check_run_id(run_id))
        if run is not None:
            run.look()
        else:
            self._elsewhere.look(run_id)

    def change(self, run_id: str, field: str, value: Any) -> TrainingConfig:
        """Change one hyperparameter while the run trains; returns the config that it will have.

        Raises
        ------
        ConfigError, ChangeRefusedError
            The value is not valid beside the others, the field cannot change during a run, or the assignment of the
            run's class does not allow it. The run goes on as it is.
        """
        run = self._active(run_id)
        if isinstance(run, Remote):
            run.change(field, value)
            return self.snapshot(run_id).wanted_config
        self.classes.check_change(run.feed.record().class_id, {field: value})
        changed = run.wanted_config.changed_live(field, value)
        check_live_change(run.wanted_config, changed)
        self.admission.check_memory(changed)
        changed = run.change(field, value)
        run.most_steps = max(0, run_steps(changed) - run.feed.record().env_steps)
        return changed

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
        with self._admitting:
            state = self.snapshot(run_id).record.state
            if state.is_active:
                raise RunStateError(mark("The run is {state}: stop it before you delete it."), state=state)
            self._wait_for_last_rows(run_id)
            remove_run(self.store, self._data.of_run(run_id))
            self._runs.discard(run_id)

    def _relabel(self, run_id: str, **labels: Any) -> None:
        self.store.update_run(check_run_id(run_id), **labels)
        feed = self.feed(run_id)
        if feed is not None:
            feed.relabel(**labels)
        elif self._is_elsewhere(self.store.run(run_id)):
            Remote(self._elsewhere, run_id).relabel(labels)

    def _do(self, run_id: str, name: str, arguments: Mapping[str, Any]) -> None:
        """What another server was asked to have done to a run of this one."""
        feed = self.feed(run_id)
        if feed is None:
            raise RunStateError(mark("The run is just being taken over by another server: try again in a moment."))
        match name:
            case "relabel":
                feed.relabel(**{key: tuple(value) if key == "tags" else value for key, value in arguments.items()})
            case "look" | "pause" | "resume" | "step" | "stop" | "take_checkpoint" | "set_pace" | "change":
                getattr(self, name)(run_id, **arguments)
            case _:
                raise RunStateError(mark("This server does not know the command {name}."), name=name)

    # ------------------------------------------------------------------------------------------------ beside runs

    @property
    def cores(self) -> int:
        """Those of what trains: this machine, or the cluster."""
        return self._executors.places(None)

    @property
    def task_workers(self) -> Callable[[int], RayTaskWorker] | None:
        """``elsewhere`` of :class:`~dqn_core.runs.jobs.service.Jobs`: the cluster, where runs train on one."""
        return self._executors.task_workers

    # ------------------------------------------------------------------------------------------------ looking

    def snapshot(self, run_id: str) -> RunSnapshot:
        """Where the run stands; one of an earlier server too."""
        run = self._runs.get(check_run_id(run_id))
        if run is None:
            record = self.store.run(run_id)
            if self._is_elsewhere(record):
                return self._snapshot_elsewhere(record)
            return RunSnapshot(
                record=record,
                wanted_config=record.config,
                pace=None,
                is_active=False,
                launches=self._launches(run_id),
            )
        record, is_active = run.feed.record(), run.is_active
        wanted = run.wanted_config if is_active else record.config
        return RunSnapshot(
            record=record,
            wanted_config=wanted,
            pace=run.pace,
            is_pace_automatic=run.is_pace_automatic,
            is_active=is_active,
            launches=self._launches(run_id),
            queue_position=run.feed.queue_position,
            queue_wait_s=run.feed.queue_wait_s,
        )

    def _is_elsewhere(self, record: RunRecord) -> bool:
        """Whether another server works at a run that this one does not."""
        return self._data.servers.is_shared and record.state.is_active

    def _snapshot_elsewhere(self, record: RunRecord) -> RunSnapshot:
        record, standing = self._elsewhere.seen(record)
        return RunSnapshot(
            record=record,
            wanted_config=standing.wanted(record.config),
            pace=standing.pace,
            is_pace_automatic=standing.is_pace_automatic,
            is_active=record.state.is_active,
            is_elsewhere=record.state.is_active,
            launches=self._launches(record.run_id),
            queue_position=standing.queue_position,
            queue_wait_s=standing.queue_wait_s,
        )

    def _launches(self, run_id: str) -> int:
        """How often the run was taken on, here or, as far as this server knows, elsewhere."""
        return self._runs.launches(run_id) + self._elsewhere.launches(run_id)

    def is_storing(self, run_id: str) -> bool:
        """Whether rows or files of the run may still be on their way to where they are kept."""
        run = self._runs.get(check_run_id(run_id))
        return run is not None and run.is_at_work

    def list_runs(self, limit: int = 100) -> list[RunRecord]:
        """The newest runs, newest first, those that go on as they stand now."""
        return self._runs.present(self.store.runs(limit))

    def runs_in_memory(self) -> list[RunRecord]:
        """Every run that a server works at, those that wait or are paused included, and the last that ended here."""
        own = [run.feed.record() for run in self._runs.snapshot()]
        if not self.lease.others:
            return own
        known = {each.run_id for each in own}
        return [*own, *(each for each in self._elsewhere.active() if each.run_id not in known)]

    def runs_of_experiment(self, experiment_id: str) -> list[RunRecord]:
        """The runs of one experiment in the order of their start; none where there is no such experiment."""
        return self._runs.present(self.store.runs_of_experiment(experiment_id))

    def runs_of_class(self, class_id: str) -> list[RunRecord]:
        """The runs that members of a class started in it, in the order of their start."""
        return self._runs.present(self.store.runs_of_class(class_id))

    def folder_bytes(self, run_id: str) -> int:
        """Bytes of the files that the run keeps: config, weights, checkpoint."""
        return folder_bytes(self._data.of_run(run_id))

    def feed(self, run_id: str) -> LiveFeed | None:
        """The live feed of a run of this server; None for one of another server, or of the store alone."""
        run = self._runs.get(check_run_id(run_id))
        return None if run is None else run.feed

    def view(self, run_id: str) -> RunView:
        """The run with all its history, as a viewer reads it."""
        feed = self.feed(run_id)
        if feed is None and self._data.servers.is_shared:
            record = self.store.run(check_run_id(run_id))
            feed = self._elsewhere.feed(record) if self._is_elsewhere(record) else None
        return RunView.of_stored_run(run_id, self.store) if feed is None else RunView(feed, self.store)

    def run_folder(self, run_id: str) -> Path:
        """The folder with the run's config and weights."""
        self.snapshot(run_id)
        return self._data.of_run(run_id)

    def open_folder(self, run_id: str) -> RunFolder:
        """The run's folder; raises :class:`~dqn_core.errors.RunFolderError` where it was removed."""
        return RunFolder.open(self.run_folder(run_id), self._kept_bytes)

    def folder_of(self, run_id: str) -> Path:
        """Where the folder of a run with that id is, whether or not there is such a run."""
        return self._data.of_run(run_id)

    # ------------------------------------------------------------------------------------------------- plumbing

    def _active(self, run_id: str) -> ManagedRun | Remote:
        """The run, if a trainer of this server works at it, or one of another server that can be asked."""
        run = self._runs.get(check_run_id(run_id))
        if run is not None and run.is_active:
            return run
        record = self.snapshot(run_id).record
        state = record.state
        if self._is_elsewhere(record):
            return Remote(self._elsewhere, run_id)
        if state.is_active:  # on a file system without locks
            raise RunStateError(mark("The run belongs to another server that uses the same data: control it there."))
        raise RunStateError(mark("The run is over ({state}): start a new run."), state=state)


def _stays_lost(_run_id: str) -> None:
    """The run whose machine left stays interrupted."""


def _beginning(initial_weights: Mapping[str, NDArray[np.float32]] | None) -> dict[str, Any]:
    """What the trainer's factory is called with for a run that begins."""
    return {} if initial_weights is None else {"initial_weights": initial_weights}


def _wait(runs: Sequence[ManagedRun], deadline: float) -> None:
    """Wait for the runs' threads until ``deadline`` (of the monotonic clock) at most."""
    for run in runs:
        run.wait(deadline - time.monotonic())
