"""Checkpoints of pictures: frames that are on the disk already are not written again, and the last is always whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

import picture_environments
from dqn_core.errors import RunFolderError
from dqn_core.events import CheckpointKind, CheckpointReady, RunEnded, TakeCheckpoint
from dqn_core.training import checkpoint_frames
from dqn_core.training.checkpoint import Checkpoint, read_checkpoint, whole_file, write_checkpoint
from dqn_core.training.controls import Mailbox
from dqn_core.training.disk_use import disk_use, prune
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.trainer import Trainer
from picture_environments import CATCH_STACK
from trainer_runs import of_kind, short_config

picture_environments.register()

_WIDTH, _SEGMENT = 10, 8
"""Bytes of a frame, and frames of a segment in these tests."""


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_frames, "SEGMENT_BYTES", _WIDTH * _SEGMENT)


def frames(first: int, count: int, lineage: int = 0) -> np.ndarray:
    return np.stack([np.full(_WIDTH, (each + 100 * lineage) % 256, np.uint8) for each in range(first, first + count)])


def ready(first: int, count: int, kind: CheckpointKind = "last", lineage: int = 0) -> CheckpointReady:
    arrays = {
        "learner.online": np.arange(5, dtype=np.float32),
        "replay.frames": frames(first, count, lineage),
        "replay.first_frame": np.array([first]),
        "replay.rows": np.ones((3, 4), np.float32),
    }
    values = {"counters": {"episode": 1, "env_step": first + count}}
    return CheckpointReady(kind=kind, episode=1, env_step=first + count, arrays=arrays, values=values)


def segments(folder: Path) -> dict[str, int]:
    """Their numbers within the folder's files, with what tells whether one was written again."""
    return {path.name: path.stat().st_ino for path in (folder / "checkpoint-frames").iterdir()}


def assert_is(read: Checkpoint, written: CheckpointReady) -> None:
    assert read.arrays.keys() == written.arrays.keys()
    for name, array in written.arrays.items():
        assert read.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(read.arrays[name], array)
    assert read.values["counters"] == written.values["counters"]


@pytest.mark.parametrize(
    ("first", "count"), [(0, 0), (0, 7), (0, 8), (3, 4), (3, 5), (3, 13), (8, 16), (5, 100), (16, 1)]
)
def test_what_is_read_is_what_was_written(tmp_path: Path, first: int, count: int) -> None:
    written = ready(first, count) if count else ready(first, 1)
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, written)
    assert_is(read_checkpoint(path), written)
    whole = whole_file(path)
    content = b"".join(whole.portions(50))
    assert len(content) == whole.size
    assert_is(Checkpoint(arrays=load(content), values=written.values), written)


def test_only_new_segments_are_written_and_those_that_nobody_needs_go(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, ready(0, 40))
    before = segments(tmp_path)
    assert len(before) == 5
    write_checkpoint(path, ready(11, 45))  # up to frame 55
    after = segments(tmp_path)
    assert len(after) == 5
    kept = before.items() & after.items()
    assert sorted(int(name[:8]) for name, _ in kept) == [2, 3, 4]
    assert_is(read_checkpoint(path), ready(11, 45))


