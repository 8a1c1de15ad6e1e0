"""What a guided experiment consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dqn_core.runs.experiments.spec import ExperimentSpec

__all__ = ["Lesson", "Level", "Measure", "Shown"]

Measure = Literal["mean_eval", "mean_return", "best_excess", "first_value", "overestimation"]
"""The one number of a run that answers the question, computed in :mod:`dqn_core.lessons.results`: the mean evaluation,
or the mean return of the training episodes, while it learned (areas under the curves over env steps); by how much its
best evaluation exceeds what the network of that evaluation gets in new episodes; the value that the trained network
gives to an episode's first state, or by how much its values exceed the returns that follow."""
Shown = Literal["eval_return", "episode_return"]
"""What is drawn over env steps: evaluations, or the returns of training episodes."""
Level = Literal["beginner", "intermediate", "advanced"]


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One guided experiment. Texts are message templates, to be translated where they are shown.

    The variant with the highest measure answers the question, where it is clearly the highest.
    """

    name: str
    """Part of addresses and file names. A lesson that asks something else has another name: what visitors predicted is
    kept under it."""
    title: str
    level: Level
    minutes: int
    """How long it takes to read, to predict and to look."""
    question: str
    setup: str
    """What is held fixed and what differs."""
    labels: tuple[str, ...]
    """One for each variant of ``spec``: what a student may predict."""
    explanation: str
    """Why, shown after the result."""
    source: str
    """Where to read on: author, year, title."""
    spec: ExperimentSpec
    measure: Measure = "mean_eval"
    shown: Shown = "eval_return"
    reference: tuple[float, str] | None = None
    """A value to compare the measure with, and what it is."""
    is_surprise: bool = False
    """Whether "no clear difference" is the answer: what is often said of the two sides does not show here."""
