from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from safetensors.numpy import load, save
from starlette.applications import Starlette

from asgi_client import Client
from dqn_core.config import TrainingConfig
from dqn_core.events import EPISODE_COLUMNS, CheckpointReady
from dqn_core.export.formats import FORMATS
from dqn_core.runs.manager import RunManager
from dqn_core.training.csv_log import csv_text, episode_rows, plain_number
from pages.shared.export.export_routes import export_routes
from pages.train.routes import live_routes
from scripted_trainer import a_run_of, following, wait_for_end
from strategies import weights_of
from trainer_runs import snapshot_of
from workbooks import read_workbook

WEIGHTS = weights_of(4, (4, 32, 32, 2))


class Server:
    """One finished run with its files, and who asks for them."""

    def __init__(self, path: Path) -> None:
        self.manager = RunManager(path, trainer_factory=following(a_run_of(7)))
        self.run_id = self.manager.start(TrainingConfig())
        wait_for_end(self.manager, self.run_id)
        self.client = Client(
            Starlette(routes=[*live_routes(lambda: self.manager), *export_routes(lambda: self.manager)])
        )
        folder = self.manager.open_folder(self.run_id)
        folder.write_snapshot(snapshot_of(WEIGHTS))
        folder.write_checkpoint(
            CheckpointReady(
                episode=7, env_step=9, arrays={"a": np.ones(3)}, values={"counters": {"episode": 7, "env_step": 9}}
            )
        )

    def get(self, name: str) -> tuple[int, bytes, str]:
        answer = self.client.get(f"/live/runs/{self.run_id}/export/{name}")
        return answer.status_code, answer.content, answer.headers.get("content-disposition", "")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    own = Server(tmp_path_factory.mktemp("data"))
    yield own
    own.manager.close()


def test_tables_hold_what_the_log_does(server: Server) -> None:
    rows = server.manager.store.episodes(server.run_id)
    expected = csv_text([EPISODE_COLUMNS, *episode_rows(rows)]).encode()
    assert server.get("csv")[1] == expected
    assert server.client.get(f"/live/runs/{server.run_id}/episodes.csv").content == expected
    status, content, named = server.get("parquet")
    assert (status, f"{server.run_id}-episodes.parquet" in named) == (200, True)
    table = pd.read_parquet(
        io.BytesIO(content)
    )  # in full precision, where the text has numbers as a person writes them
    numbers = table.select_dtypes("float64").columns
    table[numbers] = table[numbers].map(plain_number)
    pd.testing.assert_frame_equal(table, pd.read_csv(io.BytesIO(expected)), check_exact=True)


def test_a_table_with_decimal_commas_holds_the_same(server: Server) -> None:
    points = pd.read_csv(io.BytesIO(server.get("csv")[1]))
    content = server.get("csv?decimal=comma")[1]
    assert content.startswith(b"\xef\xbb\xbf")
    assert server.client.get(f"/live/runs/{server.run_id}/episodes.csv?decimal=comma").content == content
    commas = pd.read_csv(io.BytesIO(content), sep=";", decimal=",", encoding="utf-8-sig")
    pd.testing.assert_frame_equal(points, commas, check_exact=True)
    assert b"." not in content
    for path in (f"/live/runs/{server.run_id}/changes.csv", f"/live/runs/{server.run_id}/export/csv"):
        answer = server.client.get(f"{path}?decimal=dot")
        assert (answer.status_code, "decimal must be" in answer.json()["error"]) == (400, True)


def test_the_workbook_holds_what_the_log_does(server: Server) -> None:
    status, content, named = server.get("xlsx")
    assert (status, f"{server.run_id}-episodes.xlsx" in named) == (200, True)
    head, *rows = read_workbook(content)["episodes"]
    table = pd.read_csv(io.BytesIO(server.get("csv")[1]))
    assert head == list(EPISODE_COLUMNS)
    assert len(rows) == len(table)
    for row, expected in zip(rows, table.itertuples(index=False), strict=True):
        cells = row + [None] * (len(head) - len(row))
        assert [math.nan if each is None else each for each in cells] == pytest.approx(expected, rel=1e-14, nan_ok=True)


def test_networks_hold_the_snapshots_weights(server: Server) -> None:
    status, content, named = server.get("safetensors?weights=best")
    assert (status, f"{server.run_id}-best.safetensors" in named) == (200, True)
    assert {name: array.tolist() for name, array in load(content).items()} == {
        name: array.tolist() for name, array in WEIGHTS.items()
    }
    status, content, named = server.get("onnx")
    assert (status, f"{server.run_id}-best.onnx" in named) == (200, True)
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load_from_string(content).graph.initializer}
    np.testing.assert_array_equal(stored["layers.0.weight"], WEIGHTS["layers.0.weight"])


def test_the_checkpoint_is_sent_whole(server: Server) -> None:
    status, content, named = server.get("checkpoint")
    path = server.manager.run_folder(server.run_id) / "checkpoint.safetensors"
    assert (status, content) == (200, path.read_bytes())
    assert "checkpoint.safetensors" in named


def test_every_format_of_the_command_line_can_be_asked_for(server: Server) -> None:
    for name in FORMATS:
        status, content, named = server.get(name)
        assert status == 200
        assert content
        assert server.run_id in named


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("safetensors?weights=last", "no weights at"),
        ("onnx?weights=last", "no weights at"),
        ("onnx?weights=../../secret", "no snapshot's name"),
        ("pickle", "no format 'pickle'"),
    ],
)
def test_what_is_not_there_is_said_in_words(server: Server, name: str, said: str) -> None:
    status, content, _named = server.get(name)
    assert status == 404
    assert said in content.decode()


def test_an_unknown_run_is_said_in_words(server: Server) -> None:
    for run_id in ("20260101-000000-aaaa", "nonsense"):
        answer = server.client.get(f"/live/runs/{run_id}/export/csv")
        assert answer.status_code == 404
        assert "There is no run" in answer.json()["error"]


def test_damaged_weights_are_said_in_words(server: Server) -> None:
    path = server.manager.run_folder(server.run_id) / "last.safetensors"
    for content, said in ((b"damaged", "not a readable"), (save(weights_of(0, (4, 3, 2))), "layers.")):
        path.write_bytes(content)
        status, answer, _named = server.get("onnx?weights=last")
        path.unlink()
        assert status == 404
        assert said in answer.decode()
