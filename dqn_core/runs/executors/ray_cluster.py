"""Runs on a Ray cluster: each is a detached, named actor, which the server reads from and may come back to.

Ray finds the machine, starts the process there, and says when either is gone; what happens in that process is
:class:`~dqn_core.runs.executors.worker_actor.WorkerActor`. Importing this module imports no ray: the package is
optional (``requirements-cluster.txt``) and loaded by the first :class:`RayCluster`.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import math
import os
import pickle
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.compute import adopt_rates, known_rates
from dqn_core.config import TrainingConfig
from dqn_core.environments.own import is_own, present_sources
from dqn_core.errors import ClusterError, DqnLabError, MachineLostError, WorkerDiedError, mark
from dqn_core.events import EndReason, EpisodeEnded, Event, HyperparametersChanged, Notice, RunEnded, RunStarted
from dqn_core.files import write_once
from dqn_core.runs.executors.process import Forwarder, death_of
from dqn_core.runs.executors.thread import Mailbox
from dqn_core.runs.executors.training_worker import Measured, RunToTrain, portable_environment, train, warm_up
from dqn_core.runs.executors.worker_actor import (
    EnvironmentFiles,
    Order,
    Reading,
    WorkerActor,
    WorkerStanding,
    lab_version,
)
from dqn_core.runs.executors.worker_process import Commands, Failed, Finished, ProcessEndedError, Send
from dqn_core.training.budget import run_memory
from dqn_core.training.checkpoint import Checkpoint

__all__ = ["Attached", "RayCluster", "RayTaskWorker", "RayTrainer"]

_LOG = logging.getLogger(__name__)

_CONNECT_S = 5.0
"""How long an address may take to answer."""
_READ_S = 5.0
"""How long one reading waits for news."""
_PATIENCE_S = 5.0
"""A run whose actor has no machine by then says so."""
_ANSWER_S = 2.0
"""How long an actor may take to answer before it is ended without having been asked."""
_GRACE_S = 2.0
"""A worker whose run is over has this long to close its environments."""
_SETTLED_S = 3.0
"""What Ray tells of free cores lags behind: by so much at most."""
_LOOK_S = 1.0
_MOST_ENVIRONMENT_BYTES = 64 * 2**20
_IDENTITY = "cluster.id"

_ACTOR = {"concurrency_groups": {"control": 1, "commands": 1, "events": 2}}
"""Of which none waits for another."""

_QUIET = {
    "RAY_ENABLE_AUTO_CONNECT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "86400",  # else Ray ends this process a minute after its head is gone
}
"""Set before ray is imported: it starts no cluster by itself, tells nobody of its use, and does not end the server."""

_NO_CORE = mark(
    "The cluster has no machine with a free core and enough memory for this run at the moment: it begins as soon as "
    "there is one."
)
_ON_MACHINE = mark(
    "This happened on the machine {machine} of the cluster: what a run needs must be installed on every machine."
)


@functools.cache
def _ray() -> Any:
    """The package. Raises :class:`ClusterError` where it is not installed."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        template = mark(
            "Training on a Ray cluster needs the package ray ({cause}): pip install -r requirements-cluster.txt, or "
            "choose another executor."
        )
        raise ClusterError(template, cause=error) from error
    logging.getLogger("ray").setLevel(logging.ERROR)
    return ray


# ------------------------------------------------------------------------------------------------------ the connection


class _Connection:
    """This process's one connection to a cluster; Ray allows no second."""

    _lock = threading.Lock()
    _holders = 0
    _address = ""

    @classmethod
    def open(cls, address: str) -> None:
        """Connect, or share the connection that there is. Raises :class:`ClusterError` where that cannot be."""
        ray = _ray()
        with cls._lock:
            if cls._holders and cls._address != address:
                template = mark("This process is connected to the cluster at {known}: it cannot use {address} as well.")
                raise ClusterError(template, known=cls._address, address=address)
            if not ray.is_initialized():
                _connect(ray, address)
            cls._address = address
            cls._holders += 1

    @classmethod
    def close(cls) -> None:
        """Disconnect, unless somebody else is connected; actors stay as they are."""
        with cls._lock:
            cls._holders -= 1
            if cls._holders == 0:
                _ray().shutdown()


