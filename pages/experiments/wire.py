"""Where experiments stand, as texts and numbers for a browser."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from statistics import fmean
from typing import Any

from dqn_core.errors import mark, mark_plural
from dqn_core.events import RunState
from dqn_core.runs.experiments.service import ExperimentStatus
from pages.shared.texts.fields import label_of
from pages.shared.texts.i18n import translate
from pages.shared.texts.numbers import number_text
from pages.shared.texts.value_text import value_text
from pages.shared.texts.words import STATE_LABELS

__all__ = ["card"]


def card(status: ExperimentStatus, language: str) -> dict[str, Any]:
    """Everything that is shown of one experiment."""
    say = functools.partial(translate, language)
    record = status.record
    return {
        "id": record.experiment_id,
        "name": record.name,
        "facts": " · ".join(_facts(status, say)),
        "created": record.created_at.isoformat(),
        "result": _result(status, say),
        "fraction": status.fraction,
        "progress": say(mark_plural("{done} of {total} run done", "{done} of {total} runs done", status.total)).format(
            done=status.done, total=status.total
        ),
        "states": " · ".join(_states(status, say)),
        "active": status.is_active,
        "can_resume": status.can_resume,
        "runs": ",".join(run.run_id for run in status.runs),
    }


def _facts(status: ExperimentStatus, say: Callable[[str], str]) -> Iterator[str]:
    spec = status.record.spec
    yield spec.base.env_id
    for field in spec.fields:
        values = dict.fromkeys(
            value_text(field, changes.get(field, spec.base.value(field)), say) for changes in spec.variants
        )
        label = label_of(field, say)
        yield f"{label}: {', '.join(values)}"
    yield say(mark("seeds {seeds}")).format(seeds=_listed(spec.seeds))


def _result(status: ExperimentStatus, say: Callable[[str], str]) -> str:
    """The mean of the best evaluations of each variant's runs that are over; empty before there is one."""
    spec, found = status.record.spec, dict[str, list[float]]()
    for run in status.runs:
        if not run.state.is_active and run.best_eval is not None and math.isfinite(run.best_eval):
            values = [value_text(field, run.initial_config.value(field), say) for field in spec.fields]
            found.setdefault(", ".join(values), []).append(run.best_eval)
    if not found:
        return ""
    means = [f"{values}: {number_text(round(fmean(evals), 1))} (n = {len(evals)})" for values, evals in found.items()]
    return say(mark("Best evaluation, mean over seeds: {means}")).format(means=" · ".join(means))


def _listed(seeds: tuple[int, ...]) -> str:
    if len(seeds) > 2 and seeds == tuple(range(seeds[0], seeds[-1] + 1)):  # noqa: PLR2004  two are named both
        return f"{seeds[0]}–{seeds[-1]}"
    return ", ".join(map(str, seeds))


def _states(status: ExperimentStatus, say: Callable[[str], str]) -> Iterator[str]:
    for state in RunState:
        if count := status.states.get(state, 0):
            yield f"{say(STATE_LABELS[state])}: {count}"
    if status.missing:
        yield say(mark("Not started: {count}")).format(count=len(status.missing))
