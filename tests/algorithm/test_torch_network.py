from __future__ import annotations

import numpy as np
import pytest
import torch

from dqn_core.algorithm.networks import initial_weights, network_sizes, parameter_count, sizes_of, weight_shapes
from dqn_core.algorithm.torch_network import Noise, NoisyLinear, QNetwork
from dqn_core.config import TrainingConfig

CPU = torch.device("cpu")


def network_of(config: TrainingConfig, n_actions: int) -> QNetwork:
    sizes = network_sizes(config, 3, n_actions)
    network = QNetwork(sizes, config, CPU)
    weights = initial_weights(np.random.default_rng(0), sizes, noisy=config.noisy_nets)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return network


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({}, (4, 32, 32, 2)),
        ({"dueling": True}, (4, 32, 32, 3)),
        ({"distribution": "quantile", "quantiles": 5}, (4, 32, 32, 10)),
        ({"distribution": "quantile", "quantiles": 5, "dueling": True}, (4, 32, 32, 15)),
        ({"quantiles": 5}, (4, 32, 32, 2)),
    ],
)
def test_outputs_are_counted(changes: dict[str, object], sizes: tuple[int, ...]) -> None:
    assert network_sizes(TrainingConfig(**changes), 4, 2) == sizes


def test_a_noisy_network_has_a_sigma_for_every_weight() -> None:
    weights = initial_weights(np.random.default_rng(0), (4, 16, 2), noisy=True)
    plain = initial_weights(np.random.default_rng(0), (4, 16, 2))
    assert {name: array.shape for name, array in weights.items()} == weight_shapes((4, 16, 2), noisy=True)
    assert all(np.array_equal(weights[name], array) for name, array in plain.items())
    assert (weights["layers.0.weight_sigma"] == 0.25).all()  # 0.5 / sqrt(4)
    assert (weights["layers.1.bias_sigma"] == 0.125).all()  # 0.5 / sqrt(16)
    assert sizes_of(weights) == (4, 16, 2)
    assert parameter_count((4, 16, 2), noisy=True) == 2 * parameter_count((4, 16, 2))


def test_a_noisy_layer_by_hand() -> None:
    layer = NoisyLinear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0]]))
        layer.weight_sigma.copy_(torch.tensor([[0.5, 0.1]]))
        layer.bias.fill_(3.0)
        layer.bias_sigma.fill_(0.2)
        # Noise 2 and -1 by input, 4 by output: weights 1 + 0.5 * 8 and 2 - 0.1 * 4, bias 3 + 0.2 * 4.
        y = layer.noisy(torch.tensor([[10.0, 100.0]]), torch.tensor([2.0, -1.0, 4.0]))
    assert y.item() == pytest.approx(10 * 5.0 + 100 * 1.6 + 3.8)


def test_noise_is_of_mean_zero_and_variance_of_a_half_normal() -> None:
    noise = Noise(np.random.default_rng(0), (100_000, 100_000), CPU)
    noise.draw()
    values = noise.values.numpy()
    assert values.mean() == pytest.approx(0.0, abs=0.01)
    assert (values**2).mean() == pytest.approx(np.sqrt(2 / np.pi), rel=0.01)  # E |e| of a normal e


def test_no_noise_gives_the_mean_network_and_noise_another() -> None:
    config = TrainingConfig(noisy_nets=True, hidden_sizes=(8,))
    network, noise = network_of(config, 2), Noise(np.random.default_rng(0), network_sizes(config, 3, 2), CPU)
    x = torch.ones(1, 3)
    silent = network(x)
    assert torch.equal(network(x, noise.values), silent)  # not drawn yet: all zero
    noise.draw()
    first = network(x, noise.values)
    noise.draw()
    assert not torch.equal(first, silent)
    assert not torch.equal(first, network(x, noise.values))


def test_q_is_the_mean_of_an_actions_quantiles() -> None:
    network = network_of(TrainingConfig(distribution="quantile", quantiles=4, hidden_sizes=(8,)), 3)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    quantiles = network.quantiles(x)
    assert quantiles.shape == (5, 4, 3)
    torch.testing.assert_close(network(x), quantiles.mean(1))


def test_a_generators_state_goes_over() -> None:
    first, second = (Noise(np.random.default_rng(seed), (3, 2), CPU) for seed in (0, 1))
    first.generator.random(3, np.float32)  # an odd number of 32-bit draws leaves half a number behind
    second.restore(first.state())
    for noise in (first, second):
        noise.draw()
    assert torch.equal(first.values, second.values)
