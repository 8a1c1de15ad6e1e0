"""``docs/lessons.md``: what each guided experiment asks, and what came out of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dqn_core.analysis.metrics import Estimate
from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.lesson import Lesson, Measure
from dqn_core.lessons.results import verdict
from dqn_core.lessons.shipped import DATA, ShippedResult, read_shipped

__all__ = ["lessons_page", "write_lessons_page"]

_HEAD = """\
# The lessons and their effects

Made by `make lessons` from the runs in `dqn_core/lessons/data`. Each side of a comparison has the same seeds, the same
number of env steps and the same number of updates. Intervals are 95 % bootstrap intervals of the mean over the seeds.
An effect counts as clear where the interval of the highest lies above that of every other. Settings were chosen on
other seeds, from 100 on.
"""
_MEASURES: dict[Measure, str] = {
    "mean_eval": "mean evaluation while learning",
    "mean_return": "mean return of the training episodes",
    "best_excess": "best evaluation of a run minus the mean return of the same network in 20 new episodes",
    "first_value": "value of an episode's first state",
    "overestimation": "value of a state minus the return that follows",
}


def write_lessons_page(path: Path, folder: Path = DATA) -> None:
    """Write the page of the results in ``folder``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lessons_page(folder), "utf-8")


def lessons_page(folder: Path = DATA) -> str:
    """The page, in Markdown; lessons without a result are left out."""
    results = [(lesson, result) for lesson in LESSONS.values() if (result := read_shipped(lesson, folder)) is not None]
    seconds = sum(result.cpu_s for _, result in results)
    machines = sorted({result.machine for _, result in results})
    foot = f"All runs together took {seconds / 60:.0f} minutes of one core ({'; '.join(machines)}).\n"
    return "\n".join([_HEAD, *(_section(number, *each) for number, each in enumerate(results, 1)), foot])


def _section(number: int, lesson: Lesson, result: ShippedResult) -> str:
    return "\n".join(_lines(number, lesson, result))


def _lines(number: int, lesson: Lesson, result: ShippedResult) -> Iterator[str]:
    found = verdict(lesson, result.runs)
    yield f"## {number}. {lesson.title}\n"
    yield f"{lesson.question} Compared: {_MEASURES[lesson.measure]}, in {lesson.spec.base.env_id}.\n"
    yield "| variant | mean | 95 % interval | seeds | env steps | updates |"
    yield "|---|---:|---:|---:|---:|---:|"
    for variant, (label, each) in enumerate(zip(lesson.labels, found.estimates, strict=True)):
        own = [run for run in result.runs if run.variant == variant]
        env_steps, updates = (_range([getattr(run, name) for run in own]) for name in ("env_steps", "updates"))
        name = f"**{label}**" if variant == found.answer else label
        yield f"| {name} | {_short(each.mean)} | {_interval(each)} | {each.n} | {env_steps} | {updates} |"
    surprise = ", and that is the lesson: see why on its page" if lesson.is_surprise else ""
    yield f"\n{'A clear effect' if found.is_clear else 'No clear difference'}{surprise}. `{result.command}`\n"


def _interval(estimate: Estimate) -> str:
    return f"{_short(estimate.low)} to {_short(estimate.high)}"


def _short(value: float) -> str:
    rounded = float(f"{round(value, 6):.3g}") + 0.0  # an interval that begins at 0 may miss it by a trifle
    return f"{rounded:,.0f}" if rounded.is_integer() else f"{rounded:,g}"


def _range(values: list[int]) -> str:
    return f"{values[0]:,}" if min(values) == max(values) else f"{min(values):,}–{max(values):,}"
