"""What every learner keeps to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from dqn_core.algorithm.fused_learner import FusedLearner
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.networks import initial_weights, network_sizes
from dqn_core.algorithm.targets import td_targets
from dqn_core.algorithm.torch_cuda import CudaLearner
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from dqn_core.errors import RunFolderError
from pretended_cuda import pretend_capture
from strategies import filled_replay, weights_of

SIZES = (4, 16, 8, 3)
CONFIG = TrainingConfig(learning_rate=1e-3, gradient_clip_value=1.0)
VARIANTS = {
    "plain": CONFIG,
    "double, dueling": CONFIG.replace(double_dqn=True, dueling=True),
    "noisy": CONFIG.replace(noisy_nets=True, double_dqn=True),
    "quantile": CONFIG.replace(distribution="quantile", quantiles=5, double_dqn=True),
    "all": CONFIG.replace(noisy_nets=True, dueling=True, distribution="quantile", quantiles=5, target_update="soft"),
}
Make = Callable[[TrainingConfig, Mapping[str, NDArray[np.float32]]], Learner]


def captured(config: TrainingConfig, weights: Mapping[str, NDArray[np.float32]]) -> Learner:
    return CudaLearner(config, weights, "cpu", pretend_capture)


@pytest.fixture(params=[TorchLearner, FusedLearner, captured], ids=["torch", "fused", "captured"])
def make(request: pytest.FixtureRequest) -> Make:
    kind: Make = request.param
    return kind


def learn(learner: Learner, updates: int, batch_size: int = 32, seed: int = 0) -> Learner:
    replay = filled_replay(seed, SIZES, 200)
    generator = np.random.default_rng(seed)
    for _ in range(updates):
        learner.update(replay, replay.sample_indices(generator, batch_size))
    return learner


def same(first: Mapping[str, NDArray], second: Mapping[str, NDArray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def first_weights(config: TrainingConfig, seed: int) -> dict[str, NDArray[np.float32]]:
    sizes = network_sizes(config.replace(hidden_sizes=SIZES[1:-1]), SIZES[0], SIZES[-1])
    return initial_weights(np.random.default_rng(seed), sizes, noisy=config.noisy_nets)


COVERED = [
    pytest.param(kind, config, id=f"{kind.__name__}-{name}")
    for kind in (TorchLearner, FusedLearner, captured)
    for name, config in VARIANTS.items()
    if kind is not FusedLearner or not config.beyond_fused
]
"""Every learner with every variant that it covers."""


def test_same_seed_same_bits(make: Make) -> None:
    first, second = (learn(make(CONFIG, weights_of(0, SIZES)), 60) for _ in range(2))
    assert same(first.state_dict(), second.state_dict())
    assert first.take_statistics() == second.take_statistics()


@pytest.mark.parametrize(("make", "variant"), COVERED)
def test_state_goes_on_bit_for_bit(make: Make, variant: TrainingConfig) -> None:
    first = learn(make(variant, first_weights(variant, 0)), 30)
    second = make(variant, first_weights(variant, 1))
    second.load_state_dict(first.state_dict())
    assert same(first.state_dict(), second.state_dict())
    observations = np.random.default_rng(0).standard_normal((20, 4), np.float32)
    assert [first.explore(each) for each in observations] == [second.explore(each) for each in observations]
    learn(first, 30, seed=5)
    learn(second, 30, seed=5)
    assert same(first.state_dict(), second.state_dict())


@pytest.mark.parametrize(("make", "variant"), COVERED)
def test_every_variant_learns_a_constant_return(make: Make, variant: TrainingConfig) -> None:
    replay = filled_replay(0, SIZES, 200, terminated_share=1.0)
    replay.rows[:, -2] = 3.0
    learner = make(variant.replace(learning_rate=1e-2), first_weights(variant, 0))
    generator = np.random.default_rng(0)
    for _ in range(500):
        learner.update(replay, replay.sample_indices(generator, 64))
    learner.take_statistics()
    for _ in range(50):
        learner.update(replay, replay.sample_indices(generator, 64))
    assert learner.take_statistics().q_mean == pytest.approx(3.0, abs=0.2)
    taken = learner.q_values(replay.observations)[np.arange(200), replay.actions.astype(int)]
    assert taken == pytest.approx(3.0, abs=0.6)


@pytest.mark.parametrize(("make", "variant"), COVERED)
def test_weights_count_a_rows_loss(make: Make, variant: TrainingConfig) -> None:
    once, twice = (make(variant, first_weights(variant, 0)) for _ in range(2))
    state = once.state_dict()
    twice.load_state_dict(state)
    replay = filled_replay(0, SIZES, 50)
    once.update(replay, np.array([3, 4]), np.array([0.5, 2.0], np.float32))
    twice.update(replay, np.array([3, 4, 4, 4, 4, 3, 9, 9]), np.array([1, 2, 2, 2, 2, 1, 0, 0], np.float32))
    before, after = once.state_dict(), twice.state_dict()
    for name in before:
        if name.startswith("adam.first"):
            np.testing.assert_allclose(before[name], after[name] * 8 / 2 / 4, rtol=1e-3, atol=1e-6, err_msg=name)


def test_td_errors_are_those_before_the_update(make: Make) -> None:
    learner = make(CONFIG, weights_of(0, SIZES))
    replay = filled_replay(0, SIZES, 50)
    indices = np.array([7, 3, 3, 20])
    q = learner.q_values(replay.observations[indices])[np.arange(4), replay.actions[indices].astype(int)]
    next_q = learner.q_values(replay.next_observations[indices]).max(axis=1)
    targets = replay.rewards[indices] + CONFIG.gamma * (1 - replay.terminated[indices]) * next_q
    learner.update(replay, indices)
    np.testing.assert_allclose(learner.td_errors(), targets - q, rtol=1e-4, atol=1e-5)


def test_state_goes_over_between_learners(make: Make) -> None:
    first = learn(TorchLearner(CONFIG, weights_of(0, SIZES)), 30)
    second = make(CONFIG, weights_of(1, SIZES))
    second.load_state_dict(first.state_dict())
    assert same(first.state_dict(), second.state_dict())


def test_states_and_weights_are_copies(make: Make) -> None:
    learner = make(CONFIG, weights_of(0, SIZES))
    weights, state = learner.weights(), learner.state_dict()
    kept = {name: array.copy() for name, array in weights.items()}
    learn(learner, 5)
    assert same(weights, kept)
    for name in weights:
        assert not np.array_equal(learner.weights()[name], weights[name])
        assert np.array_equal(state[f"online.{name}"], weights[name])


def test_learns_a_constant_return(make: Make) -> None:
    replay = filled_replay(0, SIZES, 200, terminated_share=1.0)
    replay.rows[:, -2] = 3.0
    learner = make(CONFIG.replace(learning_rate=1e-2), weights_of(0, SIZES))
    generator = np.random.default_rng(0)
    for _ in range(500):
        learner.update(replay, replay.sample_indices(generator, 64))
    taken = learner.take_statistics()
    for _ in range(50):
        learner.update(replay, replay.sample_indices(generator, 64))
    later = learner.take_statistics()
    assert later.loss_mean < 0.1 < taken.loss_mean
    assert later.q_mean == pytest.approx(3.0, abs=0.2)


def test_ties_go_to_the_lowest_action(make: Make) -> None:
    weights = {name: np.zeros_like(array) for name, array in weights_of(0, SIZES).items()}
    learner = make(CONFIG, weights)
    observation = np.ones(4, np.float32)
    assert learner.act(observation) == 0
    weights["layers.2.bias"][:] = [-1.0, 2.0, 2.0]
    learner.load_weights(weights)
    assert learner.act(observation) == 1


def test_acts_on_whatever_array_an_environment_gives(make: Make) -> None:
    learner = make(CONFIG, weights_of(0, SIZES))
    observation = np.random.default_rng(0).standard_normal(4, np.float32)
    expected = learner.act(observation)
    read_only = observation.copy()
    read_only.flags.writeable = False
    strided = np.repeat(observation, 2)[::2]
    assert [learner.act(each) for each in (read_only, strided, observation.astype(np.float64))] == [expected] * 3


def test_statistics_are_means_since_last_taken(make: Make) -> None:
    learner = make(CONFIG, weights_of(0, SIZES))
    empty = learner.take_statistics()
    assert empty.updates == 0
    assert math.isnan(empty.loss_mean)
    assert math.isnan(empty.q_mean)
    replay = filled_replay(0, SIZES, 50)
    indices = np.arange(20)
    q = learner.q_values(replay.observations)[indices, replay.actions[:20].astype(int)]
    max_next_q = learner.q_values(replay.next_observations)[indices].max(axis=1)
    targets = replay.rewards[:20] + CONFIG.gamma * (1 - replay.terminated[:20]) * max_next_q
    learner.update(replay, indices)
    one = learner.take_statistics()
    assert one.updates == 1
    assert one.q_mean == pytest.approx(q.mean(), rel=1e-4)
    assert one.loss_mean == pytest.approx(((q - targets) ** 2).mean(), rel=1e-4)
    assert learner.take_statistics().updates == 0


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_terms_are_what_an_update_starts_from(make: Make, loss: str) -> None:
    config = CONFIG.replace(loss=loss, gamma=0.9)
    learner = make(config, weights_of(0, SIZES))
    online, target = weights_of(1, SIZES), make(config, weights_of(0, SIZES))
    learner.load_state_dict(learner.state_dict() | {f"online.{name}": array for name, array in online.items()})
    replay, indices = filled_replay(0, SIZES, 50), np.array([3, 3, 17, 40, 8])
    replay.rows[:, -2] *= 2  # TD errors on both sides of 1, where Huber turns linear
    before = learner.state_dict()
    terms = learner.terms(replay, indices)
    assert same(learner.state_dict(), before)

    assert np.array_equal(terms.q_values.argmax(axis=1), learner.q_values(replay.observations[indices]).argmax(axis=1))
    np.testing.assert_allclose(terms.q_values, learner.q_values(replay.observations[indices]), rtol=1e-5, atol=1e-6)
    next_q = target.q_values(replay.next_observations[indices])
    np.testing.assert_allclose(terms.next_q_values, next_q, rtol=1e-5, atol=1e-6)
    assert np.array_equal(terms.next_values, terms.next_q_values.max(axis=1))
    rewards, terminated = replay.rewards[indices], replay.terminated[indices]
    np.testing.assert_allclose(terms.targets, td_targets(rewards, terminated, terms.next_values, 0.9), rtol=1e-6)
    taken = terms.q_values[np.arange(5), replay.actions[indices].astype(int)]
    assert np.array_equal(terms.td_errors, terms.targets - taken)
    sizes_of_errors = np.abs(terms.td_errors)
    huber = np.where(sizes_of_errors <= 1, terms.td_errors**2 / 2, sizes_of_errors - 0.5)
    np.testing.assert_allclose(terms.losses, huber if loss == "huber" else terms.td_errors**2, rtol=1e-6)

    learner.update(replay, indices)
    taken_statistics = learner.take_statistics()
    assert taken_statistics.loss_mean == pytest.approx(terms.losses.mean(), rel=1e-6)
    assert taken_statistics.q_mean == pytest.approx(taken.mean(), rel=1e-6)


@pytest.mark.parametrize(("make", "variant"), COVERED)
def test_terms_of_every_variant_are_what_an_update_starts_from(make: Make, variant: TrainingConfig) -> None:
    learner = learn(make(variant.replace(noisy_nets=False), first_weights(variant.replace(noisy_nets=False), 0)), 20)
    replay, indices = filled_replay(0, SIZES, 50, most_steps=4), np.array([3, 3, 17, 40, 8])
    learner.take_statistics()
    state = learner.state_dict()
    terms = learner.terms(replay, indices)
    assert same(learner.state_dict(), state)
    np.testing.assert_allclose(terms.q_values, learner.q_values(replay.observations[indices]), rtol=1e-5, atol=1e-6)
    next_online_q = learner.q_values(replay.next_observations[indices])
    best = next_online_q.argmax(axis=1) if variant.double_dqn else terms.next_q_values.argmax(axis=1)
    np.testing.assert_allclose(terms.next_values, terms.next_q_values[np.arange(5), best], rtol=1e-6)
    left = (1 - replay.terminated[indices]) * 0.99 ** replay.steps[indices]
    np.testing.assert_allclose(terms.targets, replay.rewards[indices] + left * terms.next_values, rtol=1e-5, atol=1e-6)
    learner.update(replay, indices)
    np.testing.assert_allclose(learner.td_errors(), terms.td_errors, rtol=1e-6)
    assert learner.take_statistics().loss_mean == pytest.approx(terms.losses.mean(), rel=1e-6)


def test_gradients_are_those_that_the_optimiser_took(make: Make) -> None:
    learner = make(CONFIG.replace(gradient_clip_value=0.01), weights_of(0, SIZES))
    assert not any(array.any() for array in learner.gradients().values())
    learn(learner, 1)
    gradients, state = learner.gradients(), learner.state_dict()
    for name, array in gradients.items():
        np.testing.assert_allclose(state[f"adam.first.{name}"], 0.1 * array, rtol=1e-5, atol=1e-12)
    assert max(np.abs(array).max() for array in gradients.values()) == np.float32(0.01)
    learn(learner, 1)
    assert not same(learner.gradients(), gradients)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("loss", ["mse", "huber"])
@pytest.mark.parametrize("place", ["layers.0.weight", "layers.1.bias", "layers.2.weight"])
def test_divergence_shows_in_the_statistics(make: Make, bad: float, loss: str, place: str) -> None:
    weights = weights_of(0, SIZES)
    weights[place].flat[:] = bad
    learner = learn(make(CONFIG.replace(loss=loss), weights), 2)
    taken = learner.take_statistics()
    assert not (math.isfinite(taken.loss_mean) and math.isfinite(taken.q_mean))


def test_divergence_by_a_learning_rate_shows(make: Make) -> None:
    config = TrainingConfig(learning_rate=1.0, target_update="soft", target_tau=1.0, gamma=1.0)
    learner = make(config, {name: array * 1e12 for name, array in weights_of(0, SIZES).items()})
    assert not math.isfinite(learn(learner, 5).take_statistics().loss_mean)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gamma", 0.5),
        ("learning_rate", 1e-2),
        ("adam_epsilon", 1e-2),
        ("loss", "huber"),
        ("gradient_clip_value", 1e-3),
        ("target_update", "soft"),
        ("double_dqn", True),
        ("mistake_no_target_network", True),
    ],
)
def test_a_live_change_acts_from_the_next_update(make: Make, field: str, value: object) -> None:
    changed_config = CONFIG.replace(**{field: value})
    kept, changed = (learn(make(CONFIG, weights_of(0, SIZES)), 10) for _ in range(2))
    changed.configure(changed_config)
    fresh = make(changed_config, weights_of(0, SIZES))
    fresh.load_state_dict(kept.state_dict())
    for learner in (kept, changed, fresh):
        learn(learner, 10, seed=2)
    assert same(changed.state_dict(), fresh.state_dict())
    assert not same(changed.state_dict(), kept.state_dict())


def test_tau_changes_live(make: Make) -> None:
    learner = make(CONFIG.replace(target_update="soft", target_tau=0.5), weights_of(0, SIZES))
    learner.configure(CONFIG.replace(target_update="soft", target_tau=1.0))
    learn(learner, 3)
    state = learner.state_dict()
    for name, array in learner.weights().items():
        np.testing.assert_allclose(state[f"target.{name}"], array, rtol=1e-6, atol=1e-8)


def test_soft_target_mixes_by_tau(make: Make) -> None:
    before = weights_of(0, SIZES)
    learner = learn(make(CONFIG.replace(target_update="soft", target_tau=0.25), before), 1)
    state = learner.state_dict()
    for name, array in learner.weights().items():
        np.testing.assert_allclose(state[f"target.{name}"], 0.75 * before[name] + 0.25 * array, rtol=1e-5, atol=1e-7)


def test_target_stays_until_it_is_synced(make: Make) -> None:
    before = weights_of(0, SIZES)
    learner = learn(make(CONFIG, before), 5)
    state = learner.state_dict()
    assert all(np.array_equal(state[f"target.{name}"], before[name]) for name in before)
    learner.sync_target()
    state = learner.state_dict()
    assert all(np.array_equal(state[f"target.{name}"], array) for name, array in learner.weights().items())


def test_batch_size_and_memory_change_live(make: Make) -> None:
    learner = make(CONFIG, weights_of(0, SIZES))
    other = TorchLearner(CONFIG, weights_of(0, SIZES))
    replay = filled_replay(0, SIZES, 200)
    generator = np.random.default_rng(0)
    for batch_size, capacity in ((7, 200), (64, 90), (33, 300), (1, 300)):
        replay.resize(capacity)
        for each in filled_replay(batch_size, SIZES, 20).rows:
            replay.add(each[:4], int(each[-3]), float(each[-2]), each[4:8], bool(each[-1]))
            indices = replay.sample_indices(generator, batch_size)
            learner.update(replay, indices)
            other.update(replay, indices)
    weights = learner.weights()
    for name, array in other.weights().items():
        np.testing.assert_allclose(weights[name], array, rtol=1e-3, atol=1e-5)


def test_weights_of_another_network_are_refused_by_name(make: Make) -> None:
    learner = make(CONFIG, weights_of(0, SIZES))
    before = learner.state_dict()
    with pytest.raises(RunFolderError, match=r"layers\.1\.weight"):
        learner.load_weights(weights_of(0, (4, 16, 9, 3)))
    with pytest.raises(RunFolderError, match=r"lacks adam\.step"):
        learner.load_state_dict({name: array for name, array in before.items() if name != "adam.step"})
    with pytest.raises(RunFolderError, match=r"layers\.2\.bias"):
        learner.load_state_dict({name: array for name, array in before.items() if name != "target.layers.2.bias"})
    with pytest.raises(RunFolderError, match=r"momentum"):
        learner.load_state_dict(before | {"momentum": np.zeros(1)})
    assert same(learner.state_dict(), before)


def test_loaded_weights_reach_both_networks(make: Make) -> None:
    learner = learn(make(CONFIG, weights_of(0, SIZES)), 3)
    weights = weights_of(9, SIZES)
    learner.load_weights(weights)
    assert same(learner.weights(), weights)
    state = learner.state_dict()
    assert all(np.array_equal(state[f"target.{name}"], array) for name, array in weights.items())
