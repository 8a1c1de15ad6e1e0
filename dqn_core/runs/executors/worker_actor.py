"""The far end of a run, or of a job's task, on a cluster: its worker process, what that says, and what it is told.

A :class:`WorkerActor` lives in a process that Ray starts on one of the cluster's machines, and outlives the server. It
knows nothing of Ray: its methods are called by whoever has a handle of it, from several threads.

    server                                   a machine of the cluster
    RayTrainer ──begin(order)────────────> WorkerActor ──> WorkerProcess ──> Trainer
               ──tell(command)─────────────>          ──────────────────>   mailbox
               <─read(after, acknowledged)──          <──── batches ─────   events

What the worker says stays here until the server has stored it: every reading tells up to which batch that is so. A
server that was killed is followed by one that reads what is left, and nothing is lost; what comes twice has the same
episode's number, and is dropped (:class:`~dqn_core.runs.executors.ray_cluster.RayTrainer`).
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import shutil
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dqn_core
from dqn_core.environments.own import Sources, adopt_sources
from dqn_core.errors import ClusterError, mark
from dqn_core.events import (
    CheckpointReady,
    Command,
    EpisodeEnded,
    EpisodeRecorded,
    Frame,
    Pause,
    Progress,
    Resume,
    SetHyperparameter,
    SetPace,
    WeightsReady,
)
from dqn_core.runs.executors.worker_process import Commands, ProcessEndedError, Send, WorkerProcess
from dqn_core.training.snapshots import thinning_interval

__all__ = ["EnvironmentFiles", "Order", "Reading", "WorkerActor", "WorkerStanding", "lab_version", "newest"]

_GATHER_S = 0.1
"""Each reading is a call over the network: what can wait goes together for longer than over a pipe."""
_MOST_KEPT_BYTES = 96 * 2**20
_MOST_AT_ONCE_BYTES = 16 * 2**20
_FORGOTTEN_S = 24 * 3_600.0
"""A run that is over and that no server has asked for in this time is given up: it holds a core."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentFiles:
    """The folder of people's own environments, for a machine that does not have it."""

    contents: Mapping[str, bytes]
    """By path in the folder."""
    env_ids: Mapping[str, str]
    """The path of the file that registers each id."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One call for a worker process on a machine of the cluster."""

    function: Callable[[Any, Commands, Send], Any]
    """Of a module: :func:`~dqn_core.runs.executors.training_worker.train`, say."""
    argument: Any
    """Pickled by Ray."""
    warm_up: Callable[[], object] | None = None
    niceness: int = 0
    may_use_gpu: bool = False
    preload: tuple[str, ...]
    """Modules to import because they register environments."""
    environments: EnvironmentFiles | None
    version: str
    """What :func:`lab_version` says where the server is."""


@dataclass(frozen=True, kw_only=True)
class WorkerStanding:
    """What a server that was started again has to know of a run that went on without it."""

    machine: str
    pace: SetPace | None
    """The last that the trainer was told; None where it never was."""
    is_pause_wanted: bool
    changes: Mapping[str, Any]
    """The last value that each field was set to while the run trained."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the worker said after some batch."""

    batches: Sequence[tuple[int, bytes]]
    """(The batch's number, its messages pickled); numbers rise, from 1 on."""
    status: int | None
    """The worker's exit status, once it has ended and nothing comes after these."""


