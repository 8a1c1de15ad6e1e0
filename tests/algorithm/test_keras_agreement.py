"""The lab's update beside the real Keras that the lab used: same weights, same rows, same minibatches."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from dqn_core.algorithm.fused_learner import FusedLearner
from dqn_core.algorithm.memory import Memory
from dqn_core.algorithm.networks import network_sizes
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from dqn_core.presets import preset_config
from strategies import weights_of

os.environ["KERAS_BACKEND"] = "torch"
keras = pytest.importorskip("keras", reason="Keras is a development dependency")

SHAPES = {"CartPole-v1": (4, 2), "LunarLander-v3": (8, 4)}
"""Observation size and number of actions."""
EPISODE = 25
"""Updates between two copies to the target network."""
Weights = dict[str, NDArray[np.float32]]


class KerasLab:
    """The lab's update with Keras: ``fit`` in its default minibatches of 32, towards labels for all outputs."""

    def __init__(self, config: TrainingConfig, weights: Weights) -> None:
        self._config = config
        self.policy, self.target = self._network(weights), self._network(weights)
        self.policy.compile(
            loss="mse",
            optimizer=keras.optimizers.Adam(
                learning_rate=config.learning_rate, epsilon=1e-7, clipvalue=config.gradient_clip_value
            ),
        )

    def _network(self, weights: Weights) -> keras.Model:
        count = len(weights) // 2
        layers = [
            keras.layers.Dense(
                len(weights[f"layers.{i}.bias"]), activation="relu" if i < count - 1 else "linear", dtype="float32"
            )
            for i in range(count)
        ]
        network = keras.Sequential([keras.layers.Input((weights["layers.0.weight"].shape[1],)), *layers])
        network.set_weights([array.T if array.ndim == 2 else array for array in weights.values()])
        return network

    def update(self, rows: NDArray[np.float32]) -> None:
        """One draw of ``rows`` [B, 2 D + 4] as the lab's notebook learns from it, in the order given."""
        size = (rows.shape[1] - 4) // 2
        states, next_states = rows[:, :size], rows[:, size : 2 * size]
        actions, rewards, not_done = rows[:, -3].astype(int), rows[:, -2], 1 - rows[:, -1]
        labels = self.policy.predict_on_batch(states)
        best = self.target.predict_on_batch(next_states).max(1)
        labels[np.arange(len(rows)), actions] = rewards + np.float32(self._config.gamma) * best * not_done
        self.policy.fit(states, labels, epochs=1, shuffle=False, verbose=0)

    def sync_target(self) -> None:
        self.target.set_weights(self.policy.get_weights())

    def weights(self) -> list[NDArray[np.float32]]:
        return [array.T if array.ndim == 2 else array for array in self.policy.get_weights()]


def worst_difference(learner: TorchLearner | FusedLearner, lab: KerasLab) -> tuple[float, float]:
    """Largest difference of any weight, and the length of all differences relative to that of all weights."""
    pairs = list(zip(learner.weights().values(), lab.weights(), strict=True))
    assert all(own.shape == theirs.shape for own, theirs in pairs)
    difference = np.concatenate([(own - theirs).ravel() for own, theirs in pairs])
    whole = np.concatenate([theirs.ravel() for _, theirs in pairs])
    return float(np.abs(difference).max()), float(np.linalg.norm(difference) / np.linalg.norm(whole))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")  # Keras' own, with NumPy 2
@pytest.mark.parametrize("make", [TorchLearner, FusedLearner])
@pytest.mark.parametrize("env_id", SHAPES)
def test_lab8_learns_what_keras_learns(
    env_id: str, make: Callable[[TrainingConfig, Weights], TorchLearner | FusedLearner]
) -> None:
    observation_size, n_actions = SHAPES[env_id]
    config = preset_config(env_id, "lab8")
    generator = np.random.default_rng(5)
    memory = Memory(config, observation_size, generator)
    for _ in range(1_000):
        observation, next_observation = generator.standard_normal((2, observation_size), np.float32)
        is_over, was_cut = generator.random(2) < 0.05
        memory.add(
            observation,
            int(generator.integers(n_actions)),
            float(generator.normal()),
            next_observation,
            is_over,
            was_cut,
        )
    weights = weights_of(1, network_sizes(config, observation_size, n_actions))
    learner, lab = make(config, weights), KerasLab(config, weights)
    for number in range(200):
        indices, row_weights = memory.draw(config.batch_size, number)
        assert row_weights is None
        learner.update(memory.replay, indices)
        lab.update(memory.replay.rows[indices])
        if number == 0:
            assert worst_difference(learner, lab)[0] <= 1e-6
        if number % EPISODE == EPISODE - 1:
            learner.sync_target()
            lab.sync_target()
    assert learner.state_dict()["adam.step"] == 4 * 200
    assert worst_difference(learner, lab)[1] <= 1e-3
