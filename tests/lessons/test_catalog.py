from __future__ import annotations

import re

import pytest

from dqn_core.lessons.catalog import LESSONS
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.results import verdict
from dqn_core.lessons.shipped import read_shipped

EACH = pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)


def test_there_are_at_least_eight() -> None:
    assert len(LESSONS) >= 8


@EACH
def test_each_variant_can_be_predicted(lesson: Lesson) -> None:
    assert re.fullmatch(r"[a-z-]+", lesson.name)
    assert len(lesson.labels) == len(set(lesson.labels)) == len(lesson.spec.variants) >= 2
    assert len(lesson.spec.seeds) >= 5
    assert bool(lesson.scales) == (lesson.measure == "progress")
    assert not lesson.scales or len(lesson.scales) == len(lesson.labels)


@EACH
def test_each_comes_with_the_result_of_its_present_settings(lesson: Lesson) -> None:
    result = read_shipped(lesson)
    assert result is not None
    assert result.is_current
    assert result.command == f"python -m benchmarks.lessons --lessons {lesson.name}"
    assert {(run.variant, run.seed) for run in result.runs} == {
        (variant, seed) for variant in range(len(lesson.labels)) for seed in lesson.spec.seeds
    }
    found = verdict(lesson, result.runs)
    assert all(estimate.n > 0 for estimate in found.estimates)
