"""Where the next run trains: in this process, in one of its own, or on a cluster."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

from dqn_core.environments.make import comes_with_gymnasium
from dqn_core.environments.own import is_own
from dqn_core.errors import UnsupportedEnvironmentError
from dqn_core.runs.executors.process import ProcessTrainer, WorkerPool
from dqn_core.runs.executors.ray_cluster import Attached, RayCluster, RayTaskWorker, RayTrainer
from dqn_core.runs.executors.thread import TrainerFactory, make_trainer
from dqn_core.runs.executors.training_worker import portable_environment
from dqn_core.runs.executors.worker_process import import_modules

__all__ = ["Executor", "Executors"]

Executor = Literal["auto", "thread", "process", "ray"]
"""Where runs train: "auto" decides for each run, see :class:`Executors`; or always the same."""


class Executors:
    """Gives each run its trainer factory; any thread may call any method.

    Parameters
    ----------
    executor
        Several trainers in one interpreter are slower in all than one alone: "auto" takes a process for a run that
        begins beside others. It also takes one for an environment that does not come with Gymnasium: such code may
        hang or crash, and a process is what can be ended without the server. Processes need a POSIX system; elsewhere
        "auto" is "thread". "ray" is a cluster.
    preload
        Modules to import, here and in every worker process, because they register environments. Raises
        :class:`~dqn_core.errors.DqnLabError` for one that cannot be imported.
    trainer_factory
        Used for every run where it is given; overrides ``executor``.
    ray_address, data_dir
        Of the cluster, and of the laboratory that uses it: see
        :class:`~dqn_core.runs.executors.ray_cluster.RayCluster`.
    on_lost
        Called with the id of each run whose machine has left the cluster, shortly before that run ends.
    """

    def __init__(  # noqa: PLR0913, PLR0917  each is one setting of a server
        self,
        executor: Executor,
        preload: Sequence[str],
        trainer_factory: TrainerFactory | None,
        ray_address: str = "",
        data_dir: Path = Path("data"),
        on_lost: Callable[[str], None] = lambda _run_id: None,
    ) -> None:
        import_modules(preload)
        self._executor: Executor = "thread" if executor == "auto" and os.name != "posix" else executor
        self._trainer_factory = trainer_factory
        self._on_lost = on_lost
        is_chosen = trainer_factory is None
        self.pool = WorkerPool(preload) if is_chosen and self._executor in {"auto", "process"} else None
        self.cluster = RayCluster(ray_address, data_dir, preload) if is_chosen and executor == "ray" else None

    @property
    def keeps_places(self) -> bool:
        """Whether a run that is paused keeps its place: its actor holds a core until it ends."""
        return self.cluster is not None

    def factory(self, run_id: str, env_id: str, *, is_alone: bool) -> TrainerFactory:
        """The factory for a run in ``env_id`` that begins alone, or beside others."""
        if self._trainer_factory is not None:
            return self._trainer_factory
        if self.cluster is not None:
            lost = functools.partial(self._on_lost, run_id)
            return functools.partial(RayTrainer, cluster=self.cluster, run_id=run_id, on_lost=lost)
        if self.pool is None or (self._executor == "auto" and is_alone and not _needs_process(env_id)):
            return make_trainer
        return functools.partial(ProcessTrainer, pool=self.pool)

    def prepare(self) -> None:
        """Have a worker ready for the next run."""
        if self.pool is not None:
            self.pool.prepare()

    @property
    def task_workers(self) -> Callable[[int], RayTaskWorker] | None:
        """Makes what does a job's task on the cluster, from how far it steps back; None where there is no cluster."""
        return None if self.cluster is None else functools.partial(RayTaskWorker, self.cluster)

    def places(self, wanted: int | None) -> int:
        """How many runs train at a time where ``wanted`` are, or, for None, as many as there are cores."""
        if self.cluster is None:
            return wanted if wanted is not None else os.cpu_count() or 1
        cores = self.cluster.places
        return cores if wanted is None else min(wanted, cores)

    def memory_bytes(self, wanted: int | None) -> int | None:
        """What one run may take where ``wanted`` is, or, for None, as much as there is; None for this machine's."""
        return self.cluster.memory_bytes if wanted is None and self.cluster is not None else wanted

    def survivors(self, run_ids: Collection[str] | None = None) -> Mapping[str, Attached]:
        """By run id, what went on while there was no server; of these runs alone, if given."""
        return {} if self.cluster is None else self.cluster.survivors(run_ids)

    def end_survivor(self, survivor: Attached) -> None:
        """End one of :meth:`survivors`, of which nothing is wanted any more."""
        if self.cluster is not None:
            self.cluster.end(survivor.name)

    @property
    def has_workers(self) -> bool:
        """Whether what trains a run can be ended with :meth:`close`."""
        return self.pool is not None or self.cluster is not None

    def close_spares(self) -> None:
        """End the workers that wait for a run, and start no more."""
        if self.pool is not None:
            self.pool.close_spares()

    def close(self) -> None:
        """End everything that still trains."""
        if self.pool is not None:
            self.pool.close()
        if self.cluster is not None:
            self.cluster.end_all()

    def disconnect(self) -> None:
        """Leave the cluster; what trains there, if anything does, stays."""
        if self.cluster is not None:
            self.cluster.close()


def _needs_process(env_id: str) -> bool:
    """Whether the environment is other people's code, and can be had in another process."""
    try:
        return is_own(env_id) or not (comes_with_gymnasium(env_id) or portable_environment(env_id) is None)
    except UnsupportedEnvironmentError:  # the run says so in its own words
        return False
