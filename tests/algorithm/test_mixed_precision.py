"""Updates in bfloat16: close to those in float32, repeatable, and nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dqn_core.algorithm import compute
from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.networks import Network, PictureShape, initial_weights, network_of
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import policy_with
from dqn_core.errors import UnavailableComputeError
from pretended_cuda import pretend_cuda
from strategies import filled_replay

N_ACTIONS = 3
STATES = PictureShape(10, 10, 4, high=1.0)
STACK = PictureShape(40, 40, 4, channels_first=True, frames=4)
KINDS = {"dense": None, "minatar": STATES, "nature": STACK, "impala": STACK}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "double, dueling, huber": {"double_dqn": True, "dueling": True, "loss": "huber"},
    "noisy": {"noisy_nets": True},
    "quantiles": {"distribution": "quantile", "quantiles": 9},
    "minibatches": {"minibatch_size": 12, "loss_over_all_outputs": True},
}


def made(config: TrainingConfig, kind: str, seed: int = 0) -> TorchLearner:
    picture = KINDS[kind]
    size = 8 if picture is None else picture.size
    config = config.replace(network=kind, hidden_sizes=(64, 64))
    network: Network = network_of(config, size, N_ACTIONS, picture)
    weights = initial_weights(np.random.default_rng(seed), network, noisy=config.noisy_nets)
    return TorchLearner(config, weights, noise=np.random.default_rng(seed), network=network)


def filled(kind: str, count: int = 60) -> ReplayBuffer:
    picture = KINDS[kind]
    if picture is None:
        return filled_replay(0, (8, N_ACTIONS), count)
    generator = np.random.default_rng(0)
    replay = FrameReplay(count, picture)
    levels = 2 if picture.high == 1.0 else 256
    for _ in range(count):
        observation, next_observation = generator.integers(levels, size=(2, picture.size)).astype(np.float32)
        action, reward = int(generator.integers(N_ACTIONS)), float(generator.normal())
        replay.add(observation, action, reward, next_observation, terminated=bool(generator.random() < 0.2))
    return replay


def distance(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """Of two arrays, as a share of the wanted one's length."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
def test_terms_and_gradients_are_nearly_those_of_float32(kind: str, variant: dict[str, Any]) -> None:
    config = TrainingConfig(**variant)
    exact, mixed = (made(config.replace(mixed_precision=is_mixed), kind) for is_mixed in (False, True))
    replay, indices = filled(kind), np.arange(48)
    wanted, found = (vars(each.terms(replay, indices)) for each in (exact, mixed))
    for name in ("q_values", "next_q_values", "targets"):
        assert 0.0 < distance(found[name], wanted[name]) < 0.02, name
        assert found[name].dtype == np.float32
    for learner in (exact, mixed):
        learner.update(replay, indices, None, 1)
    gradients = [np.concatenate([each.ravel() for each in one.gradients().values()]) for one in (exact, mixed)]
    # A unit that is nearly at rest may be so in one of the two alone: a gate in two hundred makes a tenth of this.
    assert 0.0 < distance(gradients[1], gradients[0]) < 0.2
    last = f"layers.{len(mixed.online.layers) - 1}.weight"
    assert distance(mixed.gradients()[last], exact.gradients()[last]) < 0.02
    assert {name: array.dtype for name, array in mixed.state_dict().items()} == {
        name: array.dtype for name, array in exact.state_dict().items()
    }


@pytest.mark.parametrize("variant", [{}, {"noisy_nets": True}, {"distribution": "quantile", "quantiles": 9}], ids=str)
def test_large_q_values_keep_their_digits(variant: dict[str, Any]) -> None:
    """In bfloat16, they would be rounded to halves around 100."""
    config = TrainingConfig(**variant)
    exact, mixed = (made(config.replace(mixed_precision=is_mixed), "dense") for is_mixed in (False, True))
    state = exact.state_dict()
    state["online.layers.2.bias"] = state["online.layers.2.bias"] + np.float32(100.1)
    for learner in (exact, mixed):
        learner.load_state_dict(state)
    replay = filled("dense")
    wanted, found = (each.terms(replay, np.arange(48)).q_values for each in (exact, mixed))
    assert np.abs(found - wanted).max() < 0.05


def test_what_is_acted_on_and_shown_is_float32() -> None:
    for kind in KINDS:
        exact, mixed = (made(TrainingConfig(mixed_precision=is_mixed), kind) for is_mixed in (False, True))
        observations = np.asarray(filled(kind).observations)
        np.testing.assert_array_equal(mixed.q_values(observations), exact.q_values(observations))
        assert [mixed.act(each) for each in observations] == [exact.act(each) for each in observations]


@pytest.mark.parametrize("kind", ["dense", "minatar"])
def test_one_seed_gives_one_learner_that_goes_on_bit_for_bit(kind: str) -> None:
    config = TrainingConfig(mixed_precision=True, target_update="soft")
    replay = filled(kind)

    def learn(learner: TorchLearner, seed: int) -> dict[str, NDArray[np.generic]]:
        generator = np.random.default_rng(seed)
        for _ in range(30):
            learner.update(replay, replay.sample_indices(generator, 32))
        return learner.state_dict()

    first, second = made(config, kind), made(config, kind)
    states = [learn(each, 0) for each in (first, second)]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])
    third = made(config, kind, seed=7)
    third.load_state_dict(states[0])
    states = [learn(each, 1) for each in (first, third)]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("kind", ["dense", "minatar"])
def test_it_learns_the_returns_that_float32_learns(kind: str) -> None:
    """A return of 30 or 60, by what is seen."""
    replay = filled(kind)
    observations = np.asarray(replay.observations)
    direction = np.random.default_rng(1).standard_normal(observations.shape[1])
    seen = observations @ direction
    wanted = np.where(seen > np.median(seen), 60.0, 30.0)
    replay.rewards[:], replay.terminated[:] = wanted, 1.0
    learner = made(TrainingConfig(mixed_precision=True, learning_rate=3e-3), kind)
    generator = np.random.default_rng(0)
    for _ in range(600):
        learner.update(replay, replay.sample_indices(generator, 32))
    taken = learner.q_values(observations)[np.arange(len(replay)), replay.actions.astype(int)]
    assert np.abs(taken - wanted).mean() < 3.0


def test_an_agent_is_played_by_the_compiled_learner_all_the_same() -> None:
    config = TrainingConfig(mixed_precision=True)
    learner, _ = make_learner(config.replace(compute="torch-cpu"), 4, 2, np.random.default_rng(0))
    assert policy_with(config, learner.weights()).compute == "fused"


def test_a_gpu_without_bfloat16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_cuda(monkeypatch, bfloat16=False)
    monkeypatch.setattr(compute, "_rates_seen", {})
    config = TrainingConfig(mixed_precision=True)
    with pytest.raises(UnavailableComputeError, match="turn mixed_precision off"):
        make_learner(config.replace(compute="torch-cuda"), 4, 2, np.random.default_rng(0))
    assert make_learner(config, 4, 2, np.random.default_rng(0))[1].compute == "torch-cpu"