def test_the_best_checkpoint_keeps_what_it_needs_until_it_goes(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", short_config())
    folder.write_checkpoint(ready(0, 40, "best"))
    folder.write_checkpoint(ready(24, 40))
    assert_is(folder.checkpoint("best"), ready(0, 40))
    assert len(segments(folder.path)) == 8
    use = disk_use(folder.path, 0)
    files = [path for path in folder.path.rglob("*") if path.suffix in {".safetensors", ".bin"}]
    assert use.used == sum(path.stat().st_size for path in files)
    prune(folder.path, use.used - use.needed)
    assert len(segments(folder.path)) == 8
    prune(folder.path, use.used - use.needed - 1)
    assert [info.kind for info in folder.checkpoints()] == ["last"]
    assert len(segments(folder.path)) == 5
    assert_is(folder.checkpoint(), ready(24, 40))


def test_a_run_that_goes_back_has_other_frames_under_the_same_numbers(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", short_config())
    folder.write_checkpoint(ready(0, 40, "best"))
    folder.write_checkpoint(ready(0, 64))
    folder.rewind(folder.checkpoint("best"))
    assert_is(folder.checkpoint(), ready(0, 40))
    other = ready(40, 24, lineage=1)
    other.arrays["replay.frames"] = np.concatenate([frames(0, 40), frames(40, 24, lineage=1)])
    other.arrays["replay.first_frame"] = np.array([0])
    folder.write_checkpoint(other)
    assert_is(folder.checkpoint(), other)
    assert_is(folder.checkpoint("best"), ready(0, 40))


def test_a_segment_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, ready(0, 40))
    segment = sorted((tmp_path / "checkpoint-frames").iterdir())[2]
    content = segment.read_bytes()
    segment.write_bytes(content[:-1] + b"\xff")
    with pytest.raises(RunFolderError, match=f"{segment.name} is damaged"):
        read_checkpoint(path)
    segment.unlink()
    with pytest.raises(RunFolderError, match=segment.name):
        read_checkpoint(path)
    assert RunFolder(tmp_path, short_config()).checkpoints() == ()
    write_checkpoint(path, ready(0, 40))  # written again
    assert_is(read_checkpoint(path), ready(0, 40))


_WRITER = """
import sys
from pathlib import Path
from dqn_core.training import checkpoint_frames
from test_checkpoint_frames import ready, _SEGMENT, _WIDTH
from dqn_core.training.checkpoint import write_checkpoint
checkpoint_frames.SEGMENT_BYTES = _WIDTH * _SEGMENT
folder, first = Path(sys.argv[1]), int(sys.argv[2])
for step in range(first, 100_000, 5):
    write_checkpoint(folder / "checkpoint.safetensors", ready(step, 60))
    print(step, flush=True)
"""


def test_a_writer_that_is_killed_at_any_moment_leaves_its_last_checkpoint(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    paths = [str(root), str(root / "tests" / "support"), str(Path(__file__).parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    generator, last = np.random.default_rng(0), 0
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, tmp_path, str(last)], env=environment, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(int(generator.integers(1, 30))):
                last = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
        read = read_checkpoint(tmp_path / "checkpoint.safetensors")
        stood = int(read.arrays["replay.first_frame"][0])
        assert stood >= last
        assert_is(read, ready(stood, 60))
        last = stood + 5


@pytest.mark.parametrize(("best", "environments"), [(False, 1), (True, 1), (False, 3)])
def test_a_run_on_stacks_goes_on_bit_for_bit_from_what_lies_on_the_disk(
    tmp_path: Path, best: bool, environments: int
) -> None:
    checkpoint_frames.SEGMENT_BYTES = 1_600 * _SEGMENT  # as the fixture would; it puts the former value back
    config = short_config(
        env_id=CATCH_STACK,
        max_episodes=10,
        n_step=3,
        buffer_size=120,
        warmup_steps=60,
        parallel_environments=environments,
    )
    folder = RunFolder.create(tmp_path / "run", config)
    mailbox = Mailbox()
    for number, event in enumerate(Trainer(config, mailbox).events()):
        if isinstance(event, CheckpointReady) and event.episode <= 6:
            folder.write_checkpoint(event)
        if number % 3 == 0:
            mailbox.put(TakeCheckpoint())
    assert len(segments(folder.path)) > 3
    if best:
        folder.write_checkpoint(CheckpointReady(**_as_best(folder.checkpoint())))
    state = folder.checkpoint("best" if best else "last")
    whole, resumed = Trainer(config), Trainer(config, resume_from=state)
    for trainer in (whole, resumed):
        assert of_kind(trainer.events(), RunEnded)
    expected, found = whole.state.arrays(), resumed.state.arrays()
    assert [name for name in expected if not np.array_equal(expected[name], found[name])] == []


def _as_best(state: Checkpoint) -> dict[str, Any]:
    counters = state.values["counters"]
    return {
        "kind": "best",
        "episode": counters["episode"],
        "env_step": counters["env_step"],
        "arrays": state.arrays,
        "values": state.values,
    }
