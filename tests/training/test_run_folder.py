from __future__ import annotations

import math
import os
import stat
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save

from dqn_core.errors import ConfigError, RunFolderError
from dqn_core.events import EPISODE_COLUMNS, EpisodeEnded, SetHyperparameter
from dqn_core.files import write_atomically, write_once
from dqn_core.training.controls import Mailbox
from dqn_core.training.evaluation import evaluate_folder
from dqn_core.training.run_folder import RunFolder, RunLog
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind, short_config


def write_run(path: Path, **changes: object) -> tuple[Trainer, list[EpisodeEnded]]:
    config = short_config(evaluate_every=2, **changes)
    mailbox = Mailbox()
    mailbox.put(SetHyperparameter("gamma", 0.9))
    trainer, log = Trainer(config, mailbox), RunLog(RunFolder.create(path, config))
    events = []
    for event in trainer.events():
        log.write(event)
        events.append(event)
    log.close()
    return trainer, of_kind(events, EpisodeEnded)


def test_the_folder_holds_the_whole_log_in_full_precision(tmp_path: Path) -> None:
    _, episodes = write_run(tmp_path / "run")
    table = pd.read_csv(tmp_path / "run" / "episodes.csv")
    assert tuple(table.columns) == EPISODE_COLUMNS
    assert table["loss_mean"].tolist() == [episode.loss_mean for episode in episodes]
    assert table["return"].tolist() == [episode.episode_return for episode in episodes]
    assert table["eval_return"].isna().tolist() == [math.isnan(episode.eval_return) for episode in episodes]
    assert table["terminated"].tolist() == [episode.terminated for episode in episodes]
    changes = pd.read_csv(tmp_path / "run" / "changes.csv")
    assert changes[["field", "old", "new"]].values.tolist() == [["gamma", 0.99, 0.9]]


def test_the_config_holds_the_live_changes_and_the_weights_the_network(tmp_path: Path) -> None:
    trainer, _ = write_run(tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    assert folder.config == trainer.state.config
    assert folder.config.gamma == 0.9
    for name, array in trainer.state.learner.weights().items():
        np.testing.assert_array_equal(folder.weights("last")[name], array)


def test_evaluation_of_a_folder_repeats_itself_and_knows_its_seeds(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    three = evaluate_folder(folder, "best", episodes=3, seed=50)
    assert three.returns == evaluate_folder(folder, "best", episodes=3, seed=50).returns
    assert three.returns[1] == evaluate_folder(folder, "best", episodes=1, seed=51).returns[0]
    assert three.mean == pytest.approx(np.mean(three.returns))
    assert three.lengths == tuple(int(value) for value in three.returns)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        RunFolder.open(tmp_path)
    (tmp_path / "config.json").write_text('{"gama": 1}')
    with pytest.raises(ConfigError, match="gama"):
        RunFolder.open(tmp_path)


def test_a_run_is_never_written_over(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", short_config())
    with pytest.raises(RunFolderError, match="another folder"):
        RunFolder.create(tmp_path / "run", short_config())


def test_a_path_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be written"):
        RunFolder.create(tmp_path / "file" / "run", short_config())


def test_missing_damaged_and_foreign_weights_are_refused(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", short_config())
    with pytest.raises(RunFolderError, match="no weights"):
        folder.weights("best")
    (folder.path / "best.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(RunFolderError, match="not a readable weights file"):
        folder.weights("best")
    (folder.path / "best.safetensors").write_bytes(save({"layers.0.weight": np.zeros((3, 3), np.float32)}))
    with pytest.raises(RunFolderError, match="layers"):
        evaluate_folder(folder, "best", episodes=1, seed=0)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_of_several_that_make_a_file_at_once_all_read_the_same(tmp_path: Path) -> None:
    path, barrier = tmp_path / "file", threading.Barrier(8)
    read: list[bytes] = []

    def make(number: int) -> None:
        barrier.wait(60)
        read.append(write_once(path, b"%d" % number))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(read) == 8
    assert set(read) == {path.read_bytes()}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "mode"), [(0o002, 0o664), (0o022, 0o644), (0o077, 0o600)])
def test_the_umask_says_who_may_read_a_runs_files(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_run(tmp_path / "run", max_episodes=2)
        write_atomically(tmp_path / "secret", b"", is_private=True)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert {"config.json", "episodes.csv", "best.safetensors", "checkpoint.safetensors"} <= set(modes)
    assert set(modes.values()) == {mode}
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
