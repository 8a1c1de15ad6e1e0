"""What a hyperparameter search tries: a config to start from, and a range for each setting that it may change."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from dqn_core.analysis.advice import Advice, unfinished_exploration
from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError, FieldProblem, mark

__all__ = ["MOST_TRIALS", "SearchRange", "SearchSpec"]

MOST_TRIALS = 500
"""Trials of one search."""


@dataclass(frozen=True, kw_only=True)
class SearchRange:
    """Values that one field may take: from ``low`` to ``high``, or one of ``choices`` where there are any."""

    field: str
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    """Whether a step is a factor rather than a difference; ``low`` is above 0 then."""
    choices: tuple[Any, ...] = ()

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values which, where all of them are valid, leave none in between that is not."""
        return self.choices or (self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """One search. Raises :class:`ConfigError`, naming what is wrong, where any of its trials could not be trained."""

    base: TrainingConfig
    """What all trials have in common; it limits the env steps, so that trials can be compared on their way."""
    ranges: tuple[SearchRange, ...]
    trials: int = 20
    at_once: int = 2
    """Trials that train at the same time."""

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(tuple(problems))

    def is_whole(self, field: str) -> bool:
        """Whether ``field`` takes whole numbers only."""
        return isinstance(getattr(self.base, field, None), int)

    def conflicts(self) -> tuple[FieldProblem, ...]:
        """Ranges of which no values go together, each with the setting that it conflicts with; asked before a start.

        What a config refuses in two settings is that one is larger than the other: where any of their values go
        together, some of the ranges' ends do.
        """
        return tuple(self._conflicts())

    def _conflicts(self) -> Iterator[FieldProblem]:
        for first, second in itertools.combinations(self.ranges, 2):
            problems: tuple[FieldProblem, ...] = ()
            for one, other in itertools.product(first.ends, second.ends):
                changes = {first.field: self._typed(first, one), second.field: self._typed(second, other)}
                try:
                    self.base.replace(**changes)
                except ConfigError as error:
                    problems = error.problems
                else:
                    problems = ()
                    break
            if problems:
                template = mark("has no value that is compatible with any value of {limit_name}")
                yield FieldProblem(first.field, _shown(first), template, {"limit_name": second.field})

    def unfinished_exploration(self) -> Advice | None:
        """What to say where each trial ends before epsilon has decayed; None where a searched setting changes that."""
        found = unfinished_exploration(self.base)
        ends = (self._with(each, value) for each in self.ranges for value in each.ends)
        return found if all(unfinished_exploration(config) == found for config in ends) else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "base": self.base.to_dict(),
            "ranges": [asdict(each) | {"choices": list(each.choices)} for each in self.ranges],
            "trials": self.trials,
            "at_once": self.at_once,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The spec of :meth:`to_dict`'s values."""
        return cls(
            base=TrainingConfig.from_dict(values["base"]),
            ranges=tuple(
                SearchRange(**each | {"choices": tuple(map(_hashable, each["choices"]))}) for each in values["ranges"]
            ),
            trials=values["trials"],
            at_once=values["at_once"],
        )

    def _problems(self) -> Iterator[FieldProblem]:
        if not self.ranges:
            yield FieldProblem("ranges", "", mark("needs at least one setting to vary"), {})
        if not 1 <= self.trials <= MOST_TRIALS:
            yield FieldProblem("trials", self.trials, mark("must be from 1 to {limit}"), {"limit": MOST_TRIALS})
        if self.at_once < 1:
            yield FieldProblem("at_once", self.at_once, mark("must be at least 1"), {})
        if self.base.max_env_steps is None:
            template = mark("must be set for a search: trials are compared at equal env steps")
            yield FieldProblem("max_env_steps", None, template, {})
        if self.base.evaluate_every == 0:
            template = mark("must be at least 1 for a search, which compares evaluations")
            yield FieldProblem("evaluate_every", 0, template, {})
        for each in self.ranges:
            yield from self._range_problems(each)

    def _range_problems(self, each: SearchRange) -> Iterator[FieldProblem]:
        if not each.choices and each.low >= each.high:
            template = mark("needs a lower bound below its upper bound")
            yield FieldProblem(each.field, _shown(each), template, {})
        elif not each.choices and each.is_log and each.low <= 0.0:
            template = mark("needs a lower bound above 0 for a log scale")
            yield FieldProblem(each.field, each.low, template, {})
        else:
            for value in each.ends:
                try:
                    self._with(each, value)
                except ConfigError as error:
                    yield from error.problems

    def _with(self, each: SearchRange, value: Any) -> TrainingConfig:
        return self.base.replace(**{each.field: self._typed(each, value)})

    def _typed(self, each: SearchRange, value: Any) -> Any:
        return int(value) if not each.choices and self.is_whole(each.field) else value


def _shown(each: SearchRange) -> str:
    return ", ".join(map(str, each.choices)) or f"{each.low:g} … {each.high:g}"


def _hashable(choice: Any) -> Any:
    """JSON has no tuples: layer widths come back as a list."""
    return tuple(choice) if isinstance(choice, list) else choice
