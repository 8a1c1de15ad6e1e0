"""What is gathered between two writings leaves the same files as if each had been written at once."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_core.config import TrainingConfig
from dqn_core.events import WeightsReady
from dqn_core.training import snapshots
from dqn_core.training.run_folder import KeptEpisodes, RunFolder
from dqn_core.training.snapshots import thinning_interval
from trainer_runs import recorded


def _snapshot(episode: int, size: int = 4) -> WeightsReady:
    state = {"online.layers.0.bias": np.full(size, episode, np.float32)}
    return WeightsReady(kind="kept", episode=episode, env_step=10 * episode, eval_return=float(episode), state=state)


def _files(folder: RunFolder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder.path)): path.read_bytes() for path in folder.path.rglob("*-*") if path.is_file()
    }


def _kept(episodes: Sequence[int]) -> list[int]:
    """Those that a trainer hands out, of ``episodes``."""
    return [episode for episode in episodes if episode % thinning_interval(episode) == 0]


@settings(max_examples=15, deadline=None)
@given(last=st.integers(1, 400), pauses=st.sets(st.integers(1, 400), max_size=6))
def test_the_folder_is_the_same_however_seldom_it_is_written(last: int, pauses: set[int]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        together = RunFolder.create(Path(scratch) / "together", TrainingConfig())
        one_by_one = RunFolder.create(Path(scratch) / "one by one", TrainingConfig())
        gathered = KeptEpisodes()
        for episode in _kept(range(1, last + 1)):
            gathered.add(_snapshot(episode))
            gathered.add(recorded(episode))
            one_by_one.write_snapshot(_snapshot(episode))
            one_by_one.write_recording(recorded(episode))
            if episode in pauses:
                together.write_kept(gathered)
                assert not gathered
        together.write_kept(gathered)
        assert _files(together) == _files(one_by_one)
        assert len(_files(together)) >= 2


def test_what_would_be_thinned_out_is_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    monkeypatch.setattr(snapshots, "write_atomically", lambda path, _content, **_: written.append(path))
    folder, gathered = RunFolder.create(tmp_path / "run", TrainingConfig()), KeptEpisodes()
    for episode in _kept(range(1, 481)):
        gathered.add(_snapshot(episode))
    folder.write_kept(gathered)
    assert [path.name for path in written] == [f"episode-{number:08}.safetensors" for number in range(8, 481, 8)]


def test_large_networks_are_not_gathered_for_long() -> None:
    gathered = KeptEpisodes()
    gathered.add(_snapshot(1, size=2**20))  # 4 MiB
    assert not gathered.is_full
    gathered.add(_snapshot(2, size=2**20 + 1))
    assert gathered.is_full
    gathered.keep_newest_only()
    assert not gathered.is_full


def test_a_disk_that_takes_nothing_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, gathered = RunFolder.create(tmp_path / "run", TrainingConfig()), KeptEpisodes()
    gathered.add(_snapshot(1))
    gathered.add(recorded(1))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "write_atomically", full)
        with pytest.raises(OSError, match="No space"):
            folder.write_kept(gathered)
    folder.write_kept(gathered)
    assert sorted(_files(folder)) == ["recordings/episode-00000001.json", "snapshots/episode-00000001.safetensors"]
