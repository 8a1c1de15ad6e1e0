from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from dqn_core.algorithm.networks import initial_weights, layer_sizes
from dqn_core.analysis.episode_table import COLUMNS, Curve, EpisodeTable
from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import roll_out
from dqn_core.lessons.lesson import Lesson, Measure
from dqn_core.lessons.results import LessonRun, lesson_run, verdict, weights_wanted
from dqn_core.lessons.shipped import read_shipped, write_shipped
from dqn_core.runs.experiments.spec import ExperimentSpec

CONFIG = TrainingConfig(env_id="CartPole-v1", hidden_sizes=(8,))


def lesson(measure: str = "mean_eval", shown: str = "eval_return") -> Lesson:
    return Lesson(
        name="a-lesson",
        title="title",
        level="beginner",
        minutes=5,
        question="question",
        setup="setup",
        labels=("low", "high"),
        explanation="explanation",
        source="source",
        spec=ExperimentSpec.sweep(TrainingConfig(), "gamma", [0.9, 0.99], [0, 1, 2]),
        measure=measure,  # type: ignore[arg-type]
        shown=shown,  # type: ignore[arg-type]
    )


def run(variant: int, seed: int, value: float) -> LessonRun:
    curve = Curve(np.array([100.0, 300.0]), np.array([value, value]))
    return LessonRun(variant=variant, seed=seed, value=value, curve=curve, env_steps=400, updates=200)


def measured(measure: str, shown: str = "eval_return", **columns: list[float]) -> LessonRun:
    """What counts of three episodes that end after 100, 150 and 300 env steps, in a run of 400."""
    table = {name: np.array([1.0, 2.0, 3.0]) for name in COLUMNS} | {"env_step": np.array([100.0, 150.0, 300.0])}
    table |= {name: np.array(values) for name, values in columns.items()}
    return lesson_run(lesson(measure, shown), CONFIG, 0, EpisodeTable(table), None, env_steps=400, updates=200)


def weights() -> dict[str, np.ndarray]:
    return initial_weights(np.random.default_rng(0), layer_sizes(4, (8,), 2))


def with_weights(measure: str, config: TrainingConfig = CONFIG, eval_return: Sequence[float] = ()) -> float:
    columns = {name: np.full(len(eval_return), math.nan) for name in COLUMNS} | {"eval_return": np.array(eval_return)}
    return lesson_run(lesson(measure), config, 0, EpisodeTable(columns), weights(), env_steps=0, updates=0).value


def test_intervals_apart_are_an_answer() -> None:
    found = verdict(lesson(), [run(variant, seed, 10.0 * variant + seed) for variant in range(2) for seed in range(3)])
    assert [estimate.mean for estimate in found.estimates] == [1.0, 11.0]
    assert found.measured == ({0: 0.0, 1: 1.0, 2: 2.0}, {0: 10.0, 1: 11.0, 2: 12.0})
    assert (found.answer, found.highest, found.second) == (1, 1, 0)


def test_intervals_that_overlap_are_none_even_where_every_seed_agrees() -> None:
    heights = {0: (0.0, 5.0, 10.0), 1: (1.0, 6.0, 11.0)}
    found = verdict(
        lesson(), [run(v, seed, value) for v, values in heights.items() for seed, value in enumerate(values)]
    )
    assert found.highest == 1
    assert found.can_compare
    assert found.answer is None


def test_one_seed_answers_nothing() -> None:
    found = verdict(lesson(), [run(0, 0, 1.0), run(1, 0, 100.0)])
    assert not found.can_compare
    assert found.answer is None


def test_a_variant_without_numbers_is_never_the_highest() -> None:
    found = verdict(lesson(), [run(0, seed, -100.0 - seed) for seed in range(2)] + [run(1, 0, math.nan)])
    assert found.highest == 0
    assert found.answer is None


def test_the_mean_evaluation_is_that_over_env_steps() -> None:
    found = measured("mean_eval", eval_return=[10.0, math.nan, 30.0])
    assert found.value == pytest.approx((200 * 20 + 100 * 30) / 300)
    assert (found.curve.x.tolist(), found.curve.y.tolist()) == ([100.0, 300.0, 400.0], [10.0, 30.0, 30.0])
    assert (found.env_steps, found.updates) == (400, 200)


def test_the_mean_return_is_of_training_episodes_weighted_by_their_env_steps() -> None:
    found = measured("mean_return", "episode_return", episode_return=[0.0, 0.0, 60.0])
    assert found.value == pytest.approx(150 * 30 / 200)
    assert found.curve.y.tolist() == [0.0, 0.0, 20.0]  # the mean of the newest episodes


def test_the_best_evaluation_is_compared_with_new_episodes_of_the_same_network() -> None:
    returns = [roll_out(CONFIG, weights(), seed).episode_return for seed in range(20_000, 20_020)]
    found = with_weights("best_excess", eval_return=[10.0, 50.0, 30.0])
    assert found == pytest.approx(50 - np.mean(returns))


def test_each_measure_asks_for_the_weights_that_it_is_of() -> None:
    wanted = {measure: weights_wanted(lesson(measure)) for measure in get_args(Measure)}
    assert wanted == {
        "mean_eval": None,
        "mean_return": None,
        "best_excess": "best",
        "first_value": "last",
        "overestimation": "last",
    }


def test_values_of_a_network_are_compared_with_what_it_gets_without_a_time_limit() -> None:
    first, excess = [], []
    for seed in range(20_000, 20_010):
        rollout = roll_out(CONFIG, weights(), seed)
        returns = [sum(0.99**k for k in range(rollout.length - start)) for start in range(rollout.length)]
        first.append(rollout.q_values[0].max())
        excess.append(np.mean(rollout.q_values.max(axis=1) - returns))
    limited = CONFIG.replace(max_episode_steps=3)
    for config in (CONFIG, limited):
        assert with_weights("first_value", config) == pytest.approx(np.mean(first))
        assert with_weights("overestimation", config) == pytest.approx(np.mean(excess))


def test_without_weights_there_is_no_value_of_a_network() -> None:
    assert math.isnan(measured("best_excess").value)
    assert math.isnan(measured("first_value").value)
    assert math.isnan(measured("overestimation").value)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    short = LessonRun(variant=0, seed=1, value=math.nan, curve=Curve(np.array([150.0, 250.0]), np.array([1.0, 2.0])))
    runs = [run(1, 0, 3.5), run(0, 0, 1.23456), short]
    write_shipped(lesson(), runs, command="a command", machine="a machine", cpu_s=3.2, folder=tmp_path)
    result = read_shipped(lesson(), tmp_path)
    assert result is not None
    assert (result.command, result.machine, result.cpu_s, result.is_current) == ("a command", "a machine", 3, True)
    assert [(each.variant, each.seed) for each in result.runs] == [(0, 0), (0, 1), (1, 0)]
    first, second, third = result.runs
    assert (first.value, first.env_steps, first.updates) == (1.23456, 400, 200)
    assert math.isnan(second.value)
    assert (second.curve.x[0], second.curve.x[-1]) == pytest.approx((150, 250), abs=5)  # on the common env steps
    assert (third.curve.x[0], third.curve.x[-1], set(third.curve.y)) == (100.0, 300.0, {3.5})


def test_a_lesson_without_a_result_has_none(tmp_path: Path) -> None:
    assert read_shipped(lesson(), tmp_path) is None
