"""Random but valid things, for property tests: configs, network shapes, transitions."""

from __future__ import annotations

import dataclasses
import math
import typing
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from dqn_core.algorithm.networks import Network, weight_shapes
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import Arguments, TrainingConfig, field_rule

_TYPES = typing.get_type_hints(TrainingConfig)


def values(name: str) -> st.SearchStrategy[Any]:
    """Values that the config's field ``name`` allows."""
    kind, rule = _TYPES[name], field_rule(name)
    choices = typing.get_args(kind)
    if type(None) in choices:
        return st.none() | _numbers(choices[0], name)
    if typing.get_origin(kind) is typing.Literal:
        return st.sampled_from(choices)
    if kind is bool:
        return st.booleans()
    if kind is Arguments:
        return st.dictionaries(st.sampled_from(["gravity", "enable_wind", "config"]), arguments()).map(Arguments)
    if name == "reward_formula":
        return st.sampled_from(["", "reward", "reward - 0.1*abs(cart_position)"])
    if kind is str:
        return st.sampled_from(["CartPole-v1", "LunarLander-v3", "Some/Other-v0"])
    if typing.get_origin(kind) is tuple:
        return st.lists(st.integers(int(rule.low or 1), int(rule.high or 1)), max_size=4).map(tuple)
    return _numbers(kind, name)


def arguments() -> st.SearchStrategy[Any]:
    """Values of an environment's arguments, as JSON has them."""
    plain = st.booleans() | st.integers(-1000, 1000) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    inner = st.none() | plain
    return plain | st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)


def _numbers(kind: type, name: str) -> st.SearchStrategy[Any]:
    rule = field_rule(name)
    if kind is int:
        return st.integers(None if rule.low is None else int(rule.low), None if rule.high is None else int(rule.high))
    return st.floats(rule.low, rule.high, exclude_min=rule.low_is_open, allow_nan=False, allow_infinity=False)


@st.composite
def configs(draw: st.DrawFn) -> TrainingConfig:
    """Any valid config, every field drawn over its whole range."""
    drawn = {each.name: draw(values(each.name)) for each in dataclasses.fields(TrainingConfig)}
    drawn["batch_size"] = min(drawn["batch_size"], drawn["buffer_size"])
    drawn["warmup_steps"] = min(drawn["warmup_steps"], drawn["buffer_size"])
    drawn["epsilon_end"] = min(drawn["epsilon_end"], drawn["epsilon_start"])
    drawn["distinct_rows"] = drawn["distinct_rows"] and not drawn["prioritized_replay"]
    drawn["loss_over_all_outputs"] = drawn["loss_over_all_outputs"] and drawn["distribution"] == "none"
    if drawn["evaluate_every"] == 0:
        drawn["goal_score"] = None
    beyond_fused = drawn["noisy_nets"] or drawn["mixed_precision"] or drawn["distribution"] != "none"
    if beyond_fused or drawn["network"] in {"nature", "impala"}:
        drawn["compute"] = "auto"
    if drawn["prioritized_replay"]:
        drawn["mistake_no_replay"] = False
    if drawn["max_env_steps"] is not None:
        drawn["max_env_steps"] = max(drawn["max_env_steps"], drawn["warmup_steps"] + 1)
    return TrainingConfig(**drawn)


def network_sizes(max_width: int = 40) -> st.SearchStrategy[tuple[int, ...]]:
    """Layer sizes from an observation to Q-values, with none to three hidden layers."""
    hidden = st.lists(st.integers(1, max_width), max_size=3)
    return st.builds(lambda first, middle, last: (first, *middle, last), st.integers(1, 9), hidden, st.integers(1, 6))


def learner_configs() -> st.SearchStrategy[TrainingConfig]:
    """Configs that differ in what a learner reads, with moderate numbers."""
    return st.builds(
        TrainingConfig,
        gamma=st.floats(0.0, 1.0),
        learning_rate=st.floats(1e-5, 1e-3),
        adam_epsilon=st.sampled_from([1e-8, 1e-7, 1e-3]),
        loss=st.sampled_from(["mse", "huber"]),
        gradient_clip_value=st.sampled_from([0.0, 0.05, 2.0]),
        target_update=st.sampled_from(["episode", "steps", "soft"]),
        target_tau=st.floats(0.001, 1.0),
        double_dqn=st.booleans(),
        dueling=st.booleans(),
        adam_epsilon_hat=st.booleans(),
        minibatch_size=st.sampled_from([0, 8, 33]),
        loss_over_all_outputs=st.booleans(),
        mistake_no_target_network=st.booleans(),
    )


def filled_replay(
    seed: int, sizes: tuple[int, ...], count: int, terminated_share: float = 0.2, most_steps: int = 1
) -> ReplayBuffer:
    """``count`` random transitions for a network of these sizes, in a memory that holds just them."""
    generator = np.random.default_rng(seed)
    replay = ReplayBuffer(count, sizes[0])
    for number in range(count):
        observation, next_observation = generator.standard_normal((2, sizes[0]), np.float32)
        action = int(generator.integers(sizes[-1]))
        terminated = bool(generator.random() < terminated_share)
        reward, steps = float(generator.normal()), 1 + number % most_steps
        replay.add(observation, action, reward, next_observation, terminated, steps)
    return replay


def weights_of_network(seed: int, network: Network) -> dict[str, NDArray[np.float32]]:
    """Random weights, biases among them, for ``network``."""
    generator = np.random.default_rng(seed)
    return {
        name: (generator.normal(size=shape) / math.prod(shape[1:]) ** 0.5).astype(np.float32)
        for name, shape in weight_shapes(network).items()
    }


def weights_of(seed: int, sizes: tuple[int, ...], *, noisy: bool = False) -> dict[str, NDArray[np.float32]]:
    """Random weights, biases among them, for a network of these sizes."""
    generator = np.random.default_rng(seed)
    return {
        name: (generator.normal(size=shape) / shape[-1] ** 0.5).astype(np.float32)
        for name, shape in weight_shapes(sizes, noisy=noisy).items()
    }
