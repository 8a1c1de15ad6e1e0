"""The answer to a browser that draws a comparison: the figure, and the tables beside it as texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dqn_core.analysis.metrics import RunMetrics, estimate, run_metrics
from dqn_core.analysis.run_data import RunData, RunGroup, differing_fields
from dqn_core.errors import mark, mark_plural
from dqn_core.json_text import json_text
from pages.compare.subject import Subject
from pages.compare.words import METRIC_LABELS
from pages.shared.texts.words import REASON_LABELS, STATE_LABELS

__all__ = ["answer", "tables"]


def answer(subject: Subject) -> str:
    """JSON of everything that is shown; without the figure and tables where the browser has them already."""
    state = {"version": subject.version, "active": subject.is_active}
    if subject.query.known == subject.version:
        return json_text(state | {"unchanged": True})
    from pages.compare.charts import View, figure_json

    query = subject.query
    view = View(points=query.points, low=query.low, high=query.high)
    text = json_text(state | tables(subject), is_ascii=False)
    return f'{text[:-1]}, "figure": {figure_json(subject.drawing(), view)}}}'


def tables(subject: Subject) -> dict[str, Any]:
    """Settings and numbers of each group and run, as texts."""
    words = subject.words
    fields = differing_fields(group.config for group in subject.groups)
    return {
        "missing": subject.missing,
        "fields": [words.field(name) for name in fields],
        "metrics": [{"label": words.say(label), "help": words.say(text)} for label, text in METRIC_LABELS.values()],
        "groups": [
            _group(subject, group, name) | {"settings": [words.value(field, group.config) for field in fields]}
            for group, name in zip(subject.groups, subject.names, strict=True)
        ],
    }


def _group(subject: Subject, group: RunGroup, name: str) -> dict[str, Any]:
    metrics = {run.run_id: run_metrics(run) for run in group.all_runs}
    counted = [metrics[run.run_id] for run in group.runs]
    estimates = {name: estimate(getattr(each, name) for each in counted) for name in METRIC_LABELS}
    return {
        "key": group.first.run_id,
        "name": name,
        "notes": list(_notes(subject, group)),
        "metrics": [subject.words.estimate(metric, found, group.n) for metric, found in estimates.items()],
        "runs": [_run(subject, run, metrics[run.run_id]) for run in group.all_runs],
    }


def _run(subject: Subject, run: RunData, metrics: RunMetrics) -> dict[str, Any]:
    record, say = subject.records[run.run_id], subject.words.say
    return {
        "id": run.run_id,
        "name": run.name,
        "seed": say(mark("seed {seed}")).format(seed=run.config.seed),
        "state": say(REASON_LABELS[record.reason] if record.reason else STATE_LABELS[record.state]),
        "metrics": [subject.words.metric(name, getattr(metrics, name)) for name in METRIC_LABELS],
    }


def _notes(subject: Subject, group: RunGroup) -> Iterator[str]:
    """What a reader must know of a group beside its settings."""
    words = subject.words
    for run in group.runs:
        yield from (words.change(event) for event in run.changes)
        if run.is_altered and not run.changes:
            yield words.say(mark("Resumed with other limits, or started from the weights of another run."))
    thinned = max(run.every for run in group.all_runs)
    if thinned > 1:
        text = mark("Very many episodes: only one in {count} of the longest run is drawn and counted here.")
        yield words.say(text).format(count=thinned)
    if group.repeated:
        count = len(group.repeated)
        text = mark_plural(
            "{count} more run uses a seed that is already counted: the same randomness adds no new sample.",
            "{count} more runs use a seed that is already counted: the same randomness adds no new sample.",
            count,
        )
        yield words.say(text).format(count=count)
