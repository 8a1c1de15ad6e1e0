from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.lessons_page import lessons_page
from dqn_core.lessons.catalog import FORMER_NAMES, LESSONS
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.results import verdict
from dqn_core.lessons.shipped import DATA, read_shipped
from pages.lessons.ideas import IDEAS
from pages.lessons.pictures import PICTURES

EACH = pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
ROOT = Path(__file__).resolve().parents[2]
MOST_SURPRISES = 2


def test_the_lessons_go_from_the_reward_to_its_density() -> None:
    assert list(LESSONS) == [
        "reward-and-return",
        "epsilon-greedy",
        "discount-factor",
        "learning-rate",
        "experience-replay",
        "target-network",
        "n-step-return",
        "double-dqn",
        "time-limit",
        "evaluation",
        "best-of-many",
        "reward-density",
    ]


def test_each_has_an_idea_with_a_model_and_a_picture() -> None:
    models = (ROOT / "pages" / "lessons" / "idea_models.js").read_text("utf-8").split("export const MODELS = {")[1]
    names = re.findall(r'^ {2}"?([a-z-]+)"?: \w+,$', models, re.MULTILINE)
    assert set(IDEAS) == set(PICTURES) == set(names) == set(LESSONS)
    for idea in IDEAS.values():
        assert {"x", "figure"} <= set(idea.words)


def test_former_names_lead_to_a_lesson() -> None:
    assert set(FORMER_NAMES.values()) <= set(LESSONS)
    assert not set(FORMER_NAMES) & set(LESSONS)
    assert {"gamma", "exploration", "truncation", "replay-size", "no-replay", "reward"} <= set(FORMER_NAMES)


@EACH
def test_each_variant_can_be_predicted(lesson: Lesson) -> None:
    assert re.fullmatch(r"[a-z-]+", lesson.name)
    assert len(lesson.labels) == len(set(lesson.labels)) == len(lesson.spec.variants) >= 2
    assert len(lesson.spec.seeds) >= 10
    assert 1 <= lesson.minutes <= 15


@EACH
def test_each_comes_with_the_result_of_its_present_settings(lesson: Lesson) -> None:
    result = read_shipped(lesson)
    assert result is not None
    assert result.is_current
    assert result.command == f"python -m benchmarks.lessons --lessons {lesson.name}"
    assert {(run.variant, run.seed) for run in result.runs} == {
        (variant, seed) for variant in range(len(lesson.labels)) for seed in lesson.spec.seeds
    }
    assert all(len(run.curve) > 1 for run in result.runs)


@EACH
def test_both_sides_have_the_same_budget(lesson: Lesson) -> None:
    result = read_shipped(lesson)
    assert result is not None
    assert {run.env_steps for run in result.runs} == {lesson.spec.base.max_env_steps}
    updates = [run.updates for run in result.runs]
    assert max(updates) <= 1.01 * min(updates)  # a return of n steps is in the memory some steps later


@EACH
def test_the_effect_shows_or_the_lesson_is_a_surprise(lesson: Lesson) -> None:
    result = read_shipped(lesson)
    assert result is not None
    assert verdict(lesson, result.runs).is_clear is not lesson.is_surprise


def test_surprises_are_few() -> None:
    assert sum(lesson.is_surprise for lesson in LESSONS.values()) <= MOST_SURPRISES


def test_results_are_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 200_000
    assert {path.stem for path in DATA.glob("*.json")} == set(LESSONS)


def test_the_page_of_effects_tells_the_results_that_come_along() -> None:
    assert (ROOT / "docs" / "lessons.md").read_text("utf-8") == lessons_page()
