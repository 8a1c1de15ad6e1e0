"""Trained agents that a new data folder begins with, so that every page has something to show at the first visit."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from dqn_core.errors import StoreError, mark
from dqn_core.runs.copying import copy_database
from dqn_core.runs.storage.folder_lock import DATABASE_NAME

__all__ = ["EXAMPLES_FILE", "EXAMPLES_OWNER", "EXAMPLE_NAMES", "add_examples"]

EXAMPLES_FILE = Path(__file__).parent / "examples.zip"
"""A small data folder, made by ``python -m benchmarks.example_runs``."""
EXAMPLES_OWNER = "examples"
"""Owner of the example runs: no visitor's id, so with an instructor's code only the instructor controls them."""
EXAMPLE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "MountainCar-v0": mark("Example: Mountain Car"),
        "CartPole-v1": mark("Example: Cart Pole"),
        "LunarLander-v3": mark("Example: Lunar Lander"),
    }
)
"""By environment."""


def add_examples(data_dir: Path, database: str | None = None) -> None:
    """Unpack the examples into a data folder that holds no runs yet; leaves any other as it is.

    Their log goes into the database at the address ``database`` where that is given, and is empty; where it is not
    empty, or cannot be used, there are no examples.

    Raises OSError where the folder cannot be written.
    """
    if any((data_dir / name).exists() for name in (DATABASE_NAME, "runs")):
        return
    with zipfile.ZipFile(EXAMPLES_FILE) as archive:
        if database is None:
            archive.extractall(data_dir)
            return
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=data_dir) as folder:
            archive.extractall(folder)
            with contextlib.suppress(StoreError):  # whoever opens the database next says what is wrong with it
                copy_database(Path(folder) / DATABASE_NAME, database)
                (Path(folder) / "runs").rename(data_dir / "runs")
