from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from safetensors.numpy import save
from streamlit.testing.v1 import AppTest

from dqn_core.config import TrainingConfig
from dqn_core.events import CheckpointReady, RunState, TakeCheckpoint, WeightsReady
from dqn_core.runs.manager import RunManager
from dqn_core.training.disk_use import DiskUse
from dqn_core.training.run_folder import RunFolder
from scripted_trainer import wait_for_end, wait_until
from strategies import weights_of

SIZES = (4, 32, 32, 2)


@pytest.fixture
def run_id(manager: RunManager) -> str:
    """A run that was stopped and has kept four files."""
    run_id = manager.start(TrainingConfig(seed=7))
    wait_until(lambda: manager.snapshot(run_id).record.state is RunState.RUNNING)
    folder = manager.open_folder(run_id)
    for kind, episode, eval_return in (("kept", 0, math.nan), ("best", 12, 499.5), ("last", 1_200, math.nan)):
        state = {f"online.{name}": array for name, array in weights_of(episode, SIZES).items()}
        folder.write_snapshot(
            WeightsReady(kind=kind, episode=episode, env_step=10 * episode, eval_return=eval_return, state=state)
        )
    values = {"counters": {"episode": 12, "env_step": 120, "finished_episodes": 12}}
    folder.write_checkpoint(
        CheckpointReady(kind="best", episode=12, env_step=120, arrays={"a": np.zeros(3)}, values=values)
    )
    return run_id


def opened(open_app: Callable[..., AppTest], run_id: str) -> AppTest:
    app = open_app(run=run_id)
    app.session_state[f"{run_id}:checkpoints"] = True
    return app.run()


def test_the_section_lists_what_was_kept_with_its_size_and_the_limit(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    app = opened(open_app, run_id)
    said = [each.value for each in app.markdown]
    assert any("Snapshots: 3 · checkpoints: 1" in each and "of at most 256 MB" in each for each in said)
    table = next(each.value for each in app.table if "Environment step" in each.value.columns)
    assert table["Episode"].tolist() == ["1,200", "12", "12", "0"]
    assert table["Environment step"].tolist() == ["12,000", "120", "120", "0"]
    assert table["Evaluation"].tolist() == ["–", "–", "499.5", "–"]
    assert all(size.endswith(("kB", " B")) for size in table["Size"])


def test_a_checkpoint_is_taken_at_a_press(open_app: Callable[..., AppTest], manager: RunManager, run_id: str) -> None:
    app = opened(open_app, run_id)
    mailbox = manager._runs[run_id].mailbox
    told = []
    manager._runs[run_id].mailbox = type("Mailbox", (), {"put": staticmethod(told.append)})()
    app.button(key=f"{run_id}:take-checkpoint").click().run()
    manager._runs[run_id].mailbox = mailbox
    assert told == [TakeCheckpoint()]


def test_a_checkpoint_that_cannot_be_gone_on_from_says_why(
    open_app: Callable[..., AppTest], manager: RunManager, run_id: str
) -> None:
    manager.stop(run_id)
    wait_for_end(manager, run_id)
    path = manager.run_folder(run_id) / "checkpoint-best.safetensors"
    app = opened(open_app, run_id)
    path.write_bytes(b"damaged")
    app.button(key=f"{run_id}:from-best").click().run()
    assert any("not a readable checkpoint" in error.value for error in app.error)


@pytest.mark.parametrize("needed_mb", [100, 763])
def test_a_checkpoint_that_was_too_large_to_keep_is_explained(
    open_app: Callable[..., AppTest],
    manager: RunManager,
    run_id: str,
    needed_mb: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (manager.run_folder(run_id) / "checkpoint-best.safetensors").unlink()
    use = DiskUse(used=needed_mb * 2**20, needed=needed_mb * 2**20, spare=256 * 2**20)
    monkeypatch.setattr(RunFolder, "disk_use", lambda _folder: use)
    app = opened(open_app, run_id)
    is_explained = any("larger than the 256 MB" in each.value for each in app.caption)
    assert is_explained is (needed_mb > 256)


def test_a_new_run_begins_with_another_runs_weights(app: AppTest, manager: RunManager, run_id: str) -> None:
    app.segmented_control(key="new:initial-weights-source").set_value("run").run()
    assert app.selectbox(key="new:initial-weights-run").value == run_id
    assert any("fit" in each.value for each in app.success)
    given = {}
    start = manager.start
    manager.start = lambda config, **options: given.update(options) or start(config, **options)  # type: ignore[method-assign,assignment,func-returns-value]
    app.segmented_control(key="new:initial-weights-kind").set_value("last").run()
    app.button(key="start").click().run()
    assert not app.error
    np.testing.assert_array_equal(
        given["initial_weights"]["layers.0.weight"], weights_of(1_200, SIZES)["layers.0.weight"]
    )
    (record,) = (each for each in manager.list_runs() if each.run_id != run_id)
    assert record.started_from == run_id


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (save(weights_of(1, SIZES)), ""),
        (save(weights_of(1, (4, 16, 2))), "layers."),
        (b"\x80\x04nonsense", "could run a program"),
        (None, "Choose the file"),
    ],
)
def test_a_file_of_weights_is_begun_with_or_refused_before_a_run_starts(
    app: AppTest, manager: RunManager, content: bytes | None, said: str
) -> None:
    app.segmented_control(key="new:initial-weights-source").set_value("file").run()
    if content is not None:
        uploader = app.file_uploader(key="new:initial-weights-file")
        uploader.set_value(("mine.safetensors", content, "application/octet-stream")).run()
    assert any(said in each.value for each in app.warning) == bool(said and content)
    app.button(key="start").click().run()
    assert any(said in each.value for each in app.error) == bool(said)
    assert [each.started_from for each in manager.list_runs()] == ([] if said else ["mine.safetensors"])
