"""The compiled learner for pictures computes what torch does, and the gradient that finite differences find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.fused_pictures import FusedPictureLearner
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.networks import Network, PictureShape, network_of
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from strategies import learner_configs, weights_of_network

BREAKOUT = PictureShape(10, 10, 4, high=1.0)
STACK = PictureShape(6, 7, 3, channels_first=True, frames=3)
GREY = PictureShape(5, 9, 2, high=1.0, unit=1 / 255)
N_ACTIONS = 3


def network(config: TrainingConfig, picture: PictureShape) -> Network:
    return network_of(config.replace(network="minatar"), picture.size, N_ACTIONS, picture)


def filled(picture: PictureShape, count: int, seed: int = 0, most_steps: int = 1) -> FrameReplay:
    """Random transitions; a tenth of the pixels are not 0."""
    generator = np.random.default_rng(seed)
    replay = FrameReplay(count, picture)

    def observation() -> NDArray[np.float32]:
        pixels = generator.random(picture.size) * (generator.random(picture.size) < 0.1)
        whole = np.ceil(pixels) if picture.high == 1.0 and picture.unit == 1.0 else np.round(pixels * 255)
        return np.asarray(whole * picture.unit, np.float32)

    for number in range(count):
        replay.add(
            observation(),
            int(generator.integers(N_ACTIONS)),
            float(generator.normal()),
            observation(),
            terminated=bool(generator.random() < 0.2),
            steps=1 + number % most_steps,
        )
    return replay


def both(config: TrainingConfig, picture: PictureShape, seed: int = 0) -> tuple[TorchLearner, FusedPictureLearner]:
    shape = network(config, picture)
    weights = weights_of_network(seed, shape)
    return TorchLearner(config, weights, network=shape), FusedPictureLearner(config, weights, shape)


def assert_close(first: Any, second: Any, tolerance: float) -> None:
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=tolerance, atol=tolerance, err_msg=name)


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "double, dueling": {"double_dqn": True, "dueling": True},
    "huber, clipped": {"loss": "huber", "gradient_clip_value": 0.01},
    "soft": {"target_update": "soft", "target_tau": 0.05},
    "minibatches": {"minibatch_size": 12, "loss_over_all_outputs": True},
    "all": {"minibatch_size": 5, "loss_over_all_outputs": True, "double_dqn": True, "dueling": True, "loss": "huber"},
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("picture", [BREAKOUT, STACK, GREY], ids=["states", "stacks", "floats"])
def test_both_learners_agree_after_200_updates(picture: PictureShape, variant: dict[str, Any]) -> None:
    steps = 32 / variant.get("minibatch_size", 32)  # each of which Adam makes about as large as the learning rate
    config = TrainingConfig(learning_rate=1e-4 / steps, **variant)
    replay, learners = filled(picture, 300, most_steps=3), both(config, picture)
    for learner in learners:
        generator = np.random.default_rng(1)
        for update in range(200):
            learner.update(replay, replay.sample_indices(generator, 32))
            if update % 50 == 49:
                learner.sync_target()
    first, second = learners
    assert_close(first.weights(), second.weights(), 1e-4)
    np.testing.assert_allclose(first.td_errors(), second.td_errors(), atol=1e-3)
    taken = [each.take_statistics() for each in learners]
    assert taken[0].updates == taken[1].updates == 200
    np.testing.assert_allclose([taken[0].loss_mean, taken[0].q_mean], [taken[1].loss_mean, taken[1].q_mean], rtol=1e-3)


@settings(max_examples=25)
@given(
    config=learner_configs(),
    shape=st.tuples(st.integers(3, 8), st.integers(3, 8), st.integers(1, 3)),
    batch_size=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_one_update_agrees_for_any_picture_and_batch(
    config: TrainingConfig, shape: tuple[int, int, int], batch_size: int, seed: int
) -> None:
    picture = PictureShape(*shape, high=1.0)
    replay, learners = filled(picture, 40, seed), both(config, picture, seed)
    indices = replay.sample_indices(np.random.default_rng(seed), batch_size)
    weights = np.random.default_rng(seed).random(batch_size, np.float32)
    terms = [vars(each.terms(replay, indices)) for each in learners]
    assert_close(terms[0], terms[1], 2e-4)
    for learner in learners:
        learner.update(replay, indices, weights)
    assert_close(learners[0].gradients(), learners[1].gradients(), 2e-4)


def loss_of(learner: Learner, replay: FrameReplay, indices: NDArray[np.int64]) -> float:
    return float(learner.terms(replay, indices).losses.astype(np.float64).mean())


@pytest.mark.parametrize("variant", [{}, {"dueling": True, "double_dqn": True}, {"loss": "huber"}], ids=str)
def test_the_gradient_is_that_of_finite_differences(variant: dict[str, Any]) -> None:
    config = TrainingConfig(learning_rate=1e-6, **variant)
    picture = PictureShape(5, 6, 2, high=1.0)
    replay, (_, learner) = filled(picture, 40), both(config, picture)
    indices = np.arange(24)
    before = learner.state_dict()
    learner.update(replay, indices)
    gradients = learner.gradients()
    generator = np.random.default_rng(0)
    for name, gradient in gradients.items():
        direction = generator.standard_normal(gradient.shape).astype(np.float32)
        direction *= np.float32(2e-3 / np.linalg.norm(direction))
        ends = []
        for sign in (1, -1):
            moved = {**before, f"online.{name}": before[f"online.{name}"] + sign * direction}
            learner.load_state_dict(moved)
            ends.append(loss_of(learner, replay, indices))
        slope = float((gradient.astype(np.float64) * direction).sum())
        assert (ends[0] - ends[1]) / 2 == pytest.approx(slope, rel=0.03, abs=3e-6), name


def test_what_it_acts_on_is_what_it_learns_from_bit_for_bit() -> None:
    for picture in (BREAKOUT, STACK):
        config = TrainingConfig(dueling=True)
        replay, (torch_learner, learner) = filled(picture, 50), both(config, picture)
        observations = replay.observations[:]
        q_values = learner.q_values(observations)
        np.testing.assert_array_equal(q_values, learner.terms(replay, np.arange(50)).q_values)
        np.testing.assert_allclose(q_values, torch_learner.q_values(observations), rtol=1e-4, atol=1e-5)
        assert [learner.act(each) for each in observations] == q_values.argmax(1).tolist()


def test_a_state_goes_from_one_learner_to_the_other_and_back() -> None:
    config = TrainingConfig(target_update="soft")
    replay, (first, second) = filled(BREAKOUT, 100), both(config, BREAKOUT)
    indices = replay.sample_indices(np.random.default_rng(0), 32)
    second.update(replay, indices)
    first.load_state_dict(second.state_dict())
    again = both(config, BREAKOUT, seed=5)[1]
    again.load_state_dict(first.state_dict())
    for learner in (second, again):
        learner.update(replay, indices)
    one, other = second.state_dict(), again.state_dict()
    assert all(np.array_equal(one[name], other[name]) for name in one)
