from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.events import CheckpointReady, WeightsReady
from dqn_core.training.disk_use import disk_use, prune
from dqn_core.training.run_folder import RunFolder
from trainer_runs import short_config

NAMES = (
    "checkpoint",
    "checkpoint-best",
    "best",
    "last",
    "initial",
    *(f"snapshots/episode-{number:08}" for number in range(4)),
)
NEVER_REMOVED = {"checkpoint", "best", "last", "initial"}


def sizes_of(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path.stat().st_size
        for path in folder.rglob("*.safetensors")
    }


@given(sizes=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 50)), limit=st.integers(0, 300))
def test_the_limit_holds_and_no_more_goes_than_must(
    tmp_path_factory: object, sizes: dict[str, int], limit: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / "snapshots").mkdir()
    (folder / "notes.txt").write_text("x" * 500)
    for name, size in sizes.items():
        (folder / f"{name}.safetensors").write_bytes(bytes(size))
    prune(folder, limit)
    kept = sizes_of(folder)
    assert {name: size for name, size in sizes.items() if name in NEVER_REMOVED}.items() <= kept.items()
    beside = sum(size for name, size in kept.items() if name not in NEVER_REMOVED)
    assert beside <= limit
    removed = [sizes[name] for name in sizes if name not in kept]
    assert not removed or beside + min(removed) > limit
    assert (folder / "notes.txt").exists()
    assert disk_use(folder, limit).used == sum(kept.values())


def test_of_equally_large_snapshots_the_oldest_goes_first(tmp_path: Path) -> None:
    (tmp_path / "snapshots").mkdir()
    for name in NAMES:
        (tmp_path / f"{name}.safetensors").write_bytes(bytes(10))
    prune(tmp_path, limit=25)
    assert set(sizes_of(tmp_path)) == NEVER_REMOVED | {NAMES[-2], NAMES[-1]}


def test_a_run_folder_stays_within_its_limit(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", short_config(), byte_limit=50_000)
    state = {"online.layers.0.weight": np.zeros(2_000, np.float32)}
    for number in range(10):
        folder.write_snapshot(WeightsReady(kind="kept", episode=number, env_step=number, eval_return=0.0, state=state))
    values = {"counters": {"episode": 9, "env_step": 9}}
    for kind in ("last", "best"):
        folder.write_checkpoint(CheckpointReady(kind=kind, episode=9, env_step=9, arrays=state, values=values))
    use = folder.disk_use()
    assert use.used <= use.limit
    assert use.spare == 50_000
    assert [info.episode for info in folder.snapshots()] == [5, 6, 7, 8, 9]
    assert "last" in {info.kind for info in folder.checkpoints()}


def test_a_large_replay_memory_takes_no_snapshots_away(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", short_config(), byte_limit=50_000)
    state = {"online.layers.0.weight": np.zeros(2_000, np.float32)}
    for number in range(3):
        folder.write_snapshot(WeightsReady(kind="kept", episode=number, env_step=number, eval_return=0.0, state=state))
    memory = {"replay.rewards": np.zeros(100_000, np.float32)}
    values = {"counters": {"episode": 9, "env_step": 9}}
    for kind in ("best", "last"):
        folder.write_checkpoint(CheckpointReady(kind=kind, episode=9, env_step=9, arrays=memory, values=values))
    assert [info.episode for info in folder.snapshots()] == [0, 1, 2]
    assert [info.kind for info in folder.checkpoints()] == ["last"]
