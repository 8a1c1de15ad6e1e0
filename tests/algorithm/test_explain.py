"""What is told of an update is what a learner does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dqn_core.algorithm.explain import explain_update, norm
from dqn_core.algorithm.fused_learner import FusedLearner
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from strategies import filled_replay, weights_of

SIZES = (4, 16, 8, 3)
CONFIG = TrainingConfig(learning_rate=1e-3, gamma=0.9)
REPLAY = filled_replay(0, SIZES, 60)
INDICES = np.array([5, 9, 9, 33, 41, 59, 0, 17])


def trained(kind: type, config: TrainingConfig) -> Learner:
    learner: Learner = kind(config, weights_of(0, SIZES))
    generator = np.random.default_rng(1)
    for _ in range(20):
        learner.update(REPLAY, REPLAY.sample_indices(generator, 16))
    return learner


@pytest.fixture(params=[TorchLearner, FusedLearner], ids=["torch", "fused"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("clip", [0.0, 0.05])
@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_everything_told_is_what_the_next_update_does(kind: type, clip: float, loss: str) -> None:
    config = CONFIG.replace(gradient_clip_value=clip, loss=loss)
    learner = trained(kind, config)
    state = learner.state_dict()

    def make(wanted: TrainingConfig) -> Learner:
        fresh: Learner = kind(wanted, weights_of(3, SIZES))
        fresh.load_state_dict(state)
        return fresh

    told = explain_update(make, config, REPLAY, INDICES)
    learner.take_statistics()
    terms = learner.terms(REPLAY, INDICES)
    before = learner.weights()
    learner.update(REPLAY, INDICES)

    for name in ("q_values", "next_q_values", "next_values", "targets", "td_errors", "losses"):
        assert np.array_equal(getattr(told.terms, name), getattr(terms, name)), name
    assert told.loss == learner.take_statistics().loss_mean
    assert np.array_equal(told.q_after, learner.q_values(REPLAY.observations[INDICES]))
    for name, array in learner.weights().items():
        assert np.array_equal(told.change[name], array - before[name])
        assert np.array_equal(told.clipped_gradients[name], learner.gradients()[name])
    assert told.clipped_norm == pytest.approx(norm(learner.gradients()))
    for name, array in told.gradients.items():
        cut = np.clip(array, -clip, clip) if clip else array
        np.testing.assert_allclose(told.clipped_gradients[name], cut, rtol=1e-6)
    assert (told.clipped_share > 0) == (told.clipped_norm < told.gradient_norm) == (clip > 0)


@pytest.mark.parametrize("clip", [0.0, 0.02])
@pytest.mark.parametrize("over_all", [False, True])
def test_each_minibatch_is_told_as_a_step_of_its_own(kind: type, over_all: bool, clip: float) -> None:
    """The steps are those of one update: each starts where the one before ended, towards targets that stay."""
    config = CONFIG.replace(minibatch_size=3, loss_over_all_outputs=over_all, gradient_clip_value=clip)
    weights = weights_of(0, SIZES)
    told = explain_update(lambda wanted: kind(wanted, weights), config, REPLAY, INDICES)
    actions = REPLAY.actions[INDICES].astype(int)
    taken = np.arange(len(INDICES)), actions
    labels = told.terms.labels(actions)
    assert [(step.first, step.size) for step in told.steps] == [(0, 3), (3, 3), (6, 2)]
    q = told.terms.q_values
    for step in told.steps:
        rows = slice(step.first, step.first + step.size)
        errors = (q - labels)[rows] if over_all else (q[taken] - told.terms.targets)[rows]
        assert step.loss == pytest.approx(np.square(errors).mean(), rel=1e-4)
        q = step.q_after
    learner = kind(config, weights)
    learner.update(REPLAY, INDICES)
    assert np.array_equal(told.q_after, learner.q_values(REPLAY.observations[INDICES]))
    assert told.loss == learner.take_statistics().loss_mean
    assert told.steps[-1].norm == pytest.approx(norm(learner.gradients()))
    assert (told.clipped_share > 0) == (clip > 0)


def test_the_labels_are_the_networks_own_but_for_the_action_taken(kind: type) -> None:
    terms = kind(CONFIG, weights_of(0, SIZES)).terms(REPLAY, INDICES)
    actions = REPLAY.actions[INDICES].astype(int)
    labels = terms.labels(actions)
    for row, action in enumerate(actions):
        assert labels[row, action] == terms.targets[row]
        others = np.arange(SIZES[-1]) != action
        assert np.array_equal(labels[row, others], terms.q_values[row, others])


def test_the_update_moves_q_towards_its_targets(kind: type) -> None:
    weights = weights_of(0, SIZES)
    told = explain_update(lambda config: kind(config, weights), CONFIG, REPLAY, INDICES)
    taken = np.arange(len(INDICES)), REPLAY.actions[INDICES].astype(int)
    errors_after = told.q_after[taken] - told.terms.targets
    assert np.square(errors_after).mean() < np.square(told.terms.td_errors).mean()


def test_gamma_and_learning_rate_are_those_asked_for(kind: type) -> None:
    weights = weights_of(0, SIZES)

    def told(**changes: float) -> Any:
        return explain_update(lambda config: kind(config, weights), CONFIG.replace(**changes), REPLAY, INDICES)

    near_sighted = told(gamma=0.0)
    assert np.array_equal(near_sighted.terms.targets, REPLAY.rewards[INDICES])
    assert np.array_equal(near_sighted.terms.q_values, told().terms.q_values)
    slow, fast = told(learning_rate=1e-4), told(learning_rate=1e-2)
    assert norm(fast.change) == pytest.approx(100 * norm(slow.change), rel=1e-2)
    assert slow.gradient_norm == pytest.approx(fast.gradient_norm)
