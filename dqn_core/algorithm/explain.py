"""One update taken apart: the terms that it starts from, its gradient, and what it changed.

Nothing is computed here that a learner does not compute itself: the terms are those of :meth:`Learner.terms`, the
gradient that of :meth:`Learner.gradients`, and what comes after is read from a learner that has made the update.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.learner import BatchTerms, Learner
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig

__all__ = ["GradientStep", "UpdateExplained", "explain_update", "norm"]

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class GradientStep:
    """One gradient step of an update, on M of its rows."""

    first: int
    """Place of the minibatch's first row in the batch."""
    size: int
    """M: rows of the minibatch."""
    loss: float
    """Mean loss of the minibatch just before the step, its rows weighted."""
    norm: float
    """Length of the gradient that the optimiser took."""
    q_after: NDArray[np.float32]
    """[B, A]: Q(s, .) of the online network after the step, for the whole batch."""


@dataclass(frozen=True, kw_only=True)
class UpdateExplained:
    """What one update of B rows started from and what it did."""

    terms: BatchTerms
    loss: float
    """Mean loss of the batch, its rows weighted, as the learner's own statistics say it."""
    gradients: Arrays
    """Of the first gradient step's mean loss by each weight, before clipping."""
    clipped_gradients: Arrays
    """As the optimiser took them."""
    steps: tuple[GradientStep, ...]
    """One, or one a minibatch."""
    change: Arrays
    """What the update added to each weight."""

    @property
    def q_after(self) -> NDArray[np.float32]:
        """[B, A]: Q(s, .) of the online network after the update."""
        return self.steps[-1].q_after

    @property
    def gradient_norm(self) -> float:
        """Length of the first step's gradient, before clipping."""
        return norm(self.gradients)

    @property
    def clipped_norm(self) -> float:
        """Length of the gradient that the optimiser took in the first step."""
        return norm(self.clipped_gradients)

    @property
    def clipped_share(self) -> float:
        """Share of the gradient's elements that clipping changed, 0 to 1."""
        pairs = [(self.gradients[name], self.clipped_gradients[name]) for name in self.gradients]
        changed = sum(int(np.count_nonzero(before != after)) for before, after in pairs)
        return changed / sum(before.size for before, _ in pairs)


def explain_update(
    make: Callable[[TrainingConfig], Learner],
    config: TrainingConfig,
    replay: ReplayBuffer,
    indices: NDArray[np.int64],
    weights: NDArray[np.float32] | None = None,
) -> UpdateExplained:
    """Make one update on the rows ``indices`` [B], weighted by ``weights`` [B], and tell everything about it.

    Parameters
    ----------
    make
        Gives a new learner, each time in the same state; the learner explained is one of them.
    config
        With the gamma, learning rate, loss and clipping to use.
    """
    learner = make(config)
    before, terms = learner.weights(), learner.terms(replay, indices)
    size = config.minibatch_size or len(indices)
    steps: list[GradientStep] = []
    loss_sum, clipped = 0.0, learner.gradients()
    for number, first in enumerate(range(0, len(indices), size), start=1):
        learner = make(config)  # from the beginning, up to this step: what it starts from is not to be had from outside
        learner.take_statistics()
        learner.update(replay, indices, weights, number)
        gradients = learner.gradients()
        clipped = clipped if steps else gradients
        loss_so_far, rows = learner.take_statistics().loss_mean, min(size, len(indices) - first)
        steps.append(
            GradientStep(
                first=first,
                size=rows,
                loss=(loss_so_far - loss_sum) * len(indices) / rows,
                norm=norm(gradients),
                q_after=learner.q_values(replay.observations[indices]),
            )
        )
        loss_sum = loss_so_far
    after, gradients = learner.weights(), clipped
    if config.gradient_clip_value > 0:  # before clipping, it is that of the same step without
        unclipped = make(config.replace(gradient_clip_value=0.0))
        unclipped.update(replay, indices, weights, 1)
        gradients = unclipped.gradients()
    return UpdateExplained(
        terms=terms,
        loss=loss_sum,
        gradients=gradients,
        clipped_gradients=clipped,
        steps=tuple(steps),
        change={name: after[name] - before[name] for name in gradients},
    )


def norm(arrays: Arrays) -> float:
    """Euclidean length of all ``arrays`` together."""
    return math.sqrt(sum(float(np.sum(np.square(array, dtype=np.float64))) for array in arrays.values()))
