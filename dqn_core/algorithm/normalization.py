"""Observations brought to mean 0 and standard deviation 1 before a network sees them.

Mean and variance of each number run along with the training (Welford 1962): every observation of the training counts,
and none of an evaluation. They belong to the network: whoever takes its weights takes them too. The replay memory holds
observations as they came, so that those of the beginning and of the end are seen alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.learner import ALL_STEPS, BatchTerms, Learner, UpdateStatistics
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig
from dqn_core.errors import RunFolderError, mark

__all__ = ["INPUT", "MOST_DEVIATIONS", "NormalizedLearner", "RunningMoments", "network_only"]

INPUT = "input."
"""Beginning of the names of the arrays that stand beside a network's weights: ``input.mean`` and ``input.scale`` [D],
by which an observation becomes ``(x - mean) * scale``, and ``input.count`` [1], of the observations behind them."""
MOST_DEVIATIONS = 10.0
"""What is further from the mean than so many standard deviations is clipped."""

_STATE = "input_moments"
"""In a learner's state: count, mean [D] and sum of squares [D] in one float64 array."""
_SMALLEST_VARIANCE = 1e-8

Arrays = Mapping[str, NDArray[np.float32]]


def network_only(weights: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The trainable arrays among ``weights``."""
    return {name: array for name, array in weights.items() if not name.startswith(INPUT)}


class RunningMoments:
    """Mean and variance of each of D numbers over all that were added (Welford 1962)."""

    def __init__(self, size: int) -> None:
        self.count = 0.0
        self.mean = np.zeros(size)
        self._squares = np.zeros(size)
        """Sum of the squared distances from the mean."""

    def add(self, numbers: NDArray[np.float32]) -> None:
        """Count ``numbers`` [D] in."""
        self.count += 1.0
        before = numbers - self.mean
        self.mean += before / self.count
        self._squares += before * (numbers - self.mean)

    @property
    def scale(self) -> NDArray[np.float32]:
        """[D]: 1 / standard deviation; 1 as long as there is none."""
        if self.count < 2.0:  # noqa: PLR2004  of one, nothing deviates
            return np.ones(len(self.mean), np.float32)
        scale = 1.0 / np.sqrt(self._squares / self.count + _SMALLEST_VARIANCE)
        return np.asarray(scale, np.float32)

    def state(self) -> NDArray[np.float64]:
        """All of it, [1 + 2 D]."""
        return np.concatenate([[self.count], self.mean, self._squares])

    def restore(self, state: NDArray[np.float64]) -> None:
        """Go on from :meth:`state`."""
        self.count = float(state[0])
        self.mean, self._squares = (part.copy() for part in np.split(state[1:], 2))

    def begin(self, count: float, mean: NDArray[np.float32], scale: NDArray[np.float32]) -> None:
        """Go on from what another network's moments were."""
        self.count, self.mean = count, mean.astype(np.float64)
        variance = 1.0 / np.square(scale, dtype=np.float64) - _SMALLEST_VARIANCE
        self._squares = np.maximum(variance, 0.0) * count


class NormalizedLearner:
    """A :class:`~dqn_core.algorithm.learner.Learner` that hands normalized observations to another one."""

    def __init__(self, learner: Learner, observation_size: int) -> None:
        self.learner = learner
        """The one that learns."""
        self.compute = learner.compute
        self._moments = RunningMoments(observation_size)
        self._size = observation_size
        self._batch = ReplayBuffer(0, observation_size)
        self._take_over()

    def observe(self, observation: NDArray[np.float32]) -> None:
        """Count an observation [D] of the training in."""
        self._moments.add(observation)
        self._take_over()

    def _take_over(self) -> None:
        self._mean, self._scale = self._moments.mean.astype(np.float32), self._moments.scale

    def normalized(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """``observations`` [..., D] as the network sees them; a new array."""
        return self._deviations(observations).clip(-MOST_DEVIATIONS, MOST_DEVIATIONS)

    def slopes(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """By how much :meth:`normalized` grows with each number of ``observations`` [..., D]; 0 beyond its bounds."""
        is_within = np.abs(self._deviations(observations)) < MOST_DEVIATIONS
        return np.where(is_within, self._scale, np.float32(0.0)).astype(np.float32)

    def _deviations(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):  # the distance of the largest numbers from their mean is infinite, and clipped
            deviations: NDArray[np.float32] = (observations - self._mean) * self._scale
        return deviations

    # ------------------------------------------------------------------------------------------------ acting

    def act(self, observation: NDArray[np.float32]) -> int:
        """Greedy action for ``observation`` [D]."""
        return self.learner.act(self.normalized(observation))

    def explore(self, observation: NDArray[np.float32]) -> int:
        """Action for ``observation`` [D] in training."""
        return self.learner.explore(self.normalized(observation))

    def explore_each(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Actions [N] for ``observations`` [N, D] in training."""
        return self.learner.explore_each(self.normalized(observations))

    def q_values(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Q-values [B, A] of ``observations`` [B, D]."""
        return self.learner.q_values(self.normalized(np.asarray(observations, np.float32)))

    # ---------------------------------------------------------------------------------------------- learning

    def update(
        self,
        replay: ReplayBuffer,
        indices: NDArray[np.int64],
        weights: NDArray[np.float32] | None = None,
        most_steps: int = ALL_STEPS,
    ) -> None:
        """An update on the rows ``indices`` [B], normalized."""
        batch, own = self._normalized_rows(replay, indices)
        self.learner.update(batch, own, weights, most_steps)

    def terms(self, replay: ReplayBuffer, indices: NDArray[np.int64]) -> BatchTerms:
        """What an update of the rows ``indices`` [B] would compute before its gradient."""
        return self.learner.terms(*self._normalized_rows(replay, indices))

    def _normalized_rows(
        self, replay: ReplayBuffer, indices: NDArray[np.int64]
    ) -> tuple[ReplayBuffer, NDArray[np.int64]]:
        """The rows ``indices`` [B] as a memory of their own, and their numbers in it."""
        count, size = len(indices), self._size
        if self._batch.capacity != count:
            self._batch = ReplayBuffer(count, size)
        rows = replay.rows[indices]
        for part in (slice(0, size), slice(size, 2 * size)):
            rows[:, part] = self.normalized(rows[:, part])
        self._batch.replace(rows)
        return self._batch, np.arange(count)

    def td_errors(self) -> NDArray[np.float32]:
        """``target - Q(s, a)`` [B] of the rows of the last update."""
        return self.learner.td_errors()

    def gradients(self) -> dict[str, NDArray[np.float32]]:
        """Copy of the last update's gradient."""
        return self.learner.gradients()

    def take_statistics(self) -> UpdateStatistics:
        """Statistics since last taken."""
        return self.learner.take_statistics()

    def sync_target(self) -> None:
        """Copy the online network to the target network; what is normalized, is for both."""
        self.learner.sync_target()

    def configure(self, config: TrainingConfig) -> None:
        """Take over what may change while a run trains."""
        self.learner.configure(config)

    # ------------------------------------------------------------------------------------------------- state

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Copy of the online network's weights, and of what its observations are normalized by."""
        return self.learner.weights() | self._input()

    def _input(self) -> dict[str, NDArray[np.float32]]:
        count = np.array([self._moments.count], np.float32)
        values = {"mean": self._mean.copy(), "scale": self._scale.copy(), "count": count}
        return {f"{INPUT}{name}": array for name, array in values.items()}

    def load_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Set both networks and what is normalized by; raises RunFolderError naming the array that does not fit."""
        for name, array in self._input().items():
            if name not in weights:
                raise RunFolderError(
                    mark("The weights lack {name}: use weights of a run with the same network."), name=name
                )
            if weights[name].shape != array.shape:
                template = mark(
                    "{name} has shape {shape}, but this network needs {wanted}: use weights of the same network."
                )
                raise RunFolderError(template, name=name, shape=weights[name].shape, wanted=array.shape)
        self.learner.load_weights(network_only(weights))
        mean, scale, count = (weights[f"{INPUT}{name}"] for name in ("mean", "scale", "count"))
        self._moments.begin(float(count[0]), mean, scale)
        self._mean, self._scale = np.array(mean, np.float32), np.array(scale, np.float32)

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Copy of all that an update depends on."""
        beside: dict[str, NDArray[np.generic]] = {f"online.{name}": array for name, array in self._input().items()}
        return self.learner.state_dict() | beside | {_STATE: self._moments.state()}

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on bit for bit from :meth:`state_dict`; raises RunFolderError for one that does not fit."""
        moments = np.asarray(state.get(_STATE, ()), np.float64)
        if moments.shape != (1 + 2 * self._size,):
            raise RunFolderError(mark("The learner's state lacks {name}."), name=_STATE)
        beside = {_STATE, *(f"online.{name}" for name in self._input())}
        self.learner.load_state_dict({name: array for name, array in state.items() if name not in beside})
        self._moments.restore(moments)
        self._take_over()
