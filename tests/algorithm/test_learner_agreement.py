"""Learners agree with each other, and their gradients with finite differences of the loss as the paper writes it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dqn_core.algorithm.fused_learner import FusedLearner
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.networks import Weights
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from strategies import filled_replay, learner_configs, network_sizes, weights_of

UPDATES = 200
SYNC_EVERY = 50


@settings(max_examples=30)
@given(
    sizes=network_sizes(),
    config=learner_configs(),
    batch_size=st.integers(1, 70),
    terminated_share=st.sampled_from([0.0, 0.1, 1.0]),
    seed=st.integers(0, 10**6),
)
def test_fused_and_torch_agree_after_200_updates(
    sizes: tuple[int, ...], config: TrainingConfig, batch_size: int, terminated_share: float, seed: int
) -> None:
    replay = filled_replay(seed, sizes, 100, terminated_share)
    learners: list[Learner] = [kind(config, weights_of(seed, sizes)) for kind in (TorchLearner, FusedLearner)]
    generator = np.random.default_rng(seed)
    for number in range(UPDATES):
        indices = replay.sample_indices(generator, batch_size)
        for learner in learners:
            learner.update(replay, indices)
            if config.target_update != "soft" and number % SYNC_EVERY == 0:
                learner.sync_target()
    by_torch, by_fused = (learner.state_dict() for learner in learners)
    assert by_torch["adam.step"] == by_fused["adam.step"] == UPDATES
    for group in ("online", "target"):
        assert distance(by_torch, by_fused, group) <= 1e-4
    statistics = [learner.take_statistics() for learner in learners]
    assert statistics[0].updates == statistics[1].updates == UPDATES
    assert statistics[0].loss_mean == pytest.approx(statistics[1].loss_mean, rel=1e-4)
    assert statistics[0].q_mean == pytest.approx(statistics[1].q_mean, rel=1e-4, abs=1e-4)


def distance(first: Mapping[str, NDArray], second: Mapping[str, NDArray], group: str) -> float:
    """Distance of two learners' weights relative to their length."""
    names = [name for name in first if name.startswith(group)]
    one, other = (np.concatenate([state[name].ravel() for name in names]) for state in (first, second))
    return float(np.linalg.norm(one - other) / np.linalg.norm(one))


@pytest.mark.parametrize("kind", [TorchLearner, FusedLearner])
@pytest.mark.parametrize("loss", ["mse", "huber"])
@pytest.mark.parametrize("sizes", [(3, 2), (3, 5, 2), (4, 7, 6, 3), (1, 2, 1)])
def test_gradient_is_that_of_finite_differences(kind: type, loss: str, sizes: tuple[int, ...]) -> None:
    config = TrainingConfig(loss=loss, gamma=0.9)
    replay = filled_replay(3, sizes, 40)
    replay.rows[:, -2] *= 2  # TD errors on both sides of 1, where Huber turns linear
    indices = np.arange(33)
    online, target = weights_of(1, sizes), weights_of(2, sizes)
    learner = kind(config, target)
    state = learner.state_dict() | {f"online.{name}": array for name, array in online.items()}
    learner.load_state_dict(state)
    learner.update(replay, indices)
    # Adam's first moment after one step from zero is (1 - 0.9) times the gradient.
    after = learner.state_dict()
    for name in online:
        expected = finite_differences(
            lambda weights: paper_loss(config, weights, target, replay, indices), online, name
        )
        np.testing.assert_allclose(after[f"adam.first.{name}"] * 10, expected, rtol=1e-4, atol=2e-6, err_msg=name)


def finite_differences(loss: Callable[[Weights], float], weights: Weights, name: str) -> NDArray[np.float64]:
    """Central differences of ``loss`` by every element of one of ``weights``, in double precision."""
    exact: dict[str, Any] = {each: array.astype(np.float64) for each, array in weights.items()}
    gradient = np.zeros_like(exact[name])
    for place in np.ndindex(gradient.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = exact[name].copy()
            moved[place] += step
            sides.append(loss(exact | {name: moved}))
        gradient[place] = (sides[0] - sides[1]) / 2e-6
    return gradient


def paper_loss(
    config: TrainingConfig, online: Weights, target: Weights, replay: ReplayBuffer, indices: NDArray[np.int64]
) -> float:
    """Mean loss over the batch, one transition after the other."""
    losses = []
    for i in indices:
        target_value = float(replay.rewards[i])
        if not replay.terminated[i]:
            target_value += config.gamma * q_values(target, replay.next_observations[i]).max()
        error = q_values(online, replay.observations[i])[int(replay.actions[i])] - target_value
        if config.loss == "mse":
            losses.append(error**2)
        else:
            losses.append(error**2 / 2 if abs(error) <= 1 else abs(error) - 0.5)
    return float(np.mean(losses))


def q_values(weights: Weights, observation: NDArray[np.float32]) -> NDArray[np.float64]:
    x = observation.astype(np.float64)
    for i in itertools.count():
        x = weights[f"layers.{i}.weight"].astype(np.float64) @ x + weights[f"layers.{i}.bias"]
        if f"layers.{i + 1}.weight" not in weights:
            return x
        x = np.maximum(x, 0)
    raise AssertionError


@given(sizes=network_sizes(), seed=st.integers(0, 999), count=st.integers(1, 9))
@pytest.mark.parametrize("kind", [TorchLearner, FusedLearner])
def test_q_values_and_greedy_action_are_the_networks(kind: type, sizes: tuple[int, ...], seed: int, count: int) -> None:
    weights = weights_of(seed, sizes)
    learner = kind(TrainingConfig(), weights)
    observations = np.random.default_rng(seed).standard_normal((count, sizes[0]), np.float32)
    q = learner.q_values(observations)
    expected = np.array([q_values(weights, each) for each in observations])
    assert q.shape == (count, sizes[-1])
    assert q.dtype == np.float32
    np.testing.assert_allclose(q, expected, rtol=1e-4, atol=1e-5)
    assert [learner.act(each) for each in observations] == q.argmax(axis=1).tolist()
