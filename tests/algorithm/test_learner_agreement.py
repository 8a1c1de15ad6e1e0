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

STEPS = 200
SYNC_EVERY = 50


@settings(max_examples=30)
@given(
    sizes=network_sizes(),
    config=learner_configs(),
    batch_size=st.integers(1, 70),
    terminated_share=st.sampled_from([0.0, 0.1, 1.0]),
    most_steps=st.sampled_from([1, 5]),
    is_weighted=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_fused_and_torch_agree_after_200_gradient_steps(
    *,
    sizes: tuple[int, ...],
    config: TrainingConfig,
    batch_size: int,
    terminated_share: float,
    most_steps: int,
    is_weighted: bool,
    seed: int,
) -> None:
    replay = filled_replay(seed, sizes, 100, terminated_share, most_steps)
    outputs = (*sizes[:-1], sizes[-1] + config.dueling)
    learners: list[Learner] = [kind(config, weights_of(seed, outputs)) for kind in (TorchLearner, FusedLearner)]
    generator = np.random.default_rng(seed)
    steps_each = -(-batch_size // (config.minibatch_size or batch_size))
    updates = STEPS // steps_each
    for number in range(updates):
        indices = replay.sample_indices(generator, batch_size)
        weights = generator.random(batch_size, np.float32) if is_weighted else None
        for learner in learners:
            learner.update(replay, indices, weights)
            if config.target_update != "soft" and number % SYNC_EVERY == 0:
                learner.sync_target()
    by_torch, by_fused = (learner.state_dict() for learner in learners)
    assert by_torch["adam.step"] == by_fused["adam.step"] == updates * steps_each
    for group in ("online", "target"):
        assert distance(by_torch, by_fused, group) <= 1e-4
    np.testing.assert_allclose(*(learner.td_errors() for learner in learners), rtol=1e-3, atol=1e-3)
    statistics = [learner.take_statistics() for learner in learners]
    assert statistics[0].updates == statistics[1].updates == updates
    assert statistics[0].loss_mean == pytest.approx(statistics[1].loss_mean, rel=1e-4)
    assert statistics[0].q_mean == pytest.approx(statistics[1].q_mean, rel=1e-4, abs=1e-4)


def distance(first: Mapping[str, NDArray], second: Mapping[str, NDArray], group: str) -> float:
    """Distance of two learners' weights relative to their length."""
    names = [name for name in first if name.startswith(group)]
    one, other = (np.concatenate([state[name].ravel() for name in names]) for state in (first, second))
    return float(np.linalg.norm(one - other) / np.linalg.norm(one))


@pytest.mark.parametrize("kind", [TorchLearner, FusedLearner])
@pytest.mark.parametrize("loss", ["mse", "huber"])
@pytest.mark.parametrize(
    "variant", [{}, {"double_dqn": True}, {"dueling": True}, {"double_dqn": True, "dueling": True}]
)
@pytest.mark.parametrize("sizes", [(3, 2), (3, 5, 2), (4, 7, 6, 3), (1, 2, 1)])
def test_gradient_is_that_of_finite_differences(
    kind: type, loss: str, variant: dict[str, bool], sizes: tuple[int, ...]
) -> None:
    config = TrainingConfig(loss=loss, gamma=0.9, **variant)
    replay = filled_replay(3, sizes, 40, most_steps=3)
    replay.rows[:, -2] *= 2  # TD errors on both sides of 1, where Huber turns linear
    indices = range(33)
    row_weights = np.random.default_rng(3).random(33, np.float32)
    outputs = (*sizes[:-1], sizes[-1] + config.dueling)
    online, target = weights_of(1, outputs), weights_of(2, outputs)
    learner = kind(config, target)
    state = learner.state_dict() | {f"online.{name}": array for name, array in online.items()}
    learner.load_state_dict(state)
    learner.update(replay, np.array(indices), row_weights)
    errors = td_errors(config, online, (online, target), replay, indices)
    np.testing.assert_allclose(learner.td_errors(), errors, rtol=1e-4, atol=1e-5)

    def loss_of(weights: Weights) -> float:
        return paper_loss(config, td_errors(config, weights, (online, target), replay, indices), row_weights)

    # Adam's first moment after one step from zero is (1 - 0.9) times the gradient.
    after = learner.state_dict()
    for name in online:
        expected = finite_differences(loss_of, online, name)
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


def td_errors(
    config: TrainingConfig, online: Weights, fixed: tuple[Weights, Weights], replay: ReplayBuffer, indices: range
) -> NDArray[np.float64]:
    """TD error, target - Q(s, a), one transition after the other.

    ``fixed`` weights make the target: those that pick Double DQN's next action, and the target network's.
    """
    choosing, target = fixed
    errors = []
    for i in indices:
        target_value = float(replay.rewards[i])
        if not replay.terminated[i]:
            next_q = q_values(config, target, replay.next_observations[i])
            best = q_values(config, choosing, replay.next_observations[i]) if config.double_dqn else next_q
            target_value += config.gamma ** int(replay.steps[i]) * next_q[best.argmax()]
        errors.append(target_value - q_values(config, online, replay.observations[i])[int(replay.actions[i])])
    return np.array(errors)


def paper_loss(config: TrainingConfig, errors: NDArray[np.float64], weights: NDArray[np.float32]) -> float:
    """Mean over the batch of the weighted losses."""
    if config.loss == "mse":
        losses = errors**2
    else:
        losses = np.where(np.abs(errors) <= 1, errors**2 / 2, np.abs(errors) - 0.5)
    return float(np.mean(weights * losses))


def q_values(config: TrainingConfig, weights: Weights, observation: NDArray[np.float32]) -> NDArray[np.float64]:
    x = observation.astype(np.float64)
    for i in itertools.count():
        x = weights[f"layers.{i}.weight"].astype(np.float64) @ x + weights[f"layers.{i}.bias"]
        if f"layers.{i + 1}.weight" not in weights:
            return x[0] + x[1:] - x[1:].mean() if config.dueling else x
        x = np.maximum(x, 0)
    raise AssertionError


@given(sizes=network_sizes(), seed=st.integers(0, 999), count=st.integers(1, 9), dueling=st.booleans())
@pytest.mark.parametrize("kind", [TorchLearner, FusedLearner])
def test_q_values_and_greedy_action_are_the_networks(
    kind: type, sizes: tuple[int, ...], seed: int, count: int, dueling: bool
) -> None:
    config = TrainingConfig(dueling=dueling)
    weights = weights_of(seed, (*sizes[:-1], sizes[-1] + dueling))
    learner = kind(config, weights)
    observations = np.random.default_rng(seed).standard_normal((count, sizes[0]), np.float32)
    q = learner.q_values(observations)
    expected = np.array([q_values(config, weights, each) for each in observations])
    assert q.shape == (count, sizes[-1])
    assert q.dtype == np.float32
    np.testing.assert_allclose(q, expected, rtol=1e-4, atol=1e-5)
    assert [learner.act(each) for each in observations] == q.argmax(axis=1).tolist()
