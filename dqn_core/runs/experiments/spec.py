"""What an experiment tries: variants of one config, each over the same seeds, as plain data."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from dqn_core.analysis.advice import Advice, unfinished_exploration
from dqn_core.config import Arguments, TrainingConfig
from dqn_core.errors import ConfigError, FieldProblem, mark

__all__ = ["MOST_RUNS", "Cell", "ExperimentRecord", "ExperimentSpec", "choices_of", "is_widths", "parsed_value"]

MOST_RUNS = 100
"""Runs of one experiment."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run that an experiment consists of."""

    variant: int
    """Place of its variant among all."""
    config: TrainingConfig


@dataclass(frozen=True, kw_only=True)
class ExperimentSpec:
    """Variants times seeds. Raises :class:`ConfigError`, naming what is wrong, where any of its runs could not be."""

    base: TrainingConfig
    """What all variants have in common; its seed does not matter."""
    variants: tuple[Mapping[str, Any], ...] = field(default_factory=lambda: ({},))
    """Fields of ``base`` that a variant has another value in; a single empty one for the base alone."""
    seeds: tuple[int, ...] = (0, 1, 2)

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(tuple(problems))
        _ = self.cells  # raises what is wrong with any config

    @classmethod
    def sweep(cls, base: TrainingConfig, name: str | None, values: Iterable[Any], seeds: Iterable[int]) -> Self:
        """One field over several values; ``name`` None for the base alone."""
        variants = ({},) if name is None else tuple({name: value} for value in values)
        if not variants:
            raise ConfigError((FieldProblem(name or "", "", mark("needs at least one value"), {}),))
        return cls(base=base, variants=variants, seeds=tuple(seeds))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every run, seed by seed: all variants have one run each before any has two."""
        return tuple(
            Cell(variant=variant, config=self.base.replace(**changes, seed=seed))
            for seed in self.seeds
            for variant, changes in enumerate(self.variants)
        )

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields in which variants differ, in the order of their first mention."""
        return tuple(dict.fromkeys(name for changes in self.variants for name in changes))

    def unfinished_exploration(self) -> tuple[Mapping[str, Any], Advice] | None:
        """The variant that ends with the most random actions left before epsilon has decayed, and what to say of it.

        Without its fields where the same holds for all variants; None where every variant's epsilon decays.
        """
        advice = [unfinished_exploration(self.base.replace(**changes)) for changes in self.variants]
        found = [(changes, each) for changes, each in zip(self.variants, advice, strict=True) if each is not None]
        if not found:
            return None
        worst, said = max(found, key=lambda each: each[1].parameters["percent"])
        return ({} if all(each == said for each in advice) else worst), said

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "base": self.base.to_dict(),
            "variants": [{name: _plain(value) for name, value in changes.items()} for changes in self.variants],
            "seeds": list(self.seeds),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The spec of :meth:`to_dict`'s values."""
        return cls(
            base=TrainingConfig.from_dict(values["base"]),
            variants=tuple(values["variants"]),
            seeds=tuple(values["seeds"]),
        )

    def _problems(self) -> Iterable[FieldProblem]:
        if not self.seeds or not self.variants:
            yield FieldProblem("seed" if self.variants else "variants", "", mark("needs at least one value"), {})
        if _has_repeats(self.seeds):
            yield FieldProblem(
                "seed", _listed(self.seeds), mark("contains a seed twice: that would be the same run"), {}
            )
        if any("seed" in changes for changes in self.variants):
            yield FieldProblem("seed", "", mark("cannot be varied: seeds are given separately from the values"), {})
        if _has_repeats([sorted(changes.items(), key=repr) for changes in self.variants]):
            values = _listed(value for changes in self.variants for value in changes.values())
            yield FieldProblem(
                next(iter(self.fields), "variants"),
                values,
                mark("contains a value twice: that would be the same run"),
                {},
            )
        count = len(self.seeds) * len(self.variants)
        if count > MOST_RUNS:
            template = mark("makes {count} runs: an experiment has at most {limit}")
            yield FieldProblem("seed", _listed(self.seeds), template, {"count": count, "limit": MOST_RUNS})


@dataclass(frozen=True, kw_only=True)
class ExperimentRecord:
    """One experiment, as it is kept."""

    experiment_id: str
    name: str
    owner: str
    """Id of the visitor who started it; empty for one that belongs to everybody."""
    created_at: datetime
    """In UTC, aware."""
    spec: ExperimentSpec


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Arguments) else value


def _has_repeats(values: Sequence[Any]) -> bool:
    return len({repr(value) for value in values}) < len(values)


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values)


# --------------------------------------------------------------------------------------- values as a person writes them

_NOTHING = frozenset({"none", "-", "–"})
_YES_OR_NO = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
_TYPES = typing.get_type_hints(TrainingConfig)


def choices_of(name: str) -> tuple[Any, ...]:
    """All values of a field that has but a few; empty for numbers."""
    kind = _TYPES[name]
    if kind is bool:
        return (True, False)
    return typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()


def is_widths(name: str) -> bool:
    """Whether the field holds a list of whole numbers, which commas part."""
    return typing.get_origin(_TYPES.get(name)) is tuple


def parsed_value(name: str, text: str) -> Any:
    """The value of field ``name`` in ``text``: a number, a word, widths parted by commas, "none", "on" or "off".

    What is not a value of the field's kind stays text, which a config refuses by name.
    """
    kind = _TYPES.get(name)
    if "." in name:  # one argument of the environment
        found = Arguments.parsed([f"value={text.strip()}"])
        return found["value"] if isinstance(found, Arguments) else text.strip()
    if kind is Arguments:
        return Arguments.of_text(text)
    if is_widths(name):
        return tuple(_number(each, int) for each in text.split(",") if each.strip())
    if kind is bool:
        return _YES_OR_NO.get(text.strip().lower(), text)
    if isinstance(kind, types.UnionType):
        if text.strip().lower() in _NOTHING:
            return None
        (kind,) = (part for part in typing.get_args(kind) if part is not types.NoneType)
    return _number(text, kind) if kind in {int, float} else text.strip()


def _number(text: str, kind: Any) -> Any:
    try:
        value = float(text.replace(" ", ""))
    except ValueError:
        return text.strip()
    return int(value) if kind is int and value.is_integer() else value
