from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from dqn_core.algorithm.networks import check_weights, initial_weights, layer_sizes, parameter_count, sizes_of
from dqn_core.errors import RunFolderError
from strategies import network_sizes, weights_of


@pytest.mark.parametrize(
    ("observation_size", "hidden_sizes", "n_actions", "count"),
    [(4, (32, 32), 2, 1_282), (8, (32, 32), 4, 1_476), (4, (), 2, 10), (4, (256, 256), 2, 67_586)],
)
def test_parameter_count(observation_size: int, hidden_sizes: tuple[int, ...], n_actions: int, count: int) -> None:
    assert parameter_count(layer_sizes(observation_size, hidden_sizes, n_actions)) == count


def test_initial_weights_are_he_uniform_and_biases_zero() -> None:
    weights = initial_weights(np.random.default_rng(0), (50, 400, 3))
    weight = weights["layers.0.weight"]
    limit = math.sqrt(6 / 50)
    assert weight.shape == (400, 50)
    assert weight.dtype == np.float32
    assert 0.99 * limit < np.abs(weight).max() <= limit
    assert weight.var() == pytest.approx(2 / 50, rel=0.03)
    assert weight.mean() == pytest.approx(0, abs=0.005)
    assert np.abs(weights["layers.1.weight"]).max() <= math.sqrt(6 / 400)
    assert not weights["layers.0.bias"].any()
    assert not weights["layers.1.bias"].any()


def test_initial_weights_come_from_the_generator_alone() -> None:
    first, second = (initial_weights(np.random.default_rng(7), (4, 8, 2)) for _ in range(2))
    other = initial_weights(np.random.default_rng(8), (4, 8, 2))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["layers.0.weight"], other["layers.0.weight"])


@given(network_sizes())
def test_sizes_are_read_off_the_weights(sizes: tuple[int, ...]) -> None:
    weights = weights_of(0, sizes)
    check_weights(weights, sizes)
    assert sizes_of(weights) == sizes
    assert sum(each.size for each in weights.values()) == parameter_count(sizes)


def test_wrong_weights_are_refused_by_name() -> None:
    weights = weights_of(0, (4, 8, 2))
    with pytest.raises(RunFolderError, match=r"layers\.0\.weight has shape \(8, 4\), .* needs \(8, 5\)"):
        check_weights(weights, (5, 8, 2))
    with pytest.raises(RunFolderError, match=r"lack layers\.2\.weight"):
        check_weights(weights, (4, 8, 2, 2))
    with pytest.raises(RunFolderError, match=r"contain layers\.1\.weight"):
        check_weights(weights, (4, 8))
