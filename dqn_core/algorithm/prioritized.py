"""Prioritized replay (Schaul et al. 2016, proportional variant): surprising transitions are drawn more often.

    priority        p_i = |TD error of i when it was last learned from| + 1e-6      (section 3.3)
    probability     P(i) = p_i^alpha / sum_k p_k^alpha                              (eq. 1)
    weight          w_i = (N P(i))^-beta, over the largest in the batch             (section 3.4)

A new transition has the largest priority there ever was, so that each is learned from at least once soon. The weights
multiply the losses and make up for the skewed draw: wholly at beta = 1, which is reached as training goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.errors import UnavailableComputeError, mark

if TYPE_CHECKING:
    from dqn_core.algorithm.sum_tree import SumTree

__all__ = ["Priorities", "beta_at", "importance_weights"]

_LEAST = 1e-6
"""Added to each |TD error|, so that none is never drawn again."""


def beta_at(training_step: int, start: float, steps: int) -> float:
    """On a line from ``start`` at env step 0 to 1 at ``steps``, then 1."""
    return start + (1.0 - start) * min(1.0, training_step / steps)


def importance_weights(probabilities: NDArray[np.float64], count: int, beta: float) -> NDArray[np.float32]:
    """``(count P(i))^-beta`` over the largest of them, for rows drawn with ``probabilities`` [B] out of ``count``."""
    weights = _raised(count * probabilities, -beta)
    return np.asarray(weights / weights.max(), np.float32)


def _raised(numbers: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """``numbers ** exponent``, the same on every CPU, as numpy's own power is not."""
    from dqn_core.algorithm.powers import powers

    raised = np.empty_like(numbers)
    powers(numbers, exponent, raised)
    return raised


def _sum_tree(size: int) -> SumTree:
    try:
        from dqn_core.algorithm.sum_tree import SumTree
    except ImportError as error:
        template = mark("prioritized_replay needs numba, which cannot be loaded here ({cause}): turn it off.")
        raise UnavailableComputeError(template, cause=error) from error
    return SumTree(size)


class Priorities:
    """The priorities of the transitions in ``replay``, and draws by them."""

    def __init__(self, replay: ReplayBuffer, alpha: float) -> None:
        self._replay = replay
        self._alpha = alpha
        self._largest = 1.0
        self._make_room()

    def _make_room(self) -> None:
        self._priorities = np.zeros(self._replay.capacity)
        self._tree = _sum_tree(self._replay.capacity)
        self._followed = 0

    def draw(
        self, generator: np.random.Generator, batch_size: int, beta: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Row numbers [B] and their importance weights [B]; one row from each of B equal shares of the sum."""
        self.follow()
        shares = (np.arange(batch_size) + generator.random(batch_size)) / batch_size
        indices = self._tree.find(shares * self._tree.total)
        probabilities = self._tree.numbers[indices] / self._tree.total
        return indices, importance_weights(probabilities, len(self._replay), beta)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """P(i) [N] of the filled rows."""
        self.follow()
        probabilities: NDArray[np.float64] = self._tree.numbers[: len(self._replay)] / self._tree.total
        return probabilities

    def revise(self, indices: NDArray[np.int64], td_errors: NDArray[np.float32]) -> None:
        """Give the rows ``indices`` [B] the priorities of their ``td_errors`` [B]."""
        priorities = np.abs(td_errors.astype(np.float64)) + _LEAST
        self._largest = max(self._largest, float(priorities.max()))
        self._set(indices, priorities)

    def change_alpha(self, alpha: float) -> None:
        """Draw by ``alpha`` from now on."""
        if alpha != self._alpha:
            self.follow()
            self._alpha = alpha
            self._set(np.arange(len(self._replay)), self._priorities[: len(self._replay)])

    def resized(self, kept: NDArray[np.int64]) -> None:
        """Follow the memory, which has kept the rows that had the numbers ``kept`` and is otherwise empty."""
        priorities = self._priorities[kept]
        self._make_room()
        self._followed = self._replay.added
        self._set(np.arange(len(kept)), priorities)

    def follow(self) -> None:
        """Give the transitions that came since the last draw the largest priority."""
        for start, end in self._replay.written_since(self._followed):
            self._set(np.arange(start, end), np.full(end - start, self._largest))
        self._followed = self._replay.added

    def _set(self, indices: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        self._priorities[indices] = priorities
        self._tree.set(indices, priorities, self._alpha)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Priorities [N] of the filled rows, and the largest ever [1]."""
        self.follow()
        return {"each": self._priorities[: len(self._replay)].copy(), "largest": np.array([self._largest])}

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Go on from :meth:`state`, with a memory restored to the same rows; from nothing, all are new."""
        self._make_room()
        if not state:
            return
        (self._largest,) = state["largest"].tolist()
        self._followed = self._replay.added
        self._set(np.arange(len(state["each"])), np.asarray(state["each"], np.float64))