def _connect(ray: Any, address: str) -> None:
    if address != "auto":
        _check_answers(address)
    failures: list[BaseException] = []

    def connect() -> None:
        try:
            ray.init(
                address=address,
                namespace="dqn-lab",
                configure_logging=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except BaseException as error:  # noqa: BLE001  told below, whatever it is
            failures.append(error)

    thread = threading.Thread(target=connect, name="ray-connect")  # in the main thread, Ray takes over SIGTERM
    thread.start()
    thread.join()
    if failures:
        template = mark(
            "The Ray cluster at {address} cannot be joined ({cause}). This machine has to be a part of it: start "
            "`ray start --head` here, or `ray start --address HOST:6379` for the cluster of another machine."
        )
        raise ClusterError(template, address=address, cause=_first_line(failures[0])) from failures[0]


def _check_answers(address: str) -> None:
    """Ray itself tries for a minute."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _CONNECT_S).close()
    except (OSError, ValueError) as error:
        template = mark(
            "No Ray cluster answers at {address} ({cause}). Start one there with `ray start --head`, or correct the "
            "address: HOST:PORT as `ray start` prints it, or auto for a cluster that this machine is a part of."
        )
        raise ClusterError(template, address=address, cause=error) from error


# --------------------------------------------------------------------------------------------------------- the cluster


class Attached(NamedTuple):
    """A run that went on without its server, and what is stored of it."""

    name: str
    actor: Any
    standing: WorkerStanding
    episodes: int = 0
    changes: frozenset[tuple[float, int]] = frozenset()
    """Of each live change when it was made: seconds of training and env step."""


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """Where a run trains."""

    actor: Any
    machine: str
    node: str


class RayCluster:
    """The cluster on which one laboratory's runs train; any thread may call any method.

    Parameters
    ----------
    address
        ``HOST:PORT`` of the cluster's head, or ``auto`` for the one that this machine is a part of. Raises
        :class:`~dqn_core.errors.ClusterError`, which says what to do, where there is none, or no ray.
    data_dir
        The laboratory's folder, by which it knows its own runs on the cluster again.
    preload
        Modules that every worker imports, which register environments.
    """

    def __init__(self, address: str, data_dir: Path, preload: Iterable[str] = ()) -> None:
        self._preload = tuple(preload)
        self._namespace = f"dqn-lab-{_identity(data_dir)}"
        _Connection.open(address or "auto")
        self._lock = threading.Lock()
        self._actors: dict[str, Any] = {}
        """By name, those that this server began or took up."""
        self._turns = itertools.count()
        self._used_by_others = 0.0
        self._moved_at = time.monotonic()
        self._is_closed = threading.Event()
        self.is_ending = False
        """Whether the server ended its actors because it shuts down."""
        self._nodes: list[Mapping[str, Any]] = []
        self._on_change: Callable[[], None] = lambda: None
        self._look()
        threading.Thread(target=self._keep_looking, name="cluster", daemon=True).start()

    # ------------------------------------------------------------------------------------------- places

    @property
    def places(self) -> int:
        """Runs that can train at a time: the cluster's cores, less those that others use."""
        cores = sum(int(_resource(node, "CPU")) for node in self._nodes)
        return max(0, cores - math.ceil(self._used_by_others))

    @property
    def memory_bytes(self) -> int | None:
        """What one run may take: the memory of the largest machine; None where none is there."""
        return max((int(_resource(node, "memory")) for node in self._nodes), default=None)

    def on_change(self, told: Callable[[], None]) -> None:
        """Have ``told`` called when there are more places, or fewer."""
        self._on_change = told

    def _keep_looking(self) -> None:
        while not self._is_closed.wait(_LOOK_S):
            before = self.places
            try:
                self._look()
            except Exception as error:  # noqa: BLE001  a head that does not answer may answer again
                _LOG.warning("The cluster does not answer: %s", _first_line(error))
                continue
            if self.places != before:
                self._on_change()

    def _look(self) -> None:
        ray = _ray()
        self._nodes = [node for node in ray.nodes() if node["Alive"]]
        with self._lock:
            ours, is_settled = len(self._actors), time.monotonic() - self._moved_at > _SETTLED_S
        if is_settled:
            used = sum(_resource(node, "CPU") for node in self._nodes) - ray.available_resources().get("CPU", 0.0)
            self._used_by_others = max(0.0, used - ours)

    # -------------------------------------------------------------------------------------------- actors

    def new_actor(self, run_id: str, config: TrainingConfig) -> tuple[str, Any]:
        """(Name, handle) of an actor for a run; it waits for a machine. Raises DqnLabError where none will do."""
        ray, needs_gpu = _ray(), config.compute == "torch-cuda"
        if needs_gpu and not any(_resource(node, "GPU") >= 1.0 for node in self._nodes):
            template = mark("No machine of the cluster has a GPU for compute {compute}: choose auto or torch-cpu.")
            raise DqnLabError(template, compute=config.compute)
        name = f"{run_id}.{secrets.token_hex(4)}"
        actor = (
            ray.remote(**_ACTOR)(WorkerActor)
            .options(
                name=name,
                namespace=self._namespace,
                lifetime="detached",
                num_cpus=1,
                num_gpus=int(needs_gpu),
                memory=run_memory(config),
                max_restarts=0,
                scheduling_strategy="SPREAD",
            )
            .remote()
        )
        self.hold(name, actor)
        return name, actor

    def hold(self, name: str, actor: Any) -> None:
        """The actor of that name takes a core from now on."""
        with self._lock:
            self._actors[name] = actor
            self._moved_at = time.monotonic()

    def let_go(self, name: str) -> None:
        """The actor of that name is another server's from now on."""
        with self._lock:
            self._actors.pop(name, None)
            self._moved_at = time.monotonic()

    def end(self, name: str) -> None:
        """End an actor of this server; nothing happens where it has ended."""
        with self._lock:
            actor = self._actors.pop(name, None)
            self._moved_at = time.monotonic()
        if actor is not None:
            _end([actor])

    def survivors(self, run_ids: Collection[str] | None = None) -> dict[str, Attached]:
        """By run id: what an earlier server of this laboratory left on the cluster; of these runs alone, if given.

        An actor that was to train and had not begun is ended.
        """
        ray = _ray()
        found: dict[str, Attached] = {}
        for each in ray.util.list_named_actors(all_namespaces=True):
            if each["namespace"] != self._namespace or each["name"] in self._actors:
                continue
            name, run_id = each["name"], each["name"].rpartition(".")[0]
            if run_ids is not None and run_id not in run_ids:
                continue
            try:
                actor = ray.get_actor(name, namespace=self._namespace)
            except ValueError:  # it has just ended
                continue
            standing = self._standing(actor)
            if standing is None:
                _end([actor])
            else:
                self.hold(name, actor)
                found[run_id] = Attached(name, actor, standing)
        return found

    def _standing(self, actor: Any) -> WorkerStanding | None:
        ray = _ray()
        try:
            standing: WorkerStanding | None = ray.get(
                actor.standing.options(concurrency_group="control").remote(), timeout=_READ_S
            )
        except ray.exceptions.RayError as error:
            _LOG.warning("An actor of an earlier server does not answer: %s", _first_line(error))
            return None
        return standing

    def order(self, run: RunToTrain) -> Order:
        """The training of a run, for an actor to begin."""
        return Order(
            function=train,
            argument=run,
            warm_up=warm_up,
            may_use_gpu=run.config.compute == "torch-cuda",
            preload=self._preload,
            environments=_environments(run.config.env_id),
            version=lab_version(),
        )

    # --------------------------------------------------------------------------------------------- tasks

    def new_task_actor(self) -> Any:
        """An actor for a job's task, on one of the machines that train; it takes no core from runs, and ends with us.

        Raises :class:`~dqn_core.errors.ClusterError` where there is no such machine.
        """
        ray = _ray()
        trains = [node["NodeID"] for node in self._nodes if _resource(node, "CPU") >= 1.0]
        if not trains:
            raise ClusterError(mark("The cluster has no machine at the moment: try again when one has joined it."))
        place = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            trains[next(self._turns) % len(trains)], soft=True
        )
        return ray.remote(**_ACTOR)(WorkerActor).options(num_cpus=0, max_restarts=0, scheduling_strategy=place).remote()

    def task_order(self, function: Callable[[Any, Commands, Send], Any], argument: Any, niceness: int) -> Order:
        """A call for an actor of :meth:`new_task_actor`, beside training. Raises ClusterError as :meth:`order` does."""
        return Order(
            function=function,
            argument=argument,
            niceness=niceness,
            preload=self._preload,
            environments=_environments(),
            version=lab_version(),
        )

    def has_lost(self, node: str) -> bool:
        """Whether a machine that was there has left the cluster."""
        with contextlib.suppress(Exception):
            self._nodes = [each for each in _ray().nodes() if each["Alive"]]
        return all(each["NodeID"] != node for each in self._nodes)

    def end_all(self) -> None:
        """End the actors of this server, which shuts down."""
        with self._lock:
            self.is_ending = True
            actors = list(self._actors.values())
            self._actors.clear()
        _end(actors)

    def close(self) -> None:
        """Leave the cluster; actors stay as they are."""
        if not self._is_closed.is_set():
            self._is_closed.set()
            _Connection.close()


