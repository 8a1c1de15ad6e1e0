"""Measure how honest a run's Q-values are, in a process of its own: ``python -m dqn_core.inside.measure DIR``.

Playing hundreds of episodes in the server would hold up whatever trains there. Progress goes to stdout, one line
``done/total`` an episode; the result to ``honesty.csv`` in the run's folder.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from dqn_core.errors import DqnLabError, RunFolderError, mark
from dqn_core.inside.agent import Agent
from dqn_core.inside.honesty import Promise, promises
from dqn_core.inside.library import Library
from dqn_core.training.files import write_atomically
from dqn_core.training.randomness import EVALUATION_SEED
from dqn_core.training.run_folder import RunFolder

__all__ = ["RESULT", "main", "read_promises"]

RESULT = "honesty.csv"
_COLUMNS = tuple(each.name for each in fields(Promise))
_NICENESS = 10
_FAILED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the run that ``arguments`` name (the process's own if None); returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dqn_core.inside.measure", description=__doc__)
    parser.add_argument("folder", type=Path, help="the run's folder")
    parser.add_argument("--episodes", type=int, default=5, help="greedy episodes of each moment, on the same seeds")
    parser.add_argument("--moments", type=int, default=12, help="snapshots of the training, at most")
    options = parser.parse_args(arguments)
    try:
        measured = _measure(RunFolder.open(options.folder), options.episodes, options.moments)
        write_atomically(options.folder / RESULT, _csv_text(measured).encode())
    except (DqnLabError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201  a command line prints
        return _FAILED
    return 0


def read_promises(folder: Path) -> list[Promise]:
    """What was measured last; nothing where nothing was, or the file is not one of these."""
    try:
        with (folder / RESULT).open(encoding="utf-8", newline="") as file:
            return [_promise(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _measure(folder: RunFolder, episodes: int, most: int) -> list[Promise]:
    agents = _agents(folder, most)
    seeds = range(EVALUATION_SEED, EVALUATION_SEED + episodes)
    total, measured = len(agents) * episodes, []
    for promise in promises(agents, seeds):
        measured.append(promise)
        print(f"{len(measured)}/{total}", flush=True)  # noqa: T201
    return measured


def _agents(folder: RunFolder, most: int) -> tuple[Agent, ...]:
    agents = Library().agents(folder, most)
    if not agents:
        template = mark("{path} holds no snapshot of the agent yet: let the run train until its first episode.")
        raise RunFolderError(template, path=folder.path)
    return agents


def _csv_text(measured: Iterable[Promise]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    writer.writerows([getattr(each, name) for name in _COLUMNS] for each in measured)
    return text.getvalue()


def _promise(row: dict[str, str]) -> Promise:
    return Promise(
        episode=int(row["episode"]),
        env_step=int(row["env_step"]),
        seed=int(row["seed"]),
        predicted=float(row["predicted"]),
        got=float(row["got"]),
        episode_return=float(row["episode_return"]),
        length=int(row["length"]),
        truncated=row["truncated"] == "True",
    )


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    sys.exit(main())
