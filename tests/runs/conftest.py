from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dqn_core.runs.manager import Executor, RunManager
from local_cluster import LocalCluster
from scripted_trainer import Managed, Script, following


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[Managed]:
    """Managers of one data folder, each with trainers that follow a script."""
    managers: list[RunManager] = []

    def make(script: Script, **settings: Any) -> RunManager:
        settings.setdefault("max_active_runs", 50)
        managers.append(RunManager(tmp_path / "data", trainer_factory=following(script), **settings))
        return managers[-1]

    yield make
    for manager in managers:
        manager.close()


@pytest.fixture(scope="session")
def local_cluster() -> Iterator[LocalCluster]:
    """Two machines, for tests that break none of them."""
    cluster = LocalCluster(8, 8)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def manager_on(request: pytest.FixtureRequest) -> Callable[..., RunManager]:
    """Makes a manager with the executor of that name; the caller closes it."""

    def make(executor: Executor, path: Path, **settings: Any) -> RunManager:
        if executor == "ray":
            settings["ray_address"] = request.getfixturevalue("local_cluster").address
        return RunManager(path, executor=executor, **settings)

    return make
