"""What an earlier version of the program stored opens, plays, and goes on.

``tests/fixtures`` holds a server's data folder (its database as SQL, of version 4 of the tables) and a run folder of
the command line, both written before the training loop, episodes and stores were arranged as they are now.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from dqn_core.cli.main import main
from dqn_core.episodes.episode import roll_out
from dqn_core.episodes.frames import draw_episode
from dqn_core.episodes.recordings import list_recordings
from dqn_core.events import EndReason, RunState
from dqn_core.inside.agent import AgentCheckpoint
from dqn_core.runs.classes.submissions import SubmissionStore
from dqn_core.runs.experiments.store import ExperimentStore
from dqn_core.runs.jobs.videos import video_path
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.evaluations import EvaluationStore
from dqn_core.runs.storage.predictions import PredictionStore
from dqn_core.training.run_folder import RunFolder
from scripted_trainer import wait_for_end

pytestmark = pytest.mark.sqlite_file

FIXTURES = Path(__file__).parents[1] / "fixtures"
RUN, EXPERIMENT = "20261128-120000-a1b2", "20261128-110000-e1e1"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    """A server on a copy of the data folder."""
    data = tmp_path / "data"
    shutil.copytree(FIXTURES / "data_folder", data)
    with sqlite3.connect(data / "dqn_lab.sqlite") as connection:
        connection.executescript((data / "dqn_lab.sql").read_text("utf-8"))
    connection.close()
    manager = RunManager(data, executor="thread")
    yield manager
    manager.close()


def check_folder(path: Path, snapshots: set[str], recordings: set[tuple[str, int]]) -> None:
    """The folder's snapshots play, and its recordings are the episodes that they were."""
    folder = RunFolder.open(path)
    assert {each.name for each in folder.snapshots()} == snapshots
    for name in snapshots:
        assert roll_out(folder.config, folder.snapshot_weights(name), seed=1).length > 0
    kept = list_recordings(path)
    assert {(each.kind, each.episode) for each in kept} == recordings
    for each in kept:  # compares the return with the recording's
        assert sum(1 for _ in draw_episode(folder.config, each)) == len(each.actions) + 1
    assert {each.kind for each in folder.checkpoints()} == {"best", "last"}


def test_a_data_folder_opens_with_everything_in_it(manager: RunManager) -> None:
    record = manager.snapshot(RUN).record
    assert (record.state, record.reason) == (RunState.FINISHED, EndReason.MAX_ENV_STEPS)
    assert (record.episodes, record.env_steps, record.owner, record.tags) == (5, 120, "someone", ("demo",))
    assert [each.env_step for each in manager.store.episodes(RUN)] == [33, 42, 60, 70, 100]
    database = manager.store.database
    (evaluation,) = EvaluationStore(database).latest(RUN).values()
    assert (evaluation.weights, evaluation.returns) == ("best", (9.0, 10.0))
    submission = SubmissionStore(database).of_run(RUN)
    assert submission is not None
    assert (submission.name, submission.weights, submission.env_steps) == ("Ada", "best", 60)
    assert ExperimentStore(database).get(EXPERIMENT).spec.fields == ("gamma",)
    assert PredictionStore(database).of_visitor("someone")["gamma"].choice == 1


def test_a_servers_run_plays_and_its_checkpoint_is_looked_into(manager: RunManager) -> None:
    path = manager.run_folder(RUN)
    kept = {"best", "last", "episode-00000000", "episode-00000004"}
    check_folder(path, kept, {("best", 2), *(("training", episode) for episode in range(1, 6))})
    state = RunFolder.open(path).checkpoint()
    assert AgentCheckpoint(state).agent.env_step == 120


def test_a_servers_run_goes_on_in_the_middle_of_its_episode(manager: RunManager) -> None:
    manager.go_on(RUN, max_env_steps=160)
    wait_for_end(manager, RUN)
    record = manager.store.run(RUN)
    assert (record.state, record.env_steps) == (RunState.FINISHED, 160)
    rows = manager.store.episodes(RUN)
    assert [each.episode for each in rows] == list(range(1, len(rows) + 1))
    assert [each.env_step for each in rows[:5]] == [33, 42, 60, 70, 100]
    assert rows[5].env_step == 100 + rows[5].length  # the one that ran when the run ended, counted from its reset


def test_a_video_is_found_where_it_was_kept(manager: RunManager) -> None:
    path = manager.run_folder(RUN) / "films" / "0123456789abcdef" / "CartPole-v1-seed1-return9.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a video")
    assert video_path(manager.run_folder(RUN), "0123456789abcdef", path.name) == path


def test_a_run_folder_of_the_command_line_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run"
    shutil.copytree(FIXTURES / "run_folder", path)
    kept = {"best", "last", "episode-00000000", "episode-00000004"}
    check_folder(path, kept, {("best", 2), *(("training", episode) for episode in range(1, 5))})
    before = pd.read_csv(path / "episodes.csv")
    assert main(["train", "--resume", str(path), "--max-episodes", "6", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["episodes"] == 6
    after = pd.read_csv(path / "episodes.csv")
    assert list(after.columns) == [*before.columns, "shaped_return"]
    pd.testing.assert_frame_equal(after[:4][before.columns], before)
    assert main(["evaluate", str(path), "--episodes", "2", "--weights", "episode-00000004"]) == 0
