"""Names of axes, groups and numbers in the reader's language. A route has no session: the language comes along."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from dqn_core.analysis.comparison import Choices
from dqn_core.analysis.metrics import Estimate
from dqn_core.analysis.run_data import RunGroup, differing_fields
from dqn_core.config import TrainingConfig
from dqn_core.environments.settings import default_of
from dqn_core.errors import UnsupportedEnvironmentError, mark
from dqn_core.events import HyperparametersChanged
from dqn_core.presets import preset_name
from pages.shared.texts.fields import label_of
from pages.shared.texts.i18n import translate
from pages.shared.texts.numbers import duration_text, number_text
from pages.shared.texts.value_text import changes_text, value_text
from pages.shared.texts.words import PRESET_LABELS

__all__ = ["METRIC_LABELS", "X_LABELS", "Y_LABELS", "FigureTexts", "Words"]

X_LABELS = {"env_step": mark("Env steps"), "episode": mark("Episode"), "wall_time_s": mark("Training time (s)")}
Y_LABELS = {
    "episode_return": mark("Return"),
    "eval_return": mark("Evaluation"),
    "shaped_return": mark("Shaped return"),
    "loss_mean": mark("Mean loss"),
    "length": mark("Episode length"),
    "epsilon": mark("Epsilon"),
    "q_mean": mark("Mean Q-value"),
}
METRIC_LABELS = {
    "final_eval": (mark("Final evaluation"), mark("Return of the last evaluation.")),
    "best_eval": (mark("Best evaluation"), mark("Return of the best evaluation.")),
    "mean_return": (
        mark("Mean return"),
        mark("Area under the return curve, divided by the env steps: the faster an agent learns, the larger it is."),
    ),
    "goal_env_steps": (mark("Steps to goal"), mark("Env steps until the goal was reached and confirmed.")),
    "goal_wall_time_s": (mark("Time to goal"), mark("Training time until the goal was reached and confirmed.")),
    "episodes": (mark("Episodes"), mark("Episodes so far.")),
    "env_steps": (mark("Env steps"), mark("Env steps so far, warm-up included.")),
}
"""Label and explanation of each number that the page shows, in their order."""
_FIELDS_IN_A_NAME = 2
_TIMES = frozenset({"goal_wall_time_s", "wall_time_s"})
_WHOLE = frozenset({"goal_env_steps", "episodes", "env_steps"})


@dataclass(frozen=True, kw_only=True)
class FigureTexts:
    """What is written in the figure."""

    x_title: str
    y_title: str
    groups: Sequence[str]
    """Name of each group, with its number of runs."""
    run: str
    """Template with {seed} and {name}."""
    band: str
    """Template with {low}, {high}, {n}: what stands beside a mean."""
    count: str
    """Template with {n}: how many runs are left."""
    before_smoothing: str


class Words:
    """Says things in one language."""

    def __init__(self, language: str) -> None:
        self.say: Callable[[str], str] = functools.partial(translate, language)

    def group_names(self, groups: Sequence[RunGroup]) -> list[str]:
        """What tells each group from the others, and its number of runs."""
        names = self._told_apart(groups)
        return [f"{name} (n = {group.n})" for name, group in zip(names, groups, strict=True)]

    def _told_apart(self, groups: Sequence[RunGroup]) -> list[str]:
        """Values of the fields that differ, if these are few; otherwise names, with a letter where they are alike."""
        fields = differing_fields(group.config for group in groups)
        if 0 < len(fields) <= _FIELDS_IN_A_NAME:
            names = [", ".join(self.setting(field, group.config) for field in fields) for group in groups]
        else:
            names = [self._title(group) for group in groups]
        names = [
            self.say(mark("{name}, changed")).format(name=name) if group.is_altered else name
            for name, group in zip(names, groups, strict=True)
        ]
        return [
            f"{name} · {_letter(names[:place].count(name))}" if names.count(name) > 1 else name
            for place, name in enumerate(names)
        ]

    def _title(self, group: RunGroup) -> str:
        own = {run.name for run in group.runs} - {group.config.env_id}
        if len(own) == 1:
            return own.pop()
        preset = preset_name(group.config)
        return f"{group.config.env_id} · {self.say(PRESET_LABELS[preset]) if preset in PRESET_LABELS else preset}"

    def setting(self, field: str, config: TrainingConfig) -> str:
        """A field's label and its value."""
        return f"{self.field(field)} {self.value(field, config)}"

    def field(self, name: str) -> str:
        """A field's label."""
        return label_of(name, self.say)

    def value(self, field: str, config: TrainingConfig) -> str:
        """A field's value."""
        value = config.value(field)
        if value is None and "." in field:  # an argument that is left to the environment's default
            with contextlib.suppress(UnsupportedEnvironmentError):
                value = default_of(config, field)
        return value_text(field, value, self.say)

    def change(self, event: HyperparametersChanged) -> str:
        """A live change: what became what, and when."""
        changes = changes_text(event, self.say)
        return self.say(mark("{changes} at env step {step}")).format(changes=changes, step=f"{event.env_step:,}")

    def metric(self, name: str, value: float) -> str:
        """A run's number; a dash where there is none."""
        if not math.isfinite(value):
            return "–"
        if name in _TIMES:
            return duration_text(value)
        return f"{value:,.0f}" if name in _WHOLE else number_text(round(value, 1))

    def estimate(self, name: str, found: Estimate, n: int) -> tuple[str, str]:
        """A group's mean, and beside it its interval and, where not all runs have the number, how many do."""
        if found.n == 0:
            return "–", ""
        low, high = self.metric(name, found.low), self.metric(name, found.high)
        beside = f"[{low}, {high}]" if low != high else ""
        if found.n < n:
            beside = f"{beside} {self.say(mark('{count} of {n} runs')).format(count=found.n, n=n)}".strip()
        return self.metric(name, found.mean), beside

    def figure_texts(self, groups: Sequence[str], choices: Choices) -> FigureTexts:
        """What is written in the figure."""
        return FigureTexts(
            x_title=self.say(X_LABELS[choices.x]),
            y_title=self.say(Y_LABELS[choices.y]),
            groups=groups,
            run=self.say(mark("{name}, seed {seed}")),
            band="[{low}, {high}], n = {n}",
            count="n = {n}",
            before_smoothing=self.say(mark("before smoothing")),
        )


def _letter(place: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    further, last = divmod(place, len(ascii_uppercase))
    return (_letter(further - 1) if further else "") + ascii_uppercase[last]
