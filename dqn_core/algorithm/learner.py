"""What a learner is: the online and target network, their optimiser, and one update.

Roles: the trainer owns the replay memory and draws the indices, so that every learner sees the same rows; a learner
owns all weights and gathers those rows wherever it computes. Two implementations agree to float tolerance:

    TorchLearner   autograd, reads like the paper; the reference; CPU, and CUDA with a captured graph
    FusedLearner   one compiled call per update; the fastest for small networks on a CPU
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm.networks import Layers, check_weights
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig
from dqn_core.errors import RunFolderError, mark

__all__ = ["ALL_STEPS", "STATE_GROUPS", "BatchTerms", "Learner", "UpdateStatistics", "split_state"]

ALL_STEPS = 65_536
"""More gradient steps than any update has."""

STATE_GROUPS = ("online", "target", "adam.first", "adam.second")
"""Prefixes of a learner's state: each holds arrays named and shaped as the weights. Beside them stand ``adam.step``,
``statistics`` [3] (updates, sum of losses, sum of mean Q since last taken), and where the network is noisy ``noise``
[6]: the state of the generator that its noise is drawn from."""
_BESIDE = ("adam.step", "statistics")


@dataclass(frozen=True)
class UpdateStatistics:
    """What happened since the statistics were last taken; the means are NaN where ``updates`` is 0."""

    updates: int
    loss_mean: float
    q_mean: float
    """Mean Q(s, a) of the sampled rows."""

    @classmethod
    def from_sums(cls, updates: int, loss_sum: float, q_sum: float) -> UpdateStatistics:
        """Means of per-update sums."""
        if updates == 0:
            return cls(0, math.nan, math.nan)
        return cls(updates, loss_sum / updates, q_sum / updates)


@dataclass(frozen=True, kw_only=True)
class BatchTerms:
    """What an update of B rows starts from, term by term, before anything has changed; float32."""

    q_values: NDArray[np.float32]
    """[B, A]: Q(s, .) of the online network."""
    next_q_values: NDArray[np.float32]
    """[B, A]: Q_target(s', .) of the target network."""
    next_values: NDArray[np.float32]
    """[B]: what s' is worth in the target: max_a' Q_target(s', a'), or as Double DQN has it."""
    targets: NDArray[np.float32]
    """[B]: what Q(s, a) is pulled towards (:func:`~dqn_core.algorithm.targets.td_targets`)."""
    td_errors: NDArray[np.float32]
    """[B]: target - Q(s, a), δ in the literature (Sutton & Barto 2018, eq. 6.5)."""
    losses: NDArray[np.float32]
    """[B]: each row's loss, a mean over the outputs where all of them count; an update minimises the rows' mean."""

    def labels(self, actions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Labels [B, A] where the loss is over all outputs: their own values, but the target for the action taken.

        ``actions`` [B] are those taken.
        """
        labels = self.q_values.copy()
        labels[np.arange(len(labels)), actions] = self.targets
        return labels


class Learner(Protocol):
    """A Q-network that learns from replayed transitions. Not for two threads at once."""

    compute: str
    """Where it computes: "fused", "torch-cpu" or "torch-cuda"."""

    def act(self, observation: NDArray[np.float32]) -> int:
        """Greedy action for ``observation`` [D]; the lowest of equals."""
        ...

    def explore(self, observation: NDArray[np.float32]) -> int:
        """Action for ``observation`` [D] in training: that of a noisy network with fresh noise, else the greedy one."""
        ...

    def explore_each(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Actions [N] for ``observations`` [N, D] in training, as :meth:`explore` has them; of one draw of noise."""
        ...

    def q_values(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Q-values [B, A] of ``observations`` [B, D]."""
        ...

    def update(
        self,
        replay: ReplayBuffer,
        indices: NDArray[np.int64],
        weights: NDArray[np.float32] | None = None,
        most_steps: int = ALL_STEPS,
    ) -> None:
        """A gradient step on each minibatch of the rows ``indices`` [B], then the soft target update where configured.

        The targets are fixed before the first step; without minibatches there is one step, on all rows. ``weights``
        [B] multiply the rows' losses; None: all count 1. No more than ``most_steps`` steps are taken, to look at one.
        """
        ...

    def td_errors(self) -> NDArray[np.float32]:
        """``target - Q(s, a)`` [B] of the rows of the last update, each before its gradient step. Waits for a GPU."""
        ...

    def terms(self, replay: ReplayBuffer, indices: NDArray[np.int64]) -> BatchTerms:
        """What :meth:`update` would compute of the rows ``indices`` [B] before its gradient; changes nothing.

        Of a noisy network, without noise; where quantiles are learned, values and targets are the quantiles' means.
        """
        ...

    def gradients(self) -> dict[str, NDArray[np.float32]]:
        """Copy of the last update's gradient, as the optimiser took it (clipped where configured); zeros before it."""
        ...

    def take_statistics(self) -> UpdateStatistics:
        """Statistics since last taken. The only call that waits for a GPU; NaN in them tells of divergence."""
        ...

    def sync_target(self) -> None:
        """Copy the online network to the target network."""
        ...

    def configure(self, config: TrainingConfig) -> None:
        """Take over gamma, the optimiser's settings, minibatches, loss, clip value, target rule and Double DQN."""
        ...

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Copy of the online network's weights."""
        ...

    def load_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Set online and target network; raises :class:`RunFolderError` naming the array that does not fit."""
        ...

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Copy of all that an update depends on: weights of both networks, Adam's moments and step count."""
        ...

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on bit for bit from :meth:`state_dict`; raises :class:`RunFolderError` for one that does not fit."""
        ...


def split_state(
    state: Mapping[str, NDArray[np.generic]], layers: Layers, *, noisy: bool = False
) -> tuple[dict[str, dict[str, NDArray[np.float32]]], int, list[float]]:
    """The state's arrays by group of :data:`STATE_GROUPS`, Adam's step count, and the statistics.

    Raises
    ------
    RunFolderError
        An array is missing, unknown, or has another shape; the message names it.
    """
    groups: dict[str, dict[str, NDArray[np.float32]]] = {group: {} for group in STATE_GROUPS}
    beside = (*_BESIDE, "noise") if noisy else _BESIDE
    for name, array in state.items():
        group, _, own_name = name.partition(".layers.")
        if group in groups:
            groups[group][f"layers.{own_name}"] = np.asarray(array, np.float32)
        elif name not in beside:
            raise RunFolderError(mark("The learner's state has an unknown entry: {name}."), name=name)
    for name in beside:
        if name not in state:
            raise RunFolderError(mark("The learner's state lacks {name}."), name=name)
    for arrays in groups.values():
        check_weights(arrays, layers, noisy=noisy)
    return groups, int(state["adam.step"]), [float(each) for each in np.asarray(state["statistics"], np.float64)]
