from __future__ import annotations

import json
from typing import Any

import pytest

from dqn_core.analysis.advice import unfinished_exploration
from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError
from dqn_core.runs.experiments.search_spec import SearchRange, SearchSpec

BASE = TrainingConfig(max_env_steps=2_000, max_episodes=50)
RATE = SearchRange(field="learning_rate", low=1e-4, high=1e-2, is_log=True)


def spec(*ranges: SearchRange, base: TrainingConfig = BASE, **values: Any) -> SearchSpec:
    return SearchSpec(base=base, ranges=ranges or (RATE,), **values)


def test_plain_values_give_an_equal_spec() -> None:
    given = spec(RATE, SearchRange(field="hidden_sizes", choices=((16,), (32, 32))), trials=7)
    assert SearchSpec.from_dict(json.loads(json.dumps(given.to_dict()))) == given


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"trials": 0}, "trials"),
        ({"at_once": 0}, "at_once"),
        ({"base": TrainingConfig()}, "max_env_steps"),
        ({"base": BASE.replace(evaluate_every=0)}, "evaluate_every"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        spec(**wrong)
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize(
    "wrong",
    [
        SearchRange(field="gamma", low=0.9, high=0.9),
        SearchRange(field="gamma", low=0.0, high=0.9, is_log=True),
        SearchRange(field="gamma", low=0.9, high=1.5),
        SearchRange(field="loss", choices=("mse", "mae")),
        SearchRange(field="depth", low=1, high=2),
    ],
)
def test_a_range_that_no_run_could_take_is_refused(wrong: SearchRange) -> None:
    with pytest.raises(ConfigError) as caught:
        spec(wrong)
    assert {problem.field for problem in caught.value.problems} == {wrong.field}


def test_a_search_varies_something() -> None:
    with pytest.raises(ConfigError, match="at least one setting"):
        SearchSpec(base=BASE, ranges=())


START = SearchRange(field="epsilon_start", low=0.01, high=0.02)
END = SearchRange(field="epsilon_end", low=0.5, high=0.9)
SMALL_MEMORY = SearchRange(field="buffer_size", choices=(1_000, 2_000))
LARGE_BATCH = SearchRange(field="batch_size", low=4_000, high=8_000)
ROOMY = BASE.replace(buffer_size=50_000, warmup_steps=0)


@pytest.mark.parametrize("ranges", [(START, END), (END, RATE, START), (SMALL_MEMORY, LARGE_BATCH)])
def test_ranges_of_which_no_values_go_together_are_named(ranges: tuple[SearchRange, ...]) -> None:
    made = spec(*ranges, base=ROOMY)
    (problem,) = made.conflicts()
    conflicting = [each.field for each in ranges if each is not RATE]
    assert [problem.field, problem.parameters["limit_name"]] == conflicting
    assert SearchSpec.from_dict(made.to_dict()) == made  # one that is stored can be looked at


def test_ranges_that_go_together_in_part_do_not_conflict() -> None:
    assert not spec(START, SearchRange(field="epsilon_end", low=0.0, high=0.9)).conflicts()
    assert not spec(SMALL_MEMORY, SearchRange(field="batch_size", low=16, high=8_000), base=ROOMY).conflicts()
    assert not spec(RATE, SearchRange(field="loss", choices=("mse", "huber"))).conflicts()


SHORT = TrainingConfig(max_env_steps=3_000, epsilon_schedule="linear_steps", epsilon_decay_steps=20_000)


@pytest.mark.parametrize(
    ("ranges", "base", "is_told"),
    [
        ((RATE,), SHORT, True),
        ((RATE, SearchRange(field="loss", choices=("mse", "huber"))), SHORT, True),
        ((RATE,), SHORT.replace(epsilon_decay_steps=1_000), False),
        ((RATE, SearchRange(field="epsilon_decay_steps", low=1_000, high=20_000)), SHORT, False),
        ((SearchRange(field="noisy_nets", choices=(False, True)),), SHORT, False),
        ((SearchRange(field="warmup_steps", low=0, high=1_000),), SHORT, False),
    ],
)
def test_unfinished_exploration_is_said_where_no_searched_setting_changes_it(
    ranges: tuple[SearchRange, ...], base: TrainingConfig, *, is_told: bool
) -> None:
    found = spec(*ranges, base=base).unfinished_exploration()
    assert found == (unfinished_exploration(base) if is_told else None)
