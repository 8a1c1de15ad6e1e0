from __future__ import annotations

import dataclasses
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dqn_core.config import Arguments, EnvironmentChoice, TrainingConfig, config_from_json, field_rule, settings_of
from dqn_core.config_rules import argument_text
from dqn_core.errors import ChangeRefusedError, ConfigError
from strategies import arguments, configs

_FIRST_VERSION = [
    "env_id",
    "seed",
    "compute",
    "gamma",
    "learning_rate",
    "adam_epsilon",
    "batch_size",
    "buffer_size",
    "warmup_steps",
    "hidden_sizes",
    "loss",
    "gradient_clip_value",
    "target_update",
    "target_update_every",
    "target_tau",
    "epsilon_schedule",
    "epsilon_start",
    "epsilon_end",
    "epsilon_decay_rate",
    "epsilon_decay_steps",
    "update_every",
    "gradient_steps",
    "max_episodes",
    "max_env_steps",
    "max_episode_steps",
    "goal_score",
    "evaluate_every",
    "evaluation_episodes",
    "confirmation_episodes",
]
FIELDS = [field.name for field in dataclasses.fields(TrainingConfig)]


@given(configs())
def test_json_round_trip_gives_an_equal_config(config: TrainingConfig) -> None:
    assert config_from_json(config.to_json()) == config


def test_every_bad_field_is_named_with_its_value() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(gamma=1.5, batch_size=0, loss="abs", hidden_sizes=(32, 0), learning_rate=0.0, seed=-1)
    problems = {problem.field: problem for problem in caught.value.problems}
    assert set(problems) == {"gamma", "batch_size", "loss", "hidden_sizes", "learning_rate", "seed"}
    for name, problem in problems.items():
        assert name in str(caught.value)
        assert repr(problem.value) in str(caught.value)
    assert "above 0" in str(problems["learning_rate"])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"batch_size": 200, "buffer_size": 100, "warmup_steps": 10}, "batch_size"),
        ({"warmup_steps": 2_000, "buffer_size": 1_000}, "warmup_steps"),
        ({"epsilon_start": 0.1, "epsilon_end": 0.2}, "epsilon_end"),
        ({"goal_score": 10.0, "evaluate_every": 0}, "goal_score"),
        ({"warmup_steps": 500, "max_env_steps": 500}, "max_env_steps"),
        ({"compute": "fused", "noisy_nets": True}, "compute"),
        ({"compute": "fused", "mixed_precision": True}, "compute"),
        ({"compute": "fused", "distribution": "quantile"}, "compute"),
        ({"mistake_no_replay": True, "prioritized_replay": True}, "mistake_no_replay"),
    ],
)
def test_fields_that_do_not_fit_together_are_refused(values: dict[str, object], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(**values)
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.9", None, True])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="gamma"):
        TrainingConfig(gamma=value)  # type: ignore[arg-type]


def test_unknown_keys_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="learning_rat "):
        TrainingConfig.from_dict({"learning_rat": 0.1})
    with pytest.raises(ConfigError, match="gama"):
        TrainingConfig().replace(gama=0.9)


@pytest.mark.parametrize("text", ["{", "[1]", "3"])
def test_json_that_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="config"):
        config_from_json(text)


@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_a_switch_is_true_or_false(value: object) -> None:
    with pytest.raises(ConfigError, match=r"double_dqn.*must be true or false"):
        TrainingConfig(double_dqn=value)  # type: ignore[arg-type]


def test_a_config_of_an_earlier_version_opens_with_every_switch_off() -> None:
    values = TrainingConfig().to_dict()
    first_version = {name: value for name, value in values.items() if name in _FIRST_VERSION}
    config = TrainingConfig.from_dict(first_version)
    assert config == TrainingConfig()
    assert (config.double_dqn, config.dueling, config.noisy_nets, config.prioritized_replay) == (False,) * 4
    assert (config.n_step, config.distribution, config.soft_share) == (1, "none", 0.0)


@pytest.mark.parametrize(
    "name",
    [
        "env_id",
        "seed",
        "hidden_sizes",
        "dueling",
        "noisy_nets",
        "distribution",
        "quantiles",
        "compute",
        "mixed_precision",
        "warmup_steps",
        "max_episode_steps",
    ],
)
def test_a_live_change_of_a_fixed_field_is_refused_with_its_reason(name: str) -> None:
    with pytest.raises(ChangeRefusedError, match="start a new run"):
        TrainingConfig().changed_live(name, 1)


def test_a_live_change_is_checked_beside_the_other_fields() -> None:
    config = TrainingConfig(batch_size=128, buffer_size=1_000, warmup_steps=1_000)
    with pytest.raises(ConfigError, match="batch_size"):
        config.changed_live("buffer_size", 100)
    assert config.changed_live("gamma", 0.9).gamma == 0.9


def test_a_smaller_buffer_takes_the_warmup_down_with_it() -> None:
    config = TrainingConfig(batch_size=32, buffer_size=1_000, warmup_steps=1_000)
    assert config.changed_live("buffer_size", 500).warmup_steps == 500


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_tells_whether_it_may_change_live(name: str) -> None:
    value = getattr(TrainingConfig(), name)
    if field_rule(name).frozen_because is None:
        assert TrainingConfig().changed_live(name, value) == TrainingConfig()
    else:
        with pytest.raises(ChangeRefusedError):
            TrainingConfig().changed_live(name, value)


