"""The formats that a run can be taken away in, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from safetensors.numpy import save

from dqn_core.export.onnx_file import onnx_file
from dqn_core.export.run_content import RunContent
from dqn_core.export.spreadsheet import xlsx_portions
from dqn_core.export.tables import csv_portions, parquet_portions
from dqn_core.export.tensorboard_file import tensorboard_name, tensorboard_portions
from dqn_core.json_text import json_text

__all__ = ["FORMATS", "Format", "FormatName", "weights_file"]

FormatName = Literal["safetensors", "onnx", "csv", "xlsx", "parquet", "tensorboard"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a run becomes a file: both functions take the run and the name of the snapshot whose weights are meant."""

    file_name: Callable[[RunContent, str], str]
    portions: Callable[[RunContent, str], Iterator[bytes]]
    """The file, as it is made."""

    def make(self, content: RunContent, weights: str) -> bytes:
        """The whole file."""
        return b"".join(self.portions(content, weights))


def weights_file(content: RunContent, weights: str) -> bytes:
    """The online network as safetensors, which every framework can read and nothing can run.

    It holds ``layers.{i}.weight`` [out, in] and ``.bias`` [out], float32; the run, its config and the snapshot stand in
    the header.

    Raises :class:`~dqn_core.errors.RunFolderError` where the run keeps no snapshot of this name.
    """
    arrays = content.folder.snapshot_weights(weights)
    about = {"run_id": content.run_id, "snapshot": weights, "config": content.config.to_dict()}
    in_order = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    return save(in_order, metadata={"dqn_lab": json_text(about)})


def _log(portions: Callable[[RunContent], Iterator[bytes]], suffix: str) -> Format:
    return Format(
        file_name=lambda content, _weights: f"{content.run_id}-episodes.{suffix}",
        portions=lambda content, _weights: portions(content),
    )


def _network(make: Callable[[RunContent, str], bytes], suffix: str) -> Format:
    return Format(
        file_name=lambda content, weights: f"{content.run_id}-{weights}.{suffix}",
        portions=lambda content, weights: iter([make(content, weights)]),
    )


FORMATS: dict[FormatName, Format] = {
    "safetensors": _network(weights_file, "safetensors"),
    "onnx": _network(onnx_file, "onnx"),
    "csv": _log(csv_portions, "csv"),
    "xlsx": _log(xlsx_portions, "xlsx"),
    "parquet": _log(parquet_portions, "parquet"),
    "tensorboard": Format(
        file_name=lambda content, _weights: tensorboard_name(content),
        portions=lambda content, _weights: tensorboard_portions(content),
    ),
}
