from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from dqn_core.algorithm.networks import initial_weights, layer_sizes
from dqn_core.analysis.episode_table import COLUMNS, EpisodeTable
from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import roll_out
from dqn_core.lessons.lesson import Lesson
from dqn_core.lessons.results import LessonRun, overestimation, verdict
from dqn_core.lessons.shipped import read_shipped, write_shipped
from dqn_core.runs.experiment_spec import ExperimentSpec


def lesson(measure: str = "mean_eval", scales: tuple[tuple[float, float], ...] = ()) -> Lesson:
    return Lesson(
        name="a-lesson",
        title="title",
        question="question",
        setup="setup",
        labels=("low", "high"),
        explanation="explanation",
        source="source",
        spec=ExperimentSpec.sweep(TrainingConfig(), "gamma", [0.9, 0.99], [0, 1, 2]),
        measure=measure,  # type: ignore[arg-type]
        scales=scales,
    )


def run(variant: int, seed: int, evaluation: float, predicted_too_much: float = math.nan) -> LessonRun:
    """Two evaluations of one height, with an episode without any in between."""
    columns = {name: np.array([1.0, 2.0, 3.0]) for name in COLUMNS}
    columns["env_step"] = np.array([100.0, 150.0, 300.0])
    columns["eval_return"] = np.array([evaluation, math.nan, evaluation])
    return LessonRun(variant=variant, seed=seed, episodes=EpisodeTable(columns), overestimation=predicted_too_much)


def test_a_lead_over_all_seeds_is_an_answer() -> None:
    runs = [run(variant, seed, 10.0 * variant + seed) for variant in range(2) for seed in range(3)]
    found = verdict(lesson(), runs)
    assert [estimate.mean for estimate in found.estimates] == [1.0, 11.0]
    assert found.measured == ({0: 0.0, 1: 1.0, 2: 2.0}, {0: 10.0, 1: 11.0, 2: 12.0})
    assert (found.lead.mean, found.lead.low, found.lead.n) == (10.0, 10.0, 3)
    assert found.answer == found.highest == 1


def test_a_lead_that_a_seed_contradicts_is_none() -> None:
    heights = {(0, 0): 5.0, (0, 1): 5.0, (0, 2): 5.0, (1, 0): 4.0, (1, 1): 4.5, (1, 2): 9.0}
    found = verdict(lesson(), [run(*place, height) for place, height in heights.items()])
    assert found.highest == 1
    assert found.lead.low < 0 < found.lead.high
    assert found.answer is None


def test_one_seed_answers_nothing() -> None:
    assert verdict(lesson(), [run(0, 0, 1.0), run(1, 0, 100.0)]).answer is None


def test_progress_is_a_share_within_each_variants_scale() -> None:
    scaled = lesson("progress", ((0.0, 100.0), (-200.0, -100.0)))
    found = verdict(scaled, [run(0, 0, 50.0), run(1, 0, -125.0), run(0, 1, -7.0), run(1, 1, 0.0)])
    assert found.measured == ({0: 0.5, 1: 0.0}, {0: 0.75, 1: 1.0})


def test_overestimation_is_compared_where_they_are_asked_for() -> None:
    found = verdict(lesson("overestimation"), [run(0, 0, 0.0, 5.0), run(1, 0, 0.0, 2.0)])
    assert found.highest == 0
    assert found.lead.mean == 3.0


def test_overestimation_is_predicted_less_actual_return() -> None:
    config = TrainingConfig(env_id="CartPole-v1", hidden_sizes=(8,))
    weights = initial_weights(np.random.default_rng(0), layer_sizes(4, (8,), 2))
    by_hand = []
    for seed in range(20_000, 20_010):
        rollout = roll_out(config, weights, seed)
        rewards = sum(0.99**k for k in range(rollout.length))  # CartPole gives 1 a step
        by_hand.append(rollout.q_values[0].max() - rewards)
    assert overestimation(config, weights) == pytest.approx(np.mean(by_hand))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    runs = [run(1, 0, 3.5), run(0, 0, 1.0, predicted_too_much=2.25)]
    write_shipped(lesson(), runs, "a command", "a machine", tmp_path)
    result = read_shipped(lesson(), tmp_path)
    assert result is not None
    assert (result.command, result.machine, result.is_current) == ("a command", "a machine", True)
    assert [(each.variant, each.seed) for each in result.runs] == [(0, 0), (1, 0)]
    assert result.runs[0].overestimation == 2.25
    for name in ("episode", "env_step", "episode_return", "eval_return"):
        np.testing.assert_array_equal(result.runs[1].episodes[name], runs[0].episodes[name])


def test_a_lesson_without_a_result_has_none(tmp_path: Path) -> None:
    assert read_shipped(lesson(), tmp_path) is None
