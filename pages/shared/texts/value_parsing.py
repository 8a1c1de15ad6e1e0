"""Several values of one setting, as they are typed into one line."""

from __future__ import annotations

from typing import Any

from dqn_core.config import TrainingConfig
from dqn_core.runs.experiments.spec import is_widths, parsed_value
from pages.shared.texts.fields import FIELDS

__all__ = ["parsed_values", "suggested_values"]


def parsed_values(name: str, text: str) -> tuple[Any, ...]:
    """The values in ``text``, parted by commas, layer widths and reward formulas by semicolons."""
    parts = text.split(";" if is_widths(name) or name == "reward_formula" else ",")
    return tuple(parsed_value(name, part) for part in parts if part.strip())


def suggested_values(name: str, base: TrainingConfig) -> str:
    """The base's own value between its neighbours among the form's stops, as text to begin with."""
    own = getattr(base, name)
    if name == "reward_formula":
        return f"reward; {own or '2*reward'}"
    if is_widths(name):
        return f"16, 16; {', '.join(map(str, own))}; 64, 64"
    stops = sorted({*FIELDS[name].stops, *([] if own is None else [own])})
    place = stops.index(own) if own in stops else 0
    return ", ".join(f"{value:g}" for value in stops[max(0, place - 1) : place + 2])
