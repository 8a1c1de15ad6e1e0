from __future__ import annotations

import contextlib
import io
import json
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from dqn_core.errors import DqnLabError, RunFolderError, WeightsFileError
from dqn_core.training import weights_file
from dqn_core.training.run_folder import RunFolder, RunLog
from dqn_core.training.trainer import Trainer
from dqn_core.training.weights_file import check_fit, weights_at, weights_in
from strategies import weights_of
from trainer_runs import short_config, snapshot_of

SIZES = (4, 8, 2)


def file_with(header: object, data: bytes = b"") -> bytes:
    """A file in the layout of safetensors with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape: list[int], end: int, dtype: str = "F32", start: int = 0) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def pickled(value: object) -> bytes:
    return pickle.dumps(value)


def torch_file() -> bytes:
    stream = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, stream)
    return stream.getvalue()


# ------------------------------------------------------------------------------------------------- what is read


@pytest.mark.parametrize("prefix", ["", "online.", "learner.online."])
def test_the_network_is_found_in_weights_snapshots_and_checkpoints(prefix: str) -> None:
    weights = weights_of(3, SIZES)
    others = {"target.x": np.zeros(1, np.float32), "replay.rows": np.zeros((2, 2), np.float64)} if prefix else {}
    content = save({f"{prefix}{name}": array for name, array in weights.items()} | others, {"anything": "{}"})
    found = weights_in(content, "a.safetensors")
    assert set(found) == set(weights)
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name], array)
    check_fit(found, short_config())


def test_a_folder_gives_its_best_weights_or_else_its_last(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", short_config())
    with pytest.raises(RunFolderError, match="no weights"):
        weights_at(folder.path)
    for kind, seed in (("last", 1), ("best", 2)):
        folder.write_snapshot(snapshot_of(weights_of(seed, SIZES), kind))
        np.testing.assert_array_equal(
            weights_at(folder.path)["layers.0.weight"], weights_of(seed, SIZES)["layers.0.weight"]
        )


def test_every_file_that_a_run_writes_can_be_begun_with(tmp_path: Path) -> None:
    config = short_config(evaluate_every=2)
    trainer, log = Trainer(config), RunLog(RunFolder.create(tmp_path / "run", config))
    for event in trainer.events():
        log.write(event)
    log.close()
    files = list((tmp_path / "run").rglob("*.safetensors"))
    assert {path.stem for path in files} >= {"best", "last", "checkpoint", "checkpoint-best", "episode-00000000"}
    for path in files:
        check_fit(weights_at(path), config)
    np.testing.assert_array_equal(
        weights_at(tmp_path / "run" / "checkpoint.safetensors")["layers.0.weight"],
        trainer.state.learner.weights()["layers.0.weight"],
    )


# ---------------------------------------------------------------------------------------------- what is refused

REFUSED = {
    "empty": (b"", "not a safetensors file"),
    "text": (b"hello, these are my weights", "not a safetensors file"),
    "pickle": (pickled({"a": 1}), "could run a program"),
    "torch": (torch_file(), "could run a program"),
    "no arrays": (file_with({}), "holds no arrays"),
    "header beyond the file": (struct.pack("<Q", 10**6) + b"{}", "not a safetensors file"),
    "header without end": (struct.pack("<Q", 2**63) + b"{}", "not a safetensors file"),
    "deep header": (file_with(b"[" * 100_000), "not a safetensors file"),
    "array beyond the file": (file_with({"a": entry([100], 400)}), "not a safetensors file"),
    "shape of another size": (file_with({"a": entry([3], 8)}, bytes(8)), "not a safetensors file"),
    "unknown type": (file_with({"a": entry([2], 8, "F99")}, bytes(8)), "not a safetensors file"),
    "another type": (file_with({"a": entry([1], 8, "F64")}, bytes(8)), "F64"),
    "half precision": (file_with({"a": entry([1], 2, "BF16")}, bytes(2)), "BF16"),
    "a strange name": (file_with({"<script>" * 20: entry([1], 4)}, bytes(4)), "no network has"),
    "not a number": (save({"a": np.array([1, np.nan], np.float32)}), "NaN or infinity"),
    "infinite": (save({"a": np.array([np.inf], np.float32)}), "NaN or infinity"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_no_network_is_refused_with_the_reason(case: str) -> None:
    content, reason = REFUSED[case]
    with pytest.raises(WeightsFileError, match=reason) as caught:
        weights_in(content, "mine.safetensors")
    assert "mine.safetensors" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_file_that_is_too_large_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(_content: bytes) -> None:
        pytest.fail("it was parsed")

    monkeypatch.setattr(weights_file, "MOST_BYTES", 2**20)
    monkeypatch.setattr(weights_file, "deserialize", parse)
    path = tmp_path / "large.safetensors"
    path.write_bytes(bytes(2**20 + 1))
    with pytest.raises(WeightsFileError, match="larger than the 1 MB"):
        weights_at(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsFileError, match="cannot be read"):
        weights_at(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hidden_sizes": (16,)}, "layers.0"),
        ({"hidden_sizes": (8, 8)}, "layers."),
        ({"env_id": "LunarLander-v3"}, "layers.0"),
        ({"env_id": "Acrobot-v1"}, "layers."),
    ],
)
def test_weights_of_another_network_are_refused_by_the_arrays_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(RunFolderError, match=named):
        check_fit(weights_of(0, SIZES), short_config(**changes))


# ---------------------------------------------------------------------------------------------------- any bytes


def read_or_refuse(content: bytes) -> None:
    """Anything but an error of the project's own fails the test."""
    with contextlib.suppress(DqnLabError):
        check_fit(weights_in(content, "any"), short_config())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_words(content: bytes) -> None:
    read_or_refuse(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F64", "F16", "BF16", "I64", "BOOL", "F8_E4M3", "F4", "f32"]),
        "shape": st.lists(st.integers(0, 5) | st.integers(2**31, 2**64), max_size=3),
        "data_offsets": st.lists(st.integers(0, 60), min_size=2, max_size=2),
    }
)
NAMES = st.sampled_from(["layers.0.weight", "layers.0.bias", "online.layers.0.bias", "__metadata__"]) | st.text()


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(NAMES, ENTRIES | JSON, max_size=4) | JSON, st.binary(max_size=60))
def test_any_header_is_read_or_refused_in_words(header: object, data: bytes) -> None:
    read_or_refuse(file_with(header, data))


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, 600), byte=st.integers(0, 255), length=st.integers(0, 700))
def test_a_damaged_file_is_read_or_refused_in_words(position: int, byte: int, length: int) -> None:
    content = bytearray(save(weights_of(1, SIZES)))
    content[position % len(content)] = byte
    read_or_refuse(bytes(content[: max(length, len(content) - length)]))
