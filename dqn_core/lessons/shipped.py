"""Results that come with the program, for a class without the time to train: JSON files beside this one.

Each names the command that made it. ``python -m benchmarks.lessons`` makes them again. A file holds each run's number
and its curve at the lesson's common env steps, with as many digits as can be seen.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dqn_core.analysis.bands import common_grid, interpolated
from dqn_core.analysis.episode_table import Curve, FloatArray
from dqn_core.errors import ConfigError
from dqn_core.json_text import json_text
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.results import LessonRun
from dqn_core.runs.experiments.spec import ExperimentSpec

__all__ = ["DATA", "ShippedResult", "read_shipped", "write_shipped"]

DATA = Path(__file__).parent / "data"
_POINTS = 60
"""Points of a curve at most."""
_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class ShippedResult:
    """A lesson's runs and how they came about."""

    runs: tuple[LessonRun, ...]
    command: str
    machine: str
    cpu_s: float
    """Seconds of a core that all runs took together."""
    is_current: bool
    """Whether the lesson's settings are still those that the runs were trained with."""


def read_shipped(lesson: Lesson, folder: Path = DATA) -> ShippedResult | None:
    """The lesson's result; None where there is none."""
    path = folder / f"{lesson.name}.json"
    if not path.is_file():
        return None
    values = _parsed(path, path.stat().st_mtime_ns)
    steps = np.array(values["env_steps"], dtype=np.float64)
    return ShippedResult(
        runs=tuple(_run(each, steps) for each in values["runs"]),
        command=values["command"],
        machine=values["machine"],
        cpu_s=values["cpu_s"],
        is_current=_is_of(lesson, values["spec"]),
    )


def write_shipped(  # noqa: PLR0913  each is one plain fact about the result
    lesson: Lesson, runs: Iterable[LessonRun], *, command: str, machine: str, cpu_s: float, folder: Path = DATA
) -> None:
    """Keep ``runs`` as the lesson's result."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(runs, key=lambda run: (run.variant, run.seed))
    steps = common_grid([run.curve for run in ordered], _POINTS)
    values = {
        "command": command,
        "machine": machine,
        "cpu_s": round(cpu_s),
        "spec": _plain(lesson),
        "env_steps": _numbers(steps, digits=9),
        "runs": [_values(run, steps) for run in ordered],
    }
    (folder / f"{lesson.name}.json").write_text(json_text(values, is_compact=True) + "\n", "utf-8")


@functools.lru_cache(maxsize=64)
def _parsed(path: Path, _changed_at: int) -> Any:
    return json.loads(path.read_text("utf-8"))


def _is_of(lesson: Lesson, spec: Mapping[str, Any]) -> bool:
    """Whether ``spec`` says what the lesson's does; a field that it does not know yet has its default."""
    try:
        return ExperimentSpec.from_dict(spec).to_dict() == lesson.spec.to_dict()
    except ConfigError:  # of a version whose fields are no more
        return False


def _plain(lesson: Lesson) -> Any:
    """The lesson's spec as JSON gives it back."""
    return json.loads(json_text(lesson.spec.to_dict()))


def _values(run: LessonRun, steps: FloatArray) -> dict[str, Any]:
    return {
        "variant": run.variant,
        "seed": run.seed,
        "value": _number(run.value, _DIGITS + 2),
        "env_steps": run.env_steps,
        "updates": run.updates,
        "curve": _numbers(interpolated(run.curve, steps), _DIGITS),
    }


def _numbers(values: FloatArray, digits: int) -> list[float | int | None]:
    return [_number(float(value), digits) for value in values]


def _number(value: float, digits: int) -> float | int | None:
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded


def _run(values: Mapping[str, Any], steps: FloatArray) -> LessonRun:
    curve = np.array(values["curve"], dtype=np.float64)  # None is NaN
    reaches = np.isfinite(curve)
    return LessonRun(
        variant=values["variant"],
        seed=values["seed"],
        value=math.nan if values["value"] is None else values["value"],
        curve=Curve(steps[reaches], curve[reaches]),
        env_steps=values["env_steps"],
        updates=values["updates"],
    )
