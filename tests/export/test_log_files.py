"""The log in other programs' formats is the log: read back by those programs' own readers."""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dqn_core.config import TrainingConfig
from dqn_core.errors import ExportError
from dqn_core.events import EpisodeEnded
from dqn_core.export.formats import weights_file
from dqn_core.export.run_content import content_of_folder
from dqn_core.export.tables import csv_file, parquet_file
from dqn_core.export.tensorboard_file import TAGS, tensorboard_file, tensorboard_name
from dqn_core.runs.manager import RunManager
from dqn_core.training.weights_file import check_fit, weights_in
from scripted_trainer import a_run_of, following, wait_for_end


def read_events(content: bytes, path: Path, name: str) -> EventAccumulator:
    path.mkdir()
    (path / name).write_bytes(content)
    events = EventAccumulator(str(path), size_guidance={"scalars": 0})
    events.Reload()
    return events


def test_the_csv_is_the_one_on_disk(run_path: Path) -> None:
    assert csv_file(content_of_folder(run_path)) == (run_path / "episodes.csv").read_bytes()


def test_parquet_holds_what_the_csv_does_in_full_precision(run_path: Path) -> None:
    table = pd.read_parquet(io.BytesIO(parquet_file(content_of_folder(run_path))))
    pd.testing.assert_frame_equal(table, pd.read_csv(run_path / "episodes.csv"), check_exact=True)
    assert len(table) == 12


def test_tensorboard_reads_every_value_at_its_step_and_time(run_path: Path, tmp_path: Path) -> None:
    content = content_of_folder(run_path)
    rows = list(content.episodes())
    events = read_events(tensorboard_file(content), tmp_path / "log", tensorboard_name(content))
    tags = {field: tag for field, tag in TAGS.items() if field != "shaped_return"}  # the run has no reward formula
    assert set(events.Tags()["scalars"]) == set(tags.values())
    began = content.started_at.timestamp()
    for field, tag in tags.items():
        expected = [
            (row.env_step, np.float32(getattr(row, field)), began + row.wall_time_s)
            for row in rows
            if not math.isnan(getattr(row, field))
        ]
        assert [(each.step, each.value, each.wall_time) for each in events.Scalars(tag)] == expected
    (settings,) = events.Tensors("config/text_summary")
    assert '"env_id": "CartPole-v1"' in settings.tensor_proto.string_val[0].decode()


def test_the_weights_file_can_be_begun_with(run_path: Path) -> None:
    content = content_of_folder(run_path)
    exported = weights_file(content, "best")
    weights = weights_in(exported, "best.safetensors")
    check_fit(weights, content.config)
    for name, array in content.folder.weights("best").items():
        np.testing.assert_array_equal(weights[name], array)
        np.testing.assert_array_equal(load(exported)[name], array)


@pytest.mark.sqlite_file
def test_a_run_of_a_server_is_exported_from_its_database(tmp_path: Path) -> None:
    manager = RunManager(tmp_path, trainer_factory=following(a_run_of(9)))
    run_id = manager.start(TrainingConfig())
    wait_for_end(manager, run_id)
    path, stored = manager.run_folder(run_id), manager.store.episodes(run_id)
    began = manager.store.run(run_id).started_at
    manager.close()
    content = content_of_folder(path)
    assert [repr(row) for row in content.episodes()] == [repr(row) for row in stored]
    assert content.started_at == began
    assert content.started_at < datetime.now(UTC)


def test_a_folder_without_a_log_is_refused(run_path: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((run_path / "config.json").read_bytes())
    with pytest.raises(ExportError, match="has no log"):
        content_of_folder(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "not an episode CSV"), ("a,b\n1,2\n", "not an episode CSV"), ("HEAD\nx,1,2\n", "damaged in line 2")],
)
def test_a_damaged_log_is_refused(run_path: Path, tmp_path: Path, text: str, said: str) -> None:
    head, *_rows = (run_path / "episodes.csv").read_text().splitlines()
    (tmp_path / "config.json").write_bytes((run_path / "config.json").read_bytes())
    (tmp_path / "episodes.csv").write_text(text.replace("HEAD", head))
    with pytest.raises(ExportError, match=said):
        list(content_of_folder(tmp_path).episodes())


def test_rows_are_read_back_with_their_types(run_path: Path) -> None:
    row = next(iter(content_of_folder(run_path).episodes()))
    assert isinstance(row, EpisodeEnded)
    assert {type(row.episode), type(row.length)} == {int}
    assert {type(row.terminated), type(row.truncated)} == {bool}
    assert type(row.loss_mean) is float
