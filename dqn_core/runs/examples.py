"""Trained agents that a new data folder begins with, so that every page has something to show at the first visit."""

from __future__ import annotations

import zipfile
from pathlib import Path

from dqn_core.runs.folder_lock import DATABASE_NAME

__all__ = ["EXAMPLES_FILE", "EXAMPLES_OWNER", "add_examples"]

EXAMPLES_FILE = Path(__file__).parent / "examples.zip"
"""A small data folder, made by ``python -m benchmarks.example_runs``."""
EXAMPLES_OWNER = "examples"
"""Owner of the example runs: no visitor's id, so with an instructor's code only the instructor controls them."""


def add_examples(data_dir: Path) -> None:
    """Unpack the examples into a data folder that holds no runs yet; leaves any other as it is.

    Raises OSError where the folder cannot be written.
    """
    if any((data_dir / name).exists() for name in (DATABASE_NAME, "runs")):
        return
    with zipfile.ZipFile(EXAMPLES_FILE) as archive:
        archive.extractall(data_dir)
