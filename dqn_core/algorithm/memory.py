"""What the agent remembers, and which of it an update learns from.

env step -> NStepWindow -> ReplayBuffer -> draw: uniform | distinct | by priority | (a mistake) the last ones -> update
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.n_step import NStepWindow
from dqn_core.algorithm.networks import PictureShape
from dqn_core.algorithm.prioritized import Priorities, beta_at
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig

__all__ = ["Memory"]

Arrays = dict[str, NDArray[np.generic]]

_RENAMED = {f"window.{name}": f"window.0.{name}" for name in ("observations", "numbers")}
"""Arrays in checkpoints of earlier versions, which knew one environment alone."""


class Memory:
    """Replay memory, window of steps and priorities of one run; draws come from ``generator``."""

    def __init__(
        self,
        config: TrainingConfig,
        observation_size: int,
        generator: np.random.Generator,
        picture: PictureShape | None = None,
    ) -> None:
        """``picture`` says how observations lie where the network sees pictures; None: they are kept as numbers."""
        self._generator = generator
        count = config.parallel_environments
        self.replay = (
            ReplayBuffer(config.buffer_size, observation_size)
            if picture is None
            else FrameReplay(config.buffer_size, picture, count)
        )
        self.windows = tuple(NStepWindow(self.replay, config.n_step, config.gamma, each) for each in range(count))
        """One for each environment."""
        self.priorities: Priorities | None = None
        self.configure(config)

    def configure(self, config: TrainingConfig) -> None:
        """Take over buffer size, n, gamma and the rule of drawing from ``config``."""
        self._config = config
        for window in self.windows:
            window.configure(config.n_step, config.gamma)
        self._is_plain = config.n_step == 1 and not any(self.windows) and not config.mistake_cut_at_truncation
        if config.buffer_size != self.replay.capacity:
            kept = self.replay.resize(config.buffer_size)
            if self.priorities is not None:
                self.priorities.resized(kept)
        if not config.prioritized_replay:
            self.priorities = None
        elif self.priorities is None:
            self.priorities = Priorities(self.replay, config.priority_alpha)
        else:
            self.priorities.change_alpha(config.priority_alpha)

    def add(
        self,
        observation: NDArray[np.float32],
        action: int,
        reward: float,
        next_observation: NDArray[np.float32],
        terminated: bool,
        truncated: bool,
        environment: int = 0,
    ) -> None:
        """Take one step of an ``environment``, by its number, in; observations are [D]."""
        if self._is_plain:  # a call less, once an env step
            self.replay.add(observation, action, reward, next_observation, terminated, environment=environment)
            return
        is_final = terminated or (truncated and self._config.mistake_cut_at_truncation)
        self.windows[environment].add(observation, action, reward, next_observation, is_final, truncated)

    def draw(self, batch_size: int, training_step: int) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
        """Row numbers [B] to learn from, and their weights in the loss [B]; None where all count 1.

        In random order where minibatches are to be taken of them.
        """
        config = self._config
        if config.distinct_rows and not config.mistake_no_replay:
            return self.replay.sample_distinct_indices(self._generator, batch_size), None
        if self.priorities is None and not config.mistake_no_replay:
            return self.replay.sample_indices(self._generator, batch_size), None
        weights: NDArray[np.float32] | None = None
        if self.priorities is not None:
            beta = beta_at(training_step, config.priority_beta, config.priority_beta_steps)
            indices, weights = self.priorities.draw(self._generator, batch_size, beta)
        else:
            indices = self.replay.newest_indices(batch_size)
        if config.minibatch_size:  # both kinds of draws come in the memory's order
            order = self._generator.permutation(batch_size)
            indices, weights = indices[order], None if weights is None else weights[order]
        return indices, weights

    def revise(self, indices: NDArray[np.int64], learner: Learner) -> None:
        """After ``learner`` has learned from the rows ``indices`` [B]: give them their new priorities, if any."""
        if self.priorities is not None:
            self.priorities.revise(indices, learner.td_errors())

    def state(self) -> Arrays:
        """All of it but the ring's cursor, as arrays."""
        state: Arrays = {f"replay.{name}": array for name, array in self.replay.state().items()}
        for i, window in enumerate(self.windows):
            state |= {f"window.{i}.{name}": array for name, array in window.state().items()}
        if self.priorities is not None:
            state |= {f"priorities.{name}": array for name, array in self.priorities.state().items()}
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic]], cursor: int) -> None:
        """Go on from :meth:`state`; raises RunFolderError where its rows do not fit."""
        self.replay.restore(_group(state, "replay."), cursor)
        windows = {_RENAMED.get(name, name): array for name, array in state.items()}
        for i, window in enumerate(self.windows):
            window.restore(_group(windows, f"window.{i}."))
        if self.priorities is not None:
            self.priorities.restore(_group(state, "priorities."))
        self.configure(self._config)


def _group(state: Mapping[str, NDArray[np.generic]], prefix: str) -> Arrays:
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
