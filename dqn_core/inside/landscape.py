"""Q-values over a plane of states: two numbers of an observation vary, the others are fixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.learner import Learner

__all__ = ["Landscape", "Plane", "landscape", "visited_range"]

_MARGIN = 0.05
"""Of the visited range, added on both sides."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """States [Y, X] that differ in two numbers of the observation."""

    x: int
    """Number of the observation that varies along x."""
    y: int
    x_values: NDArray[np.float32]
    """[X]"""
    y_values: NDArray[np.float32]
    """[Y]"""
    base: NDArray[np.float32]
    """[D]: the values of the fixed ones."""

    def states(self) -> NDArray[np.float32]:
        """[Y * X, D], row after row."""
        states = np.tile(self.base, (len(self.y_values) * len(self.x_values), 1))
        states[:, self.x] = np.tile(self.x_values, len(self.y_values))
        states[:, self.y] = np.repeat(self.y_values, len(self.x_values))
        return states


@dataclass(frozen=True, eq=False)
class Landscape:
    """Q-values [Y, X, A] of a plane's states."""

    q_values: NDArray[np.float32]

    @property
    def max_q(self) -> NDArray[np.float32]:
        """[Y, X]: max_a Q(s, a)."""
        highest: NDArray[np.float32] = self.q_values.max(axis=2)
        return highest

    @property
    def greedy(self) -> NDArray[np.int64]:
        """[Y, X]: the greedy action, the lowest of equals."""
        best: NDArray[np.int64] = self.q_values.argmax(axis=2)
        return best


def landscape(learner: Learner, plane: Plane) -> Landscape:
    """What ``learner`` says of every state of ``plane``."""
    q_values = learner.q_values(plane.states())
    return Landscape(q_values.reshape(len(plane.y_values), len(plane.x_values), -1))


def visited_range(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """``count`` values that cover all of ``values`` [N] and a little more; around a single value, one to each side."""
    low, high = float(values.min()), float(values.max())
    margin = _MARGIN * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, count, dtype=np.float32)