def _end(actors: Sequence[Any]) -> None:
    """End actors and their workers, whatever they do."""
    ray = _ray()
    with contextlib.suppress(ray.exceptions.RayError, SystemExit):  # the latter where Ray is shut down meanwhile
        told = [actor.kill.options(concurrency_group="control").remote() for actor in actors]
        if told:
            ray.wait(told, num_returns=len(told), timeout=_ANSWER_S)
    for actor in actors:
        with contextlib.suppress(Exception, SystemExit):
            ray.kill(actor)


def _resource(node: Mapping[str, Any], name: str) -> float:
    return float(node["Resources"].get(name, 0.0))


def _identity(data_dir: Path) -> str:
    """What tells a laboratory's actors from those of another on the same cluster."""
    path = data_dir / _IDENTITY
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_once(path, f"{secrets.token_hex(8)}\n".encode("ascii")).decode("ascii").strip()


def _environments(env_id: str | None = None) -> EnvironmentFiles | None:
    """The folder of people's own environments, where ``env_id`` is from there, or is not known.

    Raises :class:`ClusterError` for a huge one.
    """
    sources = present_sources()
    if sources.folder is None or not (sources.files if env_id is None else is_own(env_id)):
        return None
    contents, size = {}, 0
    for path in sorted(sources.folder.rglob("*")):
        name = path.relative_to(sources.folder)
        if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in name.parts):
            size += path.stat().st_size
            if size > _MOST_ENVIRONMENT_BYTES:
                template = mark(
                    "The folder {path} is too large to send along with a run: leave only the environments' own files "
                    "in it, {most} MB at most."
                )
                raise ClusterError(template, path=sources.folder, most=_MOST_ENVIRONMENT_BYTES // 2**20)
            contents[name.as_posix()] = path.read_bytes()
    env_ids = {each: path.relative_to(sources.folder).as_posix() for each, path in sources.files.items()}
    return EnvironmentFiles(contents=contents, env_ids=env_ids)


def _first_line(error: BaseException) -> str:
    return _lines(error)[0]


def _last_line(error: BaseException) -> str:
    return _lines(error)[-1]


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]


