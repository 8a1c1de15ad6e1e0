"""Results that come with the program, for a class without the time to train: JSON files beside this one.

Each names the command that made it. ``python -m benchmarks.lessons`` makes them again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dqn_core.analysis.episode_table import COLUMNS, EpisodeTable
from dqn_core.errors import ConfigError
from dqn_core.json_text import json_text
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.results import LessonRun
from dqn_core.runs.experiment_spec import ExperimentSpec

__all__ = ["DATA", "ShippedResult", "read_shipped", "write_shipped"]

DATA = Path(__file__).parent / "data"
_KEPT = ("episode", "env_step", "episode_return", "eval_return")
"""Columns that lessons look at; the others are NaN in what is read back."""
_DIGITS = 2


@dataclass(frozen=True, kw_only=True)
class ShippedResult:
    """A lesson's runs and how they came about."""

    runs: tuple[LessonRun, ...]
    command: str
    machine: str
    is_current: bool
    """Whether the lesson's settings are still those that the runs were trained with."""


def read_shipped(lesson: Lesson, folder: Path = DATA) -> ShippedResult | None:
    """The lesson's result; None where there is none."""
    path = folder / f"{lesson.name}.json"
    if not path.is_file():
        return None
    values = json.loads(path.read_text("utf-8"))
    return ShippedResult(
        runs=tuple(_run(each) for each in values["runs"]),
        command=values["command"],
        machine=values["machine"],
        is_current=_is_of(lesson, values["spec"]),
    )


def write_shipped(lesson: Lesson, runs: Iterable[LessonRun], command: str, machine: str, folder: Path = DATA) -> None:
    """Keep ``runs`` as the lesson's result."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(runs, key=lambda run: (run.variant, run.seed))
    values = {"command": command, "machine": machine, "spec": _plain(lesson), "runs": [_values(run) for run in ordered]}
    (folder / f"{lesson.name}.json").write_text(json_text(values, is_compact=True) + "\n", "utf-8")


def _is_of(lesson: Lesson, spec: Mapping[str, Any]) -> bool:
    """Whether ``spec`` says what the lesson's does; a field that it does not know yet has its default."""
    try:
        return ExperimentSpec.from_dict(spec).to_dict() == lesson.spec.to_dict()
    except ConfigError:  # of a version whose fields are no more
        return False


def _plain(lesson: Lesson) -> Any:
    """The lesson's spec as JSON gives it back."""
    return json.loads(json_text(lesson.spec.to_dict()))


def _values(run: LessonRun) -> dict[str, Any]:
    columns = {name: [_number(value) for value in run.episodes[name]] for name in _KEPT}
    return {"variant": run.variant, "seed": run.seed, "overestimation": _number(run.overestimation), "columns": columns}


def _number(value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else round(float(value), _DIGITS)


def _run(values: Mapping[str, Any]) -> LessonRun:
    kept = {name: np.array(column, dtype=np.float64) for name, column in values["columns"].items()}  # None is NaN
    absent = np.full(len(kept["episode"]), np.nan)
    overestimation = values["overestimation"]
    return LessonRun(
        variant=values["variant"],
        seed=values["seed"],
        episodes=EpisodeTable({name: kept.get(name, absent) for name in COLUMNS}),
        overestimation=np.nan if overestimation is None else overestimation,
    )
