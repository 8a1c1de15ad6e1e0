from __future__ import annotations

import itertools

import numpy as np
import pytest

from dqn_core.algorithm.activations import layer_activations
from dqn_core.algorithm.fused_learner import FusedLearner
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from strategies import weights_of

OBSERVATION = np.array([0.5, -1.0, 2.0, 0.25], np.float32)


@pytest.mark.parametrize("sizes", [(4, 3), (4, 16, 3), (4, 16, 8, 3)])
def test_activations_are_those_of_the_forward_pass(sizes: tuple[int, ...]) -> None:
    weights = weights_of(0, sizes)
    learner = TorchLearner(TrainingConfig(), weights)
    activations = layer_activations(learner, OBSERVATION)
    assert [len(each) for each in activations] == list(sizes)
    assert np.array_equal(activations[0], OBSERVATION)
    assert np.array_equal(activations[-1], learner.q_values(OBSERVATION[None])[0])
    for i, (x, y) in enumerate(itertools.pairwise(activations)):
        out = weights[f"layers.{i}.weight"] @ x + weights[f"layers.{i}.bias"]
        np.testing.assert_allclose(y, out if i == len(sizes) - 2 else np.maximum(out, 0), rtol=1e-4, atol=1e-6)


def test_looking_leaves_no_trace() -> None:
    learner = TorchLearner(TrainingConfig(), weights_of(0, (4, 16, 3)))
    first = layer_activations(learner, OBSERVATION)
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in learner.online.layers)
    second = layer_activations(learner, OBSERVATION)
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_another_learner_is_refused() -> None:
    with pytest.raises(TypeError, match="FusedLearner"):
        layer_activations(FusedLearner(TrainingConfig(), weights_of(0, (4, 16, 3))), OBSERVATION)
