"""Runs as one ZIP file, made while it is downloaded: no more of it is in memory than a piece of one file."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from dqn_core.json_text import json_text
from dqn_core.runs.manager import RunManager
from dqn_core.runs.storage.records import RunRecord
from dqn_core.training.checkpoint import whole_file
from dqn_core.training.checkpoint_frames import FRAMES_FOLDER
from pages.shared.export.csv_export import changes_csv, episodes_csv
from pages.shared.export.zip_portions import zip_portions

__all__ = ["archive"]

_LOG = logging.getLogger(__name__)
_PIECE = 256 * 1024
_CHECKPOINT = "checkpoint"
"""What the names of all of them begin with."""
_LEFT_OUT = {"episodes.csv", "changes.csv"}
"""Of a run of the command line, in its folder already; here they come from the log."""


def archive(manager: RunManager, run_ids: Sequence[str], *, with_checkpoints: bool) -> Iterator[bytes]:
    """The pieces of a ZIP file with a folder for each run: what is known of it, its log, its files.

    ``with_checkpoints`` also what it would go on from, which is large. A file that goes away meanwhile is left out.
    """
    return zip_portions(
        (f"{run_id}/{name}", content)
        for run_id in run_ids
        for name, content in _files(manager, run_id, with_checkpoints=with_checkpoints)
    )


def _files(manager: RunManager, run_id: str, *, with_checkpoints: bool) -> Iterator[tuple[str, Iterable[bytes]]]:
    """(name, content in pieces) of each file of a run."""
    view = manager.view(run_id)
    yield "run.json", [_about(manager.snapshot(run_id).record)]
    yield "episodes.csv", _encoded(episodes_csv(view))
    yield "changes.csv", _encoded(changes_csv(view))
    folder = manager.run_folder(run_id)
    for path in sorted(each for each in folder.rglob("*") if _is_wanted(each, with_checkpoints=with_checkpoints)):
        name = path.relative_to(folder).as_posix()
        if name in _LEFT_OUT:
            continue
        try:
            file = whole_file(path) if path.name.startswith(_CHECKPOINT) else None
            opened = path.open("rb")
        except OSError as error:
            _LOG.info("Left out of an archive: %s", error)
            continue
        with opened:
            # Read before the next file is opened.
            yield name, iter(lambda: opened.read(_PIECE), b"") if file is None else file.portions(_PIECE)  # noqa: B023


def _is_wanted(path: Path, *, with_checkpoints: bool) -> bool:
    is_half_written = path.name.startswith(".")
    is_checkpoint = path.name.startswith(_CHECKPOINT)
    is_part = path.parent.name == FRAMES_FOLDER  # of checkpoints, which are whole here
    return path.is_file() and not is_half_written and not is_part and (with_checkpoints or not is_checkpoint)


def _encoded(text: Iterable[str]) -> Iterator[bytes]:
    return (portion.encode() for portion in text)


def _about(record: RunRecord) -> bytes:
    """What the list of runs says of a run, and how it ended."""
    values = asdict(record) | {
        "config": record.config.to_dict(),
        "initial_config": record.initial_config.to_dict(),
        "started_at": record.started_at.isoformat(),
        "message": record.message_template.format(**record.message_parameters),
    }
    for name in ("owner", "message_template", "message_parameters", "compute_template", "compute_parameters"):
        del values[name]
    return (json_text(values, indent=2, default=str) + "\n").encode()