# --------------------------------------------------------------------------------------------------------- the trainer


class RayTrainer:
    """Stands for the :class:`~dqn_core.training.trainer.Trainer` that an actor of ``cluster`` runs.

    Its events raise :class:`~dqn_core.errors.MachineLostError` where the actor's machine goes away before the run is
    over, and another :class:`~dqn_core.errors.WorkerDiedError` where the actor or its worker does.

    Parameters
    ----------
    run_id
        By which a server that is started again knows the run.
    on_lost
        Called, once, before :class:`~dqn_core.errors.MachineLostError` is raised.
    attached
        The actor that trains the run already; None for one that is to begin.
    """

    def __init__(  # noqa: PLR0913  a trainer's factory, and where the run is
        self,
        config: TrainingConfig,
        mailbox: Mailbox,
        *,
        cluster: RayCluster,
        run_id: str,
        on_lost: Callable[[], None],
        resume_from: Checkpoint | None = None,
        initial_weights: Mapping[str, NDArray[np.float32]] | None = None,
        attached: Attached | None = None,
    ) -> None:
        self._run = RunToTrain(
            config=config,
            rates={},
            resume_from=resume_from,
            initial_weights=initial_weights,
            environment=portable_environment(config.env_id),
        )
        self._mailbox = mailbox
        self._cluster = cluster
        self._run_id = run_id
        self._on_lost = on_lost
        self._attached = attached
        self._lock = threading.Lock()
        self._name = ""
        self._is_killed = False
        self._is_detached = threading.Event()
        self._episodes = attached.episodes if attached else _finished_episodes(resume_from)
        self._changes = set(attached.changes) if attached else set()
        self._arrived = self._acknowledged = 0
        self._has_started = attached is not None

    def events(self) -> Iterator[Event]:
        """The trainer's events up to and with RunEnded, each once."""
        ray = _ray()
        placed, forwarder, is_over = None, None, False
        try:
            placed = self._taken_up() if self._attached else (yield from self._placed())
            tell = placed.actor.tell.options(concurrency_group="commands").remote
            forwarder = Forwarder(self._mailbox, tell, f"commands-{self._run_id}")
            forwarder.start()
            for event in self._listen(placed):
                is_over = isinstance(event, RunEnded)
                yield event
        except ray.exceptions.RayError as error:
            raise self._death(error, placed) from error
        finally:
            if is_over and placed is not None:
                with contextlib.suppress(ray.exceptions.RayError, SystemExit):
                    ray.get(placed.actor.leave.remote(_GRACE_S), timeout=_GRACE_S + _ANSWER_S)
            self._cluster.end(self._name)
            if forwarder is not None:
                forwarder.stop()

    def kill(self) -> None:
        """End the actor, whatever it does; any thread may."""
        with self._lock:
            self._is_killed = True
            name = self._name
        if name:
            self._cluster.end(name)

    def detach(self) -> None:
        """Leave the actor to another server; any thread may."""
        with self._lock:
            name = self._name
        self._is_detached.set()
        self._cluster.let_go(name)

    def acknowledge(self) -> None:
        """All events so far are stored: the actor need not keep them. Called by whoever consumes them."""
        self._acknowledged = self._arrived

    # --------------------------------------------------------------------------------------------- beginning

    def _placed(self) -> Generator[Event, None, _Placed]:
        """Have the run begin on a machine; says so where none is free."""
        ray = _ray()
        name, actor = self._cluster.new_actor(self._run_id, self._run.config)
        with self._lock:
            self._name = name
            if self._is_killed:
                raise _ended_by_server()
        begun = actor.begin.remote(self._cluster.order(replace(self._run, rates=known_rates())))
        if not ray.wait([begun], timeout=_PATIENCE_S)[0]:
            yield Notice(template=_NO_CORE)
        return _Placed(actor=actor, machine=ray.get(begun), node=_node_of(actor))

    def _taken_up(self) -> _Placed:
        """Where the run trains that went on without its server."""
        assert self._attached is not None  # noqa: S101  who calls this has looked
        actor, self._name = self._attached.actor, self._attached.name
        return _Placed(actor=actor, machine=self._attached.standing.machine, node=_node_of(actor))

    # --------------------------------------------------------------------------------------------- listening

    def _listen(self, placed: _Placed) -> Iterator[Event]:
        after = 0
        while not self._is_detached.is_set():
            reading = self._read(placed, after)
            for number, batch in reading.batches:
                messages = pickle.loads(batch)  # noqa: S301  of this program's own making
                for place, message in enumerate(messages, 1):
                    if place == len(messages):
                        self._arrived = number
                    if self._is_detached.is_set():
                        return
                    yield from self._taken(message, placed)
                    if isinstance(message, (RunEnded, Finished)):
                        return
                after = number
            if reading.status is not None:
                raise death_of(reading.status, is_given_up=False)

    def _read(self, placed: _Placed, after: int) -> Reading:
        ray = _ray()
        while True:
            read = placed.actor.read.options(concurrency_group="events").remote
            try:
                reading: Reading = ray.get(read(after, self._acknowledged, _READ_S))
            except ray.exceptions.ActorUnavailableError:  # a network's short break: Ray says when it is a long one
                time.sleep(_LOOK_S)
            else:
                return reading

    def _taken(self, message: Any, placed: _Placed) -> Iterator[Event]:
        """What is new in a message."""
        match message:
            case Failed(error):
                raise error
            case Measured(rates):
                adopt_rates(rates)
            case Finished():
                pass
            case RunStarted():
                self._has_started = True
                yield message
            case RunEnded(reason=EndReason.FAILED) if not self._has_started:
                parameters = {**message.parameters, "machine": placed.machine}
                yield replace(message, template=f"{message.template}\n\n{_ON_MACHINE}", parameters=parameters)
            case EpisodeEnded():
                if message.episode > self._episodes:
                    self._episodes = message.episode
                    yield message
            case HyperparametersChanged():
                made = (message.wall_time_s, message.env_step)
                if made not in self._changes:
                    self._changes.add(made)
                    yield message
            case _:
                yield message

    # ------------------------------------------------------------------------------------------------- death

    def _death(self, error: Exception, placed: _Placed | None) -> DqnLabError:
        """Why the actor is gone, in words."""
        if self._is_killed or self._cluster.is_ending:
            return _ended_by_server()
        if isinstance(error, _ray().exceptions.RayTaskError):
            cause = error.cause
            if isinstance(cause, DqnLabError):
                return cause
        if placed is not None and ("node has died" in str(error) or self._cluster.has_lost(placed.node)):
            self._on_lost()
            template = mark("The machine {machine}, which trained this run, left the cluster. What it logged is kept.")
            return MachineLostError(template, machine=placed.machine)
        if getattr(error, "actor_init_failed", False) or placed is None:
            template = mark(
                "No machine of the cluster could begin this run ({cause}). Each needs the lab, at the version of this "
                "server, where Python finds it: start it from the lab's folder."
            )
            return WorkerDiedError(template, cause=_last_line(error))
        template = mark(
            "The process on the machine {machine} that looked after this run ended ({cause}). What it logged is kept."
        )
        return WorkerDiedError(template, machine=placed.machine, cause=_last_line(error))