class WorkerActor:
    """Has one call made in a worker process; any thread may call any method.

    Parameters
    ----------
    most_kept_bytes
        Of messages that nobody has stored. Of what a newer message replaces, only the newest is kept; where that is
        still too much, the worker waits.
    """

    def __init__(self, most_kept_bytes: int = _MOST_KEPT_BYTES) -> None:
        self._most_kept_bytes = most_kept_bytes
        self._changed = threading.Condition()
        self._worker: WorkerProcess | None = None
        self._folder: Path | None = None
        self._batches: deque[tuple[int, bytes]] = deque()
        self._kept_bytes = 0
        self._thin_out_at = most_kept_bytes // 4
        self._last = 0
        self._status: int | None = None
        self._readings = 0
        self._told = _Told()

    def begin(self, order: Order) -> str:
        """Set a worker to work; returns this machine's name. Raises :class:`ClusterError` for another lab's order."""
        if order.version != lab_version():
            template = mark(
                "The lab on the machine {machine} is not the one of this server: bring both to the same version, and "
                "start the machine's part of the cluster again."
            )
            raise ClusterError(template, machine=socket.gethostname())
        if order.environments is not None:
            self._folder = Path(tempfile.mkdtemp(prefix="dqn-lab-environments-"))
            adopt_sources(_written(order.environments, self._folder))
        if not order.may_use_gpu:  # a GPU is for runs that asked the cluster for one
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        worker = WorkerProcess(order.preload, order.warm_up, order.niceness)
        worker.begin(order.function, order.argument, _GATHER_S)
        with self._changed:
            self._worker = worker
        threading.Thread(target=self._listen, args=(worker,), name="listen", daemon=True).start()
        return socket.gethostname()

    def standing(self) -> WorkerStanding | None:
        """How the run stands; None where none was begun."""
        with self._changed:
            if self._worker is None:
                return None
            told = self._told
            return WorkerStanding(
                machine=socket.gethostname(),
                pace=told.pace,
                is_pause_wanted=told.is_pause_wanted,
                changes=dict(told.changes),
            )

    def tell(self, command: Command) -> None:
        """Pass a command on to the trainer."""
        with self._changed:
            self._told.note(command)
            worker = self._worker
        if worker is not None:
            worker.tell(command)

    def read(self, after: int, acknowledged: int, wait_s: float) -> Reading:
        """What comes after batch ``after``; waits up to ``wait_s`` for it.

        ``acknowledged`` is the last batch that nobody will ask for again.
        """
        with self._changed:
            self._readings += 1
            after = max(after, acknowledged)
            while self._batches and self._batches[0][0] <= acknowledged:
                self._kept_bytes -= len(self._batches.popleft()[1])
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._last > after or self._status is not None, wait_s)
            batches: list[tuple[int, bytes]] = []
            size = 0
            for number, batch in self._batches:
                if number > after and (not batches or size + len(batch) <= _MOST_AT_ONCE_BYTES):
                    batches.append((number, batch))
                    size += len(batch)
            is_all = self._last <= (batches[-1][0] if batches else after)
            return Reading(batches=batches, status=self._status if is_all else None)

    def kill(self) -> None:
        """End the worker, whatever it does."""
        with self._changed:
            worker = self._worker
        if worker is not None:
            worker.kill()

    def leave(self, grace_s: float) -> None:
        """The run is over and stored: give the worker ``grace_s`` to close its environments, then end it."""
        with self._changed:
            self._kept_bytes = 0
            self._batches.clear()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._worker is None or self._status is not None, grace_s)
        self.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self, worker: WorkerProcess) -> None:
        try:
            while True:
                self._keep(worker.receive_pickled())
        except ProcessEndedError as ended:
            worker.close()
            with self._changed:
                self._status = ended.status
                self._changed.notify_all()
                self._end_if_forgotten()

    def _keep(self, batch: bytes) -> None:
        with self._changed:
            self._last += 1
            self._batches.append((self._last, batch))
            self._kept_bytes += len(batch)
            if self._kept_bytes > self._thin_out_at:
                self._thin_out()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._kept_bytes <= self._most_kept_bytes)

    def _thin_out(self) -> None:
        """Keep of what nobody has stored only what is still news, as one batch."""
        batch = pickle.dumps(newest(message for _, each in self._batches for message in pickle.loads(each)))  # noqa: S301
        self._batches = deque([(self._last, batch)])
        self._kept_bytes = len(batch)
        self._thin_out_at = max(self._most_kept_bytes // 4, 2 * len(batch))

    def _end_if_forgotten(self) -> None:
        while self._is_asked_for_again(self._readings):
            pass
        os._exit(0)

    def _is_asked_for_again(self, before: int) -> bool:
        return self._changed.wait_for(lambda: self._readings > before, _FORGOTTEN_S)


@dataclass
class _Told:
    """What a trainer was told so far."""

    pace: SetPace | None = None
    is_pause_wanted: bool = False
    changes: dict[str, Any] = field(default_factory=dict)

    def note(self, command: Command) -> None:
        match command:
            case SetPace():
                self.pace = command
            case Pause():
                self.is_pause_wanted = True
            case Resume():
                self.is_pause_wanted = False
            case SetHyperparameter(name, value):
                self.changes.pop(name, None)
                self.changes[name] = value
            case _:
                pass


def _written(environments: EnvironmentFiles, folder: Path) -> Sources:
    for name, content in environments.contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Sources(folder=folder, files={env_id: folder / name for env_id, name in environments.env_ids.items()})


def newest(messages: Iterable[Any]) -> list[Any]:
    """``messages`` without those that later ones replace: heartbeats, frames, older checkpoints and snapshots."""
    gathered = list(messages)
    episode = max((each.episode for each in gathered if isinstance(each, _NUMBERED)), default=0)
    interval = thinning_interval(episode) if episode else 1
    last = {key: place for place, each in enumerate(gathered) if (key := _replaces(each)) is not None}
    return [
        each
        for place, each in enumerate(gathered)
        if last.get(_replaces(each), place) == place and not (_is_thinned(each) and each.episode % interval)
    ]


_NUMBERED = (EpisodeEnded, EpisodeRecorded, WeightsReady)


def _is_thinned(message: Any) -> bool:
    return isinstance(message, (EpisodeRecorded, WeightsReady)) and message.kind in {"kept", "training"}


def _replaces(message: Any) -> Any:
    """Messages of which the newest replaces the others have this in common; None for one that stays."""
    if isinstance(message, (Progress, Frame)):
        return type(message)
    if isinstance(message, (CheckpointReady, EpisodeRecorded, WeightsReady)) and not _is_thinned(message):
        return type(message), message.kind
    return None


@functools.cache
def lab_version() -> str:
    """A digest of the core's source: all machines must train with the same."""
    root, digest = Path(dqn_core.__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
