"""Settings, their values and their changes, as the form calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dqn_core.config import Arguments
from dqn_core.errors import mark
from dqn_core.events import HyperparametersChanged
from pages.shared.texts.fields import FIELDS, label_of
from pages.shared.texts.numbers import number_text
from pages.shared.texts.words import CHOICE_LABELS

__all__ = ["changes_text", "value_text"]

_YES, _NO = mark("on"), mark("off")
_DEFAULT = mark("default")


def value_text(field: str, value: Any, translate: Callable[[str], str]) -> str:
    """``value`` of the config's ``field``: a choice by its word, None by what it means for this field."""
    if field == "reward_formula":
        return value or translate(FIELDS[field].none_text or "")
    if isinstance(value, Mapping):
        return str(Arguments(value)) or "–"
    if value is None and "." in field:
        return translate(_DEFAULT)
    if value is None:
        none_text = FIELDS[field].none_text if field in FIELDS else None
        return translate(none_text) if none_text else "–"
    if isinstance(value, bool):
        return translate(_YES if value else _NO)
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value) or "–"
    return translate(CHOICE_LABELS[value]) if value in CHOICE_LABELS else str(value)


def changes_text(event: HyperparametersChanged, translate: Callable[[str], str]) -> str:
    """Everything that was changed live in one moment: ``Learning rate 0.001 → 5e-4; ...``."""
    return "; ".join(
        f"{label_of(each.field, translate)} "
        f"{value_text(each.field, each.old, translate)} → {value_text(each.field, each.new, translate)}"
        for each in event.changes
    )
