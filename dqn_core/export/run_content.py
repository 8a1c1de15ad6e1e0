"""What there is of a run to export, wherever it is kept: in a folder of the command line, or by a server."""

from __future__ import annotations

import csv
import math
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.errors import ExportError, mark
from dqn_core.events import EPISODE_COLUMNS, EpisodeEnded
from dqn_core.runs.storage.folder_lock import DATABASE_NAME
from dqn_core.runs.storage.store import RunStore
from dqn_core.training.run_folder import RunFolder

__all__ = ["RunContent", "content_of_folder"]

_TYPES = typing.get_type_hints(EpisodeEnded)
_READERS: dict[type, Callable[[str], Any]] = {
    int: int,
    bool: lambda text: text == "True",
    float: lambda text: float(text) if text else math.nan,
}
_FEWEST_COLUMNS = EPISODE_COLUMNS.index("shaped_return")
"""Of logs that earlier versions wrote."""
_ROWS_AT_A_TIME = 5_000


@dataclass(frozen=True, kw_only=True)
class RunContent:
    """One run's parts."""

    run_id: str
    folder: RunFolder
    """Its weights and checkpoints."""
    started_at: datetime
    episodes: Callable[[], Iterable[EpisodeEnded]]
    """Reads the log from its beginning."""

    @property
    def config(self) -> TrainingConfig:
        """As it is now, live changes included."""
        return self.folder.config


def content_of_folder(path: Path, database: str | None = None) -> RunContent:
    """The run in ``path``: one that the command line trained, or one of a server's data folder.

    ``database`` is the address of that server's database, where it is no file in the folder.

    Raises
    ------
    RunFolderError
        It is no run's folder.
    ExportError
        Its log is nowhere to be found.
    """
    folder = RunFolder.open(path)
    run_id, log = path.resolve().name, path / "episodes.csv"
    file = path.resolve().parent.parent / DATABASE_NAME
    if log.exists():
        began = datetime.fromtimestamp((path / "config.json").stat().st_mtime, UTC)
        return RunContent(run_id=run_id, folder=folder, started_at=began, episodes=lambda: _read_csv(log))
    if database is None and not file.exists():
        template = mark("{path} has no log (episodes.csv): give the folder that the run was trained in.")
        raise ExportError(template, path=path)
    address = database or file
    store = RunStore(address)
    try:
        began = store.run(run_id).started_at
    finally:
        store.close()
    return RunContent(run_id=run_id, folder=folder, started_at=began, episodes=lambda: _read_store(address, run_id))


def _read_csv(path: Path) -> Iterator[EpisodeEnded]:
    """The rows of an episodes' CSV; raises :class:`ExportError` for a file that is not one."""
    names = [each.name for each in fields(EpisodeEnded)]
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        found = tuple(rows.fieldnames or ())
        if found not in {EPISODE_COLUMNS, EPISODE_COLUMNS[:_FEWEST_COLUMNS]}:
            raise ExportError(mark("{path} is not an episode CSV of this program."), path=path)
        for row in rows:
            cells = zip(names[: len(found)], row.values(), strict=True)
            try:
                yield EpisodeEnded(**{name: _READERS[_TYPES[name]](text) for name, text in cells})
            except (TypeError, ValueError) as error:
                template = mark("{path} is damaged in line {line}.")
                raise ExportError(template, path=path, line=rows.line_num) from error


def _read_store(address: Path | str, run_id: str) -> Iterator[EpisodeEnded]:
    store = RunStore(address)
    try:
        position = 0
        while rows := store.episodes(run_id, position, _ROWS_AT_A_TIME):
            yield from rows
            position += len(rows)
    finally:
        store.close()
