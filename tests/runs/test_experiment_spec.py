from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.analysis.advice import unfinished_exploration
from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError
from dqn_core.runs.experiments.spec import ExperimentSpec
from strategies import configs


def test_a_sweep_is_every_value_with_every_seed() -> None:
    spec = ExperimentSpec.sweep(TrainingConfig(), "gamma", [0.9, 0.99], [3, 4])
    assert [(cell.variant, cell.config.gamma, cell.config.seed) for cell in spec.cells] == [
        (0, 0.9, 3),
        (1, 0.99, 3),
        (0, 0.9, 4),
        (1, 0.99, 4),
    ]
    assert spec.fields == ("gamma",)


def test_without_a_field_the_base_runs_over_the_seeds() -> None:
    spec = ExperimentSpec.sweep(TrainingConfig(seed=9), None, [], [0, 1])
    assert [cell.config for cell in spec.cells] == [TrainingConfig(seed=0), TrainingConfig(seed=1)]
    assert spec.fields == ()


def test_a_variant_may_change_several_fields() -> None:
    variants = ({"buffer_size": 128, "warmup_steps": 128}, {"target_update": "steps"})
    spec = ExperimentSpec(base=TrainingConfig(), variants=variants, seeds=(0,))
    assert [cell.config.buffer_size for cell in spec.cells] == [128, 10_000]
    assert spec.fields == ("buffer_size", "warmup_steps", "target_update")


@given(configs(), st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True))
def test_a_spec_survives_json(base: TrainingConfig, seeds: list[int]) -> None:
    spec = ExperimentSpec.sweep(base, "hidden_sizes", [(8,), (16, 16)], seeds)
    again = ExperimentSpec.from_dict(spec.to_dict())
    assert [cell.config for cell in again.cells] == [cell.config for cell in spec.cells]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"values": [0.9, 2.0]}, "gamma"),
        ({"values": [0.9, 0.9]}, "gamma"),
        ({"values": []}, "gamma"),
        ({"seeds": []}, "seed"),
        ({"seeds": [1, 1]}, "seed"),
        ({"seeds": range(51)}, "seed"),
        ({"name": "seed", "values": [1, 2]}, "seed"),
        ({"name": "gama"}, "gama"),
        ({"name": "warmup_steps", "values": [10**6]}, "warmup_steps"),
    ],
)
def test_what_could_not_be_run_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    sound: dict[str, Any] = {"base": TrainingConfig(), "name": "gamma", "values": [0.9, 0.99], "seeds": [0, 1]}
    ExperimentSpec.sweep(**sound)
    with pytest.raises(ConfigError) as caught:
        ExperimentSpec.sweep(**(sound | changes))
    assert [problem.field for problem in caught.value.problems] == [field]


SHORT = TrainingConfig(max_env_steps=3_000, epsilon_schedule="linear_steps", epsilon_decay_steps=20_000)


@pytest.mark.parametrize(
    ("field", "values", "changes"),
    [
        (None, [], {}),
        ("gamma", [0.9, 0.99], {}),
        ("max_env_steps", [3_000, 100_000, 2_000], {"max_env_steps": 2_000}),
        ("epsilon_decay_steps", [1_000, 20_000], {"epsilon_decay_steps": 20_000}),
    ],
)
def test_the_variant_that_explores_least_of_its_decay_is_told(
    field: str | None, values: list[Any], changes: dict[str, Any]
) -> None:
    found = ExperimentSpec.sweep(SHORT, field, values, [0, 1]).unfinished_exploration()
    assert found == (changes, unfinished_exploration(SHORT.replace(**changes)))


def test_variants_whose_epsilon_decays_are_told_nothing() -> None:
    assert ExperimentSpec.sweep(SHORT, "max_env_steps", [30_000, 40_000], [0]).unfinished_exploration() is None
