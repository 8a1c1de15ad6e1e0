from __future__ import annotations

from pathlib import Path

import pytest

from dqn_core.training.run_folder import RunFolder, RunLog
from dqn_core.training.trainer import Trainer
from trainer_runs import short_config


@pytest.fixture(scope="session")
def run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of the command line's kind: only to be read."""
    path = tmp_path_factory.mktemp("runs") / "run"
    config = short_config(max_episodes=12, evaluate_every=3)
    log = RunLog(RunFolder.create(path, config))
    for event in Trainer(config).events():
        log.write(event)
    log.close()
    return path