def _node_of(actor: Any) -> str:
    """Id of the node on which an actor lives."""
    node: str = _ray().get(actor.__ray_call__.remote(_own_node))
    return node


def _own_node(_actor: WorkerActor) -> str:
    node: str = _ray().get_runtime_context().get_node_id()
    return node


def _finished_episodes(checkpoint: Checkpoint | None) -> int:
    if checkpoint is None or not checkpoint.is_of_this_version:
        return 0
    return int(checkpoint.values["counters"]["finished_episodes"])


def _ended_by_server() -> WorkerDiedError:
    return death_of(0, is_given_up=True)


# ------------------------------------------------------------------------------------------------------ a job's task


class RayTaskWorker:
    """A worker process on a machine of ``cluster``, for one call.

    It is used as a :class:`~dqn_core.runs.executors.worker_process.WorkerProcess` is. Raises
    :class:`~dqn_core.errors.ClusterError` where the cluster has no machine.
    """

    def __init__(self, cluster: RayCluster, niceness: int = 0) -> None:
        self._cluster = cluster
        self._niceness = niceness
        self._actor = cluster.new_task_actor()
        self._incoming, self._outgoing = Pipe(duplex=False)
        self._status = 0

    @property
    def connection(self) -> Connection[Any, Any]:
        """Becomes ready where there is something to :meth:`receive`."""
        return self._incoming

    def begin(self, function: Callable[[Any, Commands, Send], Any], argument: Any) -> None:
        """Have ``function`` of a module called with ``argument``, with no commands, and with what sends."""
        order = self._cluster.task_order(function, argument, self._niceness)
        threading.Thread(target=self._bring, args=(order,), name="task", daemon=True).start()

    def receive(self) -> list[Any]:
        """The next messages; waits for them. Raises :class:`ProcessEndedError` where none will come."""
        try:
            messages: list[Any] = pickle.loads(self._incoming.recv_bytes())  # noqa: S301  of this program's own making
        except EOFError:
            raise ProcessEndedError(self._status) from None
        return messages

    def leave(self) -> None:
        """End the actor, whatever it does."""
        _end([self._actor])

    def close(self) -> None:
        """Nothing more is received."""
        self._incoming.close()

    def _bring(self, order: Order) -> None:
        """Bring here what the actor's worker says, to its end."""
        ray, arrived = _ray(), 0
        with self._outgoing, contextlib.suppress(BrokenPipeError):  # nobody listens any more
            try:
                ray.get(self._actor.begin.remote(order))
                read = self._actor.read.options(concurrency_group="events").remote
                reading = Reading(batches=(), status=None)
                while reading.status is None:
                    reading = ray.get(read(arrived, arrived, _READ_S))
                    for number, batch in reading.batches:
                        self._outgoing.send_bytes(batch)
                        arrived = number
                self._status = reading.status
            except (ray.exceptions.RayError, SystemExit) as error:  # the latter where Ray is shut down meanwhile
                cause = getattr(error, "cause", None)
                template = mark("The machine of the cluster that did this left it ({cause}): try again.")
                lost = cause if isinstance(cause, DqnLabError) else ClusterError(template, cause=_last_line(error))
                self._outgoing.send_bytes(pickle.dumps([Failed(lost)]))
