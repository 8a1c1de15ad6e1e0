"""``python -m dqn_core export``: a run as a file for other programs, and a JSON object that says where it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from dqn_core.cli.process import database_setting, stdout_for_result, weights_or_last
from dqn_core.errors import ExportError, mark
from dqn_core.json_text import json_text

if TYPE_CHECKING:
    from dqn_core.export.run_content import RunContent

__all__ = ["export"]

_NETWORKS = frozenset({"safetensors", "onnx"})
"""Formats that hold weights; the others hold the log."""


@dataclass(frozen=True, kw_only=True)
class _ExportOptions:
    """Write a run's weights or its log in a format that other programs read."""

    folder: tyro.conf.Positional[Path]
    """A run's folder: the --out of train, or one of a server's data/runs."""
    format: Literal["safetensors", "onnx", "csv", "parquet", "tensorboard"]
    """Weights: safetensors, onnx. The log, a row an episode: csv, parquet, tensorboard."""
    out: Path | None = None
    """The file, or an existing folder for it; for tensorboard a folder, made where there is none. The run's own folder
    if not given."""
    weights: str | None = None
    """Snapshot whose weights are meant: best, last, or episode- with eight digits. If not given: the best, or the last
    of a run that was never evaluated."""


def export(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    options = tyro.cli(_ExportOptions, args=arguments, prog="python -m dqn_core export")
    with stdout_for_result() as say:
        say(json_text(_exported(options)))
    return 0


def _exported(options: _ExportOptions) -> dict[str, object]:
    """Write the file; where it is and what it holds."""
    from dqn_core.export.formats import FORMATS
    from dqn_core.export.run_content import content_of_folder
    from dqn_core.files import write_atomically

    content, chosen = content_of_folder(options.folder, database_setting()), FORMATS[options.format]
    weights = weights_or_last(content.folder, options.weights) if options.format in _NETWORKS else ""
    path = _place(options, content, chosen.file_name(content, weights))
    made = chosen.make(content, weights)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, made)
    except OSError as error:
        template = mark("{path} cannot be written ({cause}): choose another place, or make room on the disk.")
        raise ExportError(template, path=path, cause=error.strerror) from error
    return {"run_id": content.run_id, "format": options.format, "out": str(path), "bytes": len(made)}


def _place(options: _ExportOptions, content: RunContent, name: str) -> Path:
    """The file to write."""
    if options.out is None:
        place = content.folder.path / "tensorboard" if options.format == "tensorboard" else content.folder.path
        return place / name
    return options.out / name if options.format == "tensorboard" or options.out.is_dir() else options.out
