"""A Ray cluster of several machines, as processes on this one."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any
from unittest import mock

from dqn_core.runs.executors.ray_cluster import _ray

ROOT = Path(__file__).resolve().parents[2]
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # as there: all of it on 127.0.0.1; read when ray is imported
_SETTINGS = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2_000,
    "health_check_failure_threshold": 8,
    "prestart_worker_first_driver": False,
    "agent_register_timeout_ms": 100_000,
}
"""A machine that does not answer is given up after seconds, not half a minute; no more processes than are used."""
_MACHINE = {"object_store_memory": 80 * 2**20, "include_log_monitor": False}


class LocalCluster:
    """A head without cores, to which the server belongs, and machines that train."""

    def __init__(self, *cores: int) -> None:
        _ray()
        from ray.cluster_utils import Cluster

        paths = [str(ROOT), str(ROOT / "tests" / "support")]
        os.environ["PYTHONPATH"] = os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])
        self._cluster: Any = Cluster()
        with mock.patch("ray._private.services.start_api_server", return_value=(None, None)):  # takes seconds
            self._start(num_cpus=0, _system_config=_SETTINGS)
        self.machines = [self.add(each) for each in cores]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self, cores: int) -> Any:
        return self._start(num_cpus=cores)

    def remove(self, machine: Any) -> None:
        """Without a warning."""
        self._cluster.remove_node(machine, allow_graceful=False)

    def close(self) -> None:
        handler = signal.getsignal(signal.SIGTERM)
        self._cluster.shutdown()
        signal.signal(signal.SIGTERM, handler)

    def _start(self, **settings: Any) -> Any:
        """Start a machine without waiting for what helps it: on a busy machine of tests, Ray would give up."""
        from ray import _raylet
        from ray._private.node import Node

        ports, start = _ports(), Node.start_ray_processes

        def start_with_ports(node: Any) -> None:
            for name, port in ports.items():
                _raylet.persist_port(node._session_dir, node.node_id, getattr(_raylet, f"{name.upper()}_NAME"), port)
            start(node)

        with mock.patch.object(Node, "start_ray_processes", start_with_ports):
            return self._cluster.add_node(**_MACHINE, **ports, **settings)


def _ports() -> dict[str, int]:
    names = ("metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", "dashboard_agent_listen_port")
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = {name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)}
    for each in sockets:
        each.close()
    return ports
