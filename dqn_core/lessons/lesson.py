"""What a guided experiment consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dqn_core.runs.experiment_spec import ExperimentSpec

__all__ = ["Lesson", "Measure"]

Measure = Literal["mean_eval", "overestimation", "progress"]
"""The one number of a run that answers the question: the mean evaluation while it learned (area under the curve over
env steps); by how much the predicted return of the trained network exceeds the actual one; or the mean evaluation,
normalized to 0 for a random policy and 1 for solved, for environments with different rewards."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One guided experiment. Texts are message templates, to be translated where they are shown.

    The variant with the highest measure is the answer to the question, where it is clearly the highest.
    """

    name: str
    """Part of addresses and file names."""
    title: str
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
    scales: tuple[tuple[float, float], ...] = ()
    """For "progress": each variant's return of a random policy, and its environment's threshold of "solved"."""
