"""Honesty is measured in a process of its own, whose result stays with the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from dqn_core.inside import measure
from dqn_core.inside.errands import Errand, Errands
from dqn_core.inside.honesty import promises
from dqn_core.inside.library import Library
from dqn_core.training.randomness import EVALUATION_SEED
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


def test_the_result_is_what_the_agents_promise_and_get(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure.main([str(folder.path), "--episodes", "2", "--moments", "2"]) == 0
    expected = list(promises(Library().agents(folder, 2), range(EVALUATION_SEED, EVALUATION_SEED + 2)))
    assert measure.read_promises(folder.path) == expected
    assert len({each.env_step for each in expected}) == 2
    assert capsys.readouterr().out.split() == ["1/4", "2/4", "3/4", "4/4"]


def test_a_run_without_snapshots_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = RunFolder.create(tmp_path / "new", short_config())
    assert measure.main([str(empty.path)]) == 2
    assert "no snapshot" in capsys.readouterr().err
    assert measure.main([str(tmp_path / "nowhere")]) == 2
    assert measure.read_promises(empty.path) == []


@pytest.mark.parametrize("text", ["", "episode,env_step\n1\n", "\xff\xfe", "episode,seed\na,b\n"])
def test_a_file_that_is_no_result_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / measure.RESULT).write_text(text, encoding="latin-1")
    assert measure.read_promises(tmp_path) == []


def test_an_errand_tells_how_far_it_is_and_leaves_its_result(folder: RunFolder) -> None:
    (folder.path / measure.RESULT).unlink(missing_ok=True)
    errands = Errands()
    errand = errands.start(folder.path, episodes=1, moments=2)
    assert errand is not None
    assert errands.start(folder.path, episodes=1, moments=2) is errand
    assert errands.latest(folder.path) is errand
    assert errand.join(timeout_s=90)
    assert (errand.done, errand.total, errand.failure) == (2, 2, "")
    assert len(measure.read_promises(folder.path)) == 2
    errands.close()


def test_a_failed_errand_keeps_its_last_words(tmp_path: Path) -> None:
    errand = Errand(tmp_path, [])
    assert errand.join(timeout_s=90)
    assert "is not a run folder" in errand.failure


def test_closing_ends_what_is_on_its_way(folder: RunFolder) -> None:
    errands = Errands()
    errand = errands.start(folder.path, episodes=10_000, moments=4)
    assert errand is not None
    errands.close()
    assert errand.is_over
    assert errand.failure == ""
    assert errands.latest(folder.path) is None