def test_json_holds_plain_values_of_every_field() -> None:
    assert list(json.loads(TrainingConfig().to_json())) == FIELDS


class TestArgumentsByName:
    """An environment's arguments, and those that evaluations have others of."""

    def test_their_order_does_not_matter_and_they_do_not_change(self) -> None:
        given = {"wind_power": 5.0, "gravity": -5, "options": {"maps": ["a", "b"]}}
        one, other = (TrainingConfig(env_kwargs=each) for each in (given, dict(reversed(given.items()))))
        assert one == other
        assert hash(one) == hash(other)
        given["options"]["maps"].append("c")
        assert one.env_kwargs.to_dict() == {"gravity": -5, "options": {"maps": ["a", "b"]}, "wind_power": 5.0}
        assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301  of this test's making

    @given(st.dictionaries(st.sampled_from(["a", "b_2", "γ"]), arguments()))
    def test_what_is_written_is_read(self, values: dict[str, Any]) -> None:
        written = Arguments(values)
        read = Arguments.parsed(f"{name}={argument_text(value)}" for name, value in written.items())
        assert isinstance(read, Arguments)
        assert read.to_dict() == written.to_dict()

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("gravity=-5", -5),
            ("gravity=-5.5", -5.5),
            ("gravity=.5", 0.5),
            ("wind=true", True),
            ("wind=True", True),
            ("map=8x8", "8x8"),
            ('name="two words"', "two words"),
            ("sizes=[1,2]", [1, 2]),
            ('config={"lanes":3}', {"lanes": 3}),
            ("formula=a=b", "a=b"),
        ],
    )
    def test_a_value_is_json_or_a_word(self, text: str, value: Any) -> None:
        read = Arguments.parsed([text])
        assert isinstance(read, Arguments)
        assert list(read.to_dict().values()) == [value]
        assert [type(each) for each in read.to_dict().values()] == [type(value)]

    def test_lists_that_are_nested_too_deep_stay_text(self) -> None:
        for depth in (100, 900, 3_000, 100_000):
            text = "[" * depth + "]" * depth
            assert Arguments.parsed([f"map={text}"]) == Arguments({"map": text})

    @pytest.mark.parametrize(
        ("values", "complaint"),
        [
            ("gravity", "such as gravity=-5"),
            (3, "such as gravity=-5"),
            ({"gravity": math.nan}, "gravity must be a finite number"),
            ({"gravity": None}, "gravity must be a finite number"),
            ({"gravity": object()}, "gravity must be"),
            ({"two words": 1}, "two words is no argument's name"),
            ({"class": 1}, "class is no argument's name"),
            ({1: 1}, "1 is no argument's name"),
            ({"render_mode": "human"}, "render_mode cannot be set here"),
            ({"max_episode_steps": 5}, "max_episode_steps cannot be set here"),
            ({"text": "x" * 5000}, "at most"),
        ],
    )
    def test_what_is_none_is_refused(self, values: Any, complaint: str) -> None:
        for field in ("env_kwargs", "evaluation_env_kwargs"):
            with pytest.raises(ConfigError, match=complaint):
                TrainingConfig(**{field: values})

    def test_each_of_them_is_a_setting_of_its_own(self) -> None:
        base = TrainingConfig(env_kwargs={"gravity": -10, "wind": False})
        other = base.replace(**{"env_kwargs.gravity": -5, "env_kwargs.wind": None, "gamma": 0.9})
        assert other.env_kwargs.to_dict() == {"gravity": -5}
        assert base.differences(other) == (
            ("env_kwargs.gravity", -10, -5),
            ("env_kwargs.wind", False, None),
            ("gamma", 0.99, 0.9),
        )
        assert [name for name in settings_of(base) if "env_kwargs" in name] == ["env_kwargs.gravity", "env_kwargs.wind"]
        assert (base.value("env_kwargs.gravity"), base.value("env_kwargs.other"), base.value("gamma")) == (
            -10,
            None,
            0.99,
        )
        assert base.changed_live("env_kwargs.gravity", -5).env_kwargs.to_dict() == {"gravity": -5, "wind": False}
        with pytest.raises(ConfigError, match=r"gamma\.gravity"):
            base.replace(**{"gamma.gravity": 1})

    def test_evaluations_have_the_same_but_for_those_named(self) -> None:
        config = TrainingConfig(env_kwargs={"gravity": -1.6, "wind": True}, evaluation_env_kwargs={"gravity": -9.8})
        assert config.environment == EnvironmentChoice("CartPole-v1", None, Arguments({"gravity": -1.6, "wind": True}))
        assert config.evaluation_environment.env_kwargs.to_dict() == {"gravity": -9.8, "wind": True}
        assert TrainingConfig().evaluation_environment == TrainingConfig().environment


@pytest.mark.parametrize("formula", ["reward\n+1", "x" * 301, 3, None])
def test_a_reward_formula_is_one_line(formula: Any) -> None:
    with pytest.raises(ConfigError, match=r"reward_formula.*one line"):
        TrainingConfig(reward_formula=formula)


@pytest.mark.parametrize("field", ["gamma", "learning_rate", "goal_score", "batch_size", "max_env_steps"])
@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_a_whole_number_too_large_for_a_float_is_a_wrong_value(field: str, value: int) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(**{field: value})
    assert [problem.field for problem in caught.value.problems] == [field]
