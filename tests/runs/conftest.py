from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dqn_core.runs.manager import RunManager
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
