"""An assignment in words: what is given, and what is open."""

from __future__ import annotations

from collections.abc import Iterator

from dqn_core.config import TrainingConfig
from dqn_core.presets import nearest_preset, preset_config
from dqn_core.runs.classes.classroom import Assignment, Opening
from pages.shared.texts.fields import label_of
from pages.shared.texts.i18n import _
from pages.shared.texts.markdown import escape_markdown
from pages.shared.texts.numbers import number_text
from pages.shared.texts.value_text import value_text
from pages.shared.texts.words import PRESET_LABELS

__all__ = ["assignment_facts", "open_facts"]

_ALWAYS = ("goal_score", "max_env_steps", "max_episodes")
"""Settings that are told whether or not they are the preset's."""


def assignment_facts(config: TrainingConfig) -> list[str]:
    """The environment, the preset, the goal and the budget, and what differs from the preset, in Markdown."""
    preset = nearest_preset(config)
    base = preset_config(config.env_id, preset)
    differing = {name: value for name, value, _other in config.differences(base) if name != "seed"}
    told = dict.fromkeys(_ALWAYS) | {name: config.value(name) for name in (*_ALWAYS, *differing)}
    environment = _("Environment: {env_id}").format(env_id=escape_markdown(config.env_id))
    name = _("Preset: {preset}").format(preset=_(PRESET_LABELS[preset]) if preset in PRESET_LABELS else preset)
    return [environment, name, *(_setting(field, value) for field, value in told.items())]


def _setting(name: str, value: object) -> str:
    return escape_markdown(f"{label_of(name, _)}: {value_text(name, value, _)}")


def open_facts(assignment: Assignment) -> list[str]:
    """Each open setting with its range, in Markdown."""
    return [
        escape_markdown(" ".join((label_of(name, _), *_range(name, opening))))
        for name, opening in assignment.open.items()
    ]


def _range(name: str, opening: Opening) -> Iterator[str]:
    if opening.choices:
        yield "(" + ", ".join(value_text(name, each, _) for each in opening.choices) + ")"
    elif opening.low is not None or opening.high is not None:
        low, high = ("" if end is None else number_text(end) for end in (opening.low, opening.high))
        yield f"({low} – {high})"
