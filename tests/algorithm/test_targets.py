from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from dqn_core.algorithm.targets import (
    discounts,
    double_next_q,
    dueling_q,
    quantile_huber_loss,
    quantile_levels,
    td_targets,
)

# Three transitions, gamma 0.9: one that goes on, one that terminated, one that was truncated (and so goes on).
REWARDS = [1.0, -100.0, 1.0]
TERMINATED = [0.0, 1.0, 0.0]
MAX_NEXT_Q = [10.0, 50.0, 20.0]
TARGETS = [10.0, -100.0, 19.0]  # 1 + 0.9 * 10;  -100;  1 + 0.9 * 20

Make = Callable[[Any], Any]


@pytest.fixture(params=[lambda values: np.array(values, np.float32), torch.tensor], ids=["numpy", "torch"])
def array(request: pytest.FixtureRequest) -> Make:
    """Makes an array of either kind."""
    kind: Make = request.param
    return kind


def values(array: Any) -> Any:
    return np.asarray(array).tolist()


def test_targets_by_hand(array: Make) -> None:
    targets = td_targets(array(REWARDS), array(TERMINATED), array(MAX_NEXT_Q), 0.9)
    assert values(targets) == pytest.approx(TARGETS, rel=1e-6)
    assert str(targets.dtype).endswith("float32")


def test_targets_of_several_steps_by_hand(array: Make) -> None:
    by_steps = discounts(array(0.9), array([1.0, 2.0, 3.0]))
    assert values(by_steps) == pytest.approx([0.9, 0.81, 0.729])
    # 1 + 0.9 * 10;  terminated;  1 + 0.729 * 20
    targets = td_targets(array(REWARDS), array(TERMINATED), array(MAX_NEXT_Q), by_steps)
    assert values(targets) == pytest.approx([10.0, -100.0, 15.58])


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9, 0.99, 0.997, 1.0])
def test_one_step_is_discounted_by_gamma_to_the_bit(array: Make, gamma: float) -> None:
    assert values(discounts(array(gamma), array([1.0] * 37))) == values(array([gamma] * 37))


def test_double_dqn_values_the_online_networks_choice(array: Make) -> None:
    online = array([[1.0, 5.0, 2.0], [3.0, 3.0, 0.0]])  # picks action 1, and of equals the lowest: 0
    target = array([[10.0, 20.0, 30.0], [7.0, 8.0, 9.0]])  # whose maxima are actions 2 and 2
    assert values(double_next_q(online, target)) == [20.0, 7.0]


def test_dueling_heads_add_value_and_advantage_over_the_mean(array: Make) -> None:
    # V = 10, A = (1, 2, 6), mean 3: Q = (8, 9, 13).  V = -1, A = (4, 4, 4): Q = -1 each.
    q = dueling_q(array([[10.0, 1.0, 2.0, 6.0], [-1.0, 4.0, 4.0, 4.0]]))
    assert values(q) == [[8.0, 9.0, 13.0], [-1.0, -1.0, -1.0]]


def test_quantile_levels_are_the_middles_of_equal_shares() -> None:
    assert quantile_levels(4).tolist() == [0.125, 0.375, 0.625, 0.875]
    assert quantile_levels(1).tolist() == [0.5]


def test_quantile_huber_loss_by_hand(array: Make) -> None:
    # Quantiles 0 and 2 at levels 1/4 and 3/4 against samples 0.5 and 4, so u = target - quantile:
    #   quantile 0: u = 0.5 -> 1/4 * 0.125;        u = 4 -> 1/4 * (4 - 0.5) = 0.875
    #   quantile 2: u = -1.5 -> |3/4 - 1| * 1.0;   u = 2 -> 3/4 * 1.5 = 1.125
    loss = quantile_huber_loss(array([[0.0, 2.0]]), array([[0.5, 4.0]]), array([0.25, 0.75]))
    assert values(loss) == pytest.approx([(0.03125 + 0.875) / 2 + (0.25 + 1.125) / 2])


def test_the_quantile_losss_minimum_lies_at_the_quantiles() -> None:
    samples = torch.arange(1001.0)[None]  # of 0..1000 the lower quarter ends at 250, the upper begins at 750
    quantiles = torch.tensor([[500.0, 500.0]], requires_grad=True)
    optimizer = torch.optim.SGD([quantiles], lr=50.0)
    for _ in range(300):
        optimizer.zero_grad()
        quantile_huber_loss(quantiles, samples, torch.tensor([0.25, 0.75])).sum().backward()
        optimizer.step()
    assert quantiles.detach().numpy()[0] == pytest.approx([250.0, 750.0], abs=2.0)


def test_a_loss_beyond_float_stays_visible() -> None:
    loss = quantile_huber_loss(torch.full((1, 2), math.inf), torch.zeros(1, 2), torch.tensor([0.25, 0.75]))
    assert not torch.isfinite(loss).all()
