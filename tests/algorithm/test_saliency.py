"""Gradients of Q-values with respect to observations, against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.networks import PictureShape
from dqn_core.algorithm.normalization import NormalizedLearner
from dqn_core.algorithm.saliency import feature_maps, saliency
from dqn_core.config import TrainingConfig

SIZE, ACTIONS, STEP = 6, 3, 1e-2


def learner_of(**changes: Any) -> Learner:
    config = TrainingConfig(hidden_sizes=(16,), compute="torch-cpu", **changes)
    learner, _ = make_learner(config, SIZE, ACTIONS, np.random.default_rng(1))
    if isinstance(learner, NormalizedLearner):
        for seen in np.random.default_rng(2).normal(3.0, 2.0, (50, SIZE)).astype(np.float32):
            learner.observe(seen)
    return learner


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dueling": True},
        {"distribution": "quantile", "quantiles": 5},
        {"noisy_nets": True},
        {"normalize_observations": True},
    ],
)
def test_a_gradient_is_what_a_small_change_of_a_number_does(changes: dict[str, Any]) -> None:
    learner = learner_of(**changes)
    states = np.random.default_rng(3).normal(3.0, 1.0, (4, SIZE)).astype(np.float32)
    actions = np.array([0, 1, 2, 1])
    found = saliency(learner, states, actions)
    for number in range(SIZE):
        change = np.zeros(SIZE, np.float32)
        change[number] = STEP
        up, down = learner.q_values(states + change), learner.q_values(states - change)
        expected = (up - down)[np.arange(4), actions] / (2 * STEP)
        close = np.isclose(found[:, number], expected, rtol=0.02, atol=2e-3)
        assert close.sum() >= 3  # a ReLU may bend between the two


@pytest.mark.parametrize("changes", [{}, {"dueling": True}, {"noisy_nets": True}])
def test_the_same_holds_for_convolutions(changes: dict[str, Any]) -> None:
    picture = PictureShape(10, 10, 4, high=1.0)
    config = TrainingConfig(network="minatar", compute="torch-cpu", **changes)
    learner, _ = make_learner(config, 400, ACTIONS, np.random.default_rng(1), picture)
    states = np.random.default_rng(3).uniform(size=(3, 400)).astype(np.float32)
    actions = np.array([0, 2, 1])
    found = saliency(learner, states, actions)
    assert found.shape == (3, 400)
    close = []
    for number in range(0, 400, 23):
        change = np.zeros(400, np.float32)
        change[number] = STEP
        up, down = learner.q_values(states + change), learner.q_values(states - change)
        expected = (up - down)[np.arange(3), actions] / (2 * STEP)
        close.append(np.isclose(found[:, number], expected, rtol=0.05, atol=5e-3))
    assert np.mean(close) > 0.9


def test_feature_maps_are_what_the_first_layer_makes_of_a_state() -> None:
    picture = PictureShape(10, 10, 4, high=1.0)
    config = TrainingConfig(network="minatar", compute="torch-cpu")
    learner, _ = make_learner(config, 400, ACTIONS, np.random.default_rng(1), picture)
    state = (np.random.default_rng(3).uniform(size=400) < 0.2).astype(np.float32)
    maps = feature_maps(learner, state)
    weights = learner.weights()
    kernel, bias = weights["layers.0.weight"], weights["layers.0.bias"]  # [16, 4, 3, 3]
    channels = np.moveaxis(state.reshape(10, 10, 4), -1, 0)
    expected = np.maximum((kernel[5] * channels[:, 2:5, 6:9]).sum() + bias[5], 0.0)
    assert maps is not None
    assert maps.shape == (16, 8, 8)
    assert maps[5, 2, 6] == pytest.approx(expected, abs=1e-5)


def test_without_actions_it_is_the_greedy_ones() -> None:
    learner = learner_of()
    states = np.random.default_rng(3).normal(size=(4, SIZE)).astype(np.float32)
    greedy = learner.q_values(states).argmax(-1)
    assert np.array_equal(saliency(learner, states), saliency(learner, states, greedy))


def test_nothing_hangs_on_a_number_that_is_clipped() -> None:
    learner = learner_of(normalize_observations=True)
    far = np.full((1, SIZE), 3.0, np.float32)
    far[0, 2] = 1e6
    found = saliency(learner, far)
    assert found[0, 2] == 0.0
    assert found[0].any()


@pytest.mark.parametrize("changes", [{}, {"dueling": True}])
@pytest.mark.parametrize(
    "picture",
    [
        None,
        PictureShape(10, 10, 4, high=1.0),
        PictureShape(9, 12, 3),
        PictureShape(11, 8, 4, channels_first=True, frames=4),
    ],
)
def test_a_compiled_learner_has_the_gradients_of_torch(changes: dict[str, Any], picture: PictureShape | None) -> None:
    size = SIZE if picture is None else picture.size
    config = TrainingConfig(hidden_sizes=(16, 8), network="minatar" if picture else "auto", **changes)
    generator = np.random.default_rng(1)
    compiled, _ = make_learner(config.replace(compute="fused"), size, ACTIONS, generator, picture)
    reference, _ = make_learner(config.replace(compute="torch-cpu"), size, ACTIONS, generator, picture)
    weights = {name: each + np.float32(0.05) for name, each in compiled.weights().items()}  # no bias is to be 0
    for each in (compiled, reference):
        each.load_weights(weights)
    states = generator.uniform(high=1.0 if picture is None else picture.high, size=(5, size)).astype(np.float32)
    actions = np.array([0, 2, 1, 1, 0])
    for chosen in (actions, None):
        expected = saliency(reference, states, chosen)
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(saliency(compiled, states, chosen), expected, rtol=1e-3, atol=1e-5)


def test_feature_maps_of_a_compiled_learner_are_refused() -> None:
    learner, _ = make_learner(TrainingConfig(compute="fused"), SIZE, ACTIONS, np.random.default_rng(1))
    with pytest.raises(TypeError, match="FusedLearner"):
        feature_maps(learner, np.zeros(SIZE, np.float32))


def test_a_dense_network_has_no_feature_maps() -> None:
    assert feature_maps(learner_of(), np.zeros(SIZE, np.float32)) is None
