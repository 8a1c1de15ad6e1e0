"""Overestimation is measured away from the server, and its result stays with the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from dqn_core.errors import RunFolderError
from dqn_core.inside import measure
from dqn_core.inside.library import Library
from dqn_core.inside.measure import OverestimationMeasurement
from dqn_core.inside.overestimation import value_estimates
from dqn_core.training.evaluation import EVALUATION_SEED
from dqn_core.training.run_folder import RunFolder, RunLog
from dqn_core.training.trainer import Trainer
from trainer_runs import short_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    config = short_config(max_episodes=3, max_episode_steps=30)
    made = RunFolder.create(tmp_path_factory.mktemp("runs") / "a", config)
    log = RunLog(made)
    for event in Trainer(config).events():
        log.write(event)
    log.close()
    return made


def test_the_result_is_what_the_agents_predict_and_get(folder: RunFolder) -> None:
    shares: list[float] = []
    task = OverestimationMeasurement(folder=folder.path, episodes=2, snapshots=2)
    assert task.run(shares.append) == 4
    assert shares == [0.25, 0.5, 0.75, 1.0]
    expected = list(value_estimates(Library().agents(folder, 2), range(EVALUATION_SEED, EVALUATION_SEED + 2)))
    assert measure.read_estimates(folder.path) == expected
    assert len({each.env_step for each in expected}) == 2


def test_a_run_without_snapshots_is_told(tmp_path: Path) -> None:
    empty = RunFolder.create(tmp_path / "new", short_config())
    task = OverestimationMeasurement(folder=empty.path, episodes=1, snapshots=2)
    with pytest.raises(RunFolderError, match="no snapshot"):
        task.run(lambda _share: None)
    assert measure.read_estimates(empty.path) == []


@pytest.mark.parametrize("text", ["", "episode,env_step\n1\n", "\xff\xfe", "episode,seed\na,b\n"])
def test_a_file_that_is_no_result_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / measure.RESULT).write_text(text, encoding="latin-1")
    assert measure.read_estimates(tmp_path) == []
