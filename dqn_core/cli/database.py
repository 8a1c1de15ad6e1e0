"""``python -m dqn_core database copy``: a laboratory's database moved to another."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tqdm import tqdm

from dqn_core.cli.process import stdout_for_result
from dqn_core.json_text import json_text

__all__ = ["database"]


@dataclass(frozen=True, kw_only=True)
class _DatabaseOptions:
    """Copy a laboratory's database into another, empty one, with the server stopped.

    Each is a data folder, a SQLite file, or the address of a PostgreSQL: postgresql+psycopg://user:password@host/name.
    The files of runs stay in the data folder.
    """

    action: tyro.conf.Positional[Literal["copy"]]
    """What to do."""
    source: tyro.conf.Positional[str]
    """The database to copy."""
    target: tyro.conf.Positional[str]
    """An empty database, or a file that is to be made."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """No progress bar."""


def database(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    options = tyro.cli(_DatabaseOptions, args=arguments, prog="python -m dqn_core database")
    from dqn_core.runs.copying import copy_database
    from dqn_core.runs.storage.backends import shown_address

    source, target = _address(options.source), _address(options.target)
    with (
        stdout_for_result() as say,
        tqdm(disable=options.quiet, file=sys.stderr, unit=" rows", dynamic_ncols=True) as bar,
    ):

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        rows = copy_database(source, target, tell)
        report = {"from": shown_address(source), "to": shown_address(target), "rows": rows}
        say(json_text(report))
    return 0


def _address(text: str) -> Path | str:
    """The database that is meant: a data folder stands for the file in it."""
    if "://" in text:
        return text
    from dqn_core.runs.storage.folder_lock import DATABASE_NAME

    path = Path(text)
    return path / DATABASE_NAME if path.is_dir() or not path.suffix else path
