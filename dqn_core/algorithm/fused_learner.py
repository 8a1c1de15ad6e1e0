"""The fast learner for a CPU: everything of one update in one compiled call.

Agrees with :class:`~dqn_core.algorithm.torch_learner.TorchLearner` to float tolerance, and covers all its options but
those of :attr:`~dqn_core.config.TrainingConfig.beyond_fused`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm import fused_kernels as kernels
from dqn_core.algorithm import fused_network as network
from dqn_core.algorithm.learner import ALL_STEPS, STATE_GROUPS, BatchTerms, UpdateStatistics, split_state
from dqn_core.algorithm.networks import Network, as_network, check_weights, parameter_count, sizes_of, weight_shapes
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig

__all__ = ["FusedLearner", "aligned_zeros", "warm_up_kernels"]


class FusedLearner:
    """A :class:`~dqn_core.algorithm.learner.Learner` on one CPU core, compiled by numba."""

    compute = "fused"

    def __init__(self, config: TrainingConfig, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._begin(as_network(sizes_of(weights)), config)
        self._sizes = np.array(self.sizes, np.int64)
        self._scratch = np.zeros(2 * max(self.sizes), np.float32)
        self._observation = self._scratch[: self.sizes[0]]
        n_parameters = parameter_count(self.network)
        self._make_blocks(kernels.whole_lines(n_parameters), n_parameters)
        self.configure(config)
        self.load_weights(weights)

    def _begin(self, of: Network, config: TrainingConfig) -> None:
        self.network, self.sizes = of, of.sizes
        self._shapes = weight_shapes(of)
        self._n_values = int(config.dueling)
        self._numbers = np.zeros(kernels.N_NUMBERS)
        self._batch_size = 0
        self._workspace = aligned_zeros(0)
        self._all_one = np.ones(0, np.float32)

    @property
    def is_dueling(self) -> bool:
        """Whether the first of the outputs is the state's value, and the others are advantages."""
        return self._n_values > 0

    def _make_blocks(self, block_size: int, n_used: int) -> None:
        """Five blocks of parameters of ``block_size`` floats each, of which ``n_used`` are used."""
        self._parameters = aligned_zeros(network.N_BLOCKS * block_size)
        blocks = self._parameters.reshape(network.N_BLOCKS, block_size)[:, :n_used]
        self._online, self._target = blocks[network.ONLINE], blocks[network.TARGET]
        places = (network.ONLINE, network.TARGET, network.FIRST, network.SECOND)
        self._gradients = self._named(blocks[network.GRADIENT])
        self._groups = {group: self._named(blocks[place]) for group, place in zip(STATE_GROUPS, places, strict=True)}

    def _named(self, block: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Views on one block [P] by weight name; each holds the weight's numbers in its order, as they are read."""
        shapes = self._shapes
        ends = itertools.accumulate(int(np.prod(shape)) for shape in shapes.values())
        views = np.split(block, list(ends)[:-1])
        return {name: view.reshape(shape) for (name, shape), view in zip(shapes.items(), views, strict=True)}

    def _read(self, name: str, view: NDArray[np.float32]) -> NDArray[np.float32]:
        return view.copy().reshape(self._shapes[name])

    # ------------------------------------------------------------------------------------------------ acting

    def act(self, observation: NDArray[np.float32]) -> int:
        """Greedy action for ``observation`` [D]; the lowest of equals."""
        # The copy (0.1 us) keeps the kernel's argument types the same for whatever array an environment hands out.
        self._observation[:] = observation
        return network.greedy_action(self._parameters, self._sizes, self._n_values, self._scratch)

    explore = act

    def explore_each(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Actions [N] for ``observations`` [N, D]."""
        actions: NDArray[np.int64] = self.q_values(observations).argmax(1)
        return actions

    def q_values(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Q-values [B, A] of ``observations`` [B, D]."""
        rows = np.array(observations, np.float32, order="C")
        q = np.empty((len(rows), self.sizes[-1] - self._n_values), np.float32)
        network.q_rows(rows, self._parameters, self._sizes, self._n_values, self._scratch, q)
        return q

    # ---------------------------------------------------------------------------------------------- learning

    def update(
        self,
        replay: ReplayBuffer,
        indices: NDArray[np.int64],
        weights: NDArray[np.float32] | None = None,
        most_steps: int = ALL_STEPS,
    ) -> None:
        """A gradient step on each minibatch of the rows ``indices`` [B], then the soft target update.

        ``weights`` [B] multiply the rows' losses; None: all count 1. No more than ``most_steps`` steps are taken.
        """
        self._make_room(len(indices))
        kernels.update(
            replay.rows,
            indices,
            self._all_one if weights is None else weights,
            self._parameters,
            self._sizes,
            self._n_values,
            self._workspace,
            self._numbers,
            most_steps,
        )

    def _make_room(self, batch_size: int) -> None:
        if batch_size != self._batch_size:
            self._batch_size = batch_size
            self._workspace = aligned_zeros(kernels.workspace_size(self.sizes, batch_size))
            self._all_one = np.ones(batch_size, np.float32)

    def td_errors(self) -> NDArray[np.float32]:
        """``target - Q(s, a)`` [B] of the rows of the last update, each before its own gradient step."""
        at = kernels.td_errors_at(self.sizes, self._batch_size)
        return -self._workspace[at : at + self._batch_size]

    def terms(self, replay: ReplayBuffer, indices: NDArray[np.int64]) -> BatchTerms:
        """What an update of the rows ``indices`` [B] starts from."""
        n_actions = self.sizes[-1] - self._n_values
        self._make_room(len(indices))
        terms = np.empty((len(indices), kernels.term_columns(n_actions)), np.float32)
        kernels.batch_terms(
            replay.rows,
            indices,
            self._parameters,
            self._sizes,
            self._n_values,
            self._workspace,
            self._numbers,
            terms,
        )
        return self._as_terms(terms)

    def _as_terms(self, terms: NDArray[np.float32]) -> BatchTerms:
        n_actions = self.sizes[-1] - self._n_values
        q_values, next_q_values, others = np.split(terms, [n_actions, 2 * n_actions], axis=1)
        next_values, targets, errors, losses = others.T
        return BatchTerms(
            q_values=q_values,
            next_q_values=next_q_values,
            next_values=next_values,
            targets=targets,
            td_errors=-errors,
            losses=losses,
        )

    def gradients(self) -> dict[str, NDArray[np.float32]]:
        """Copy of the last update's gradient, clipped where configured."""
        return {name: self._read(name, view) for name, view in self._gradients.items()}

    def take_statistics(self) -> UpdateStatistics:
        """Statistics since last taken."""
        updates, loss_sum, q_sum = self._numbers[kernels.UPDATES : kernels.Q_SUM + 1].tolist()
        self._numbers[kernels.UPDATES : kernels.Q_SUM + 1] = 0.0
        return UpdateStatistics.from_sums(int(updates), loss_sum, q_sum)

    def sync_target(self) -> None:
        """Copy the online network to the target network."""
        self._target[:] = self._online

    def configure(self, config: TrainingConfig) -> None:
        """Take over gamma, the optimiser's settings, minibatches, loss, clip value, target rule and Double DQN."""
        numbers = self._numbers
        numbers[kernels.GAMMA] = config.gamma
        numbers[kernels.LEARNING_RATE] = config.learning_rate
        numbers[kernels.ADAM_EPSILON] = config.adam_epsilon
        numbers[kernels.CLIP_VALUE] = config.gradient_clip_value
        numbers[kernels.TAU] = config.soft_share
        numbers[kernels.IS_HUBER] = config.loss == "huber"
        numbers[kernels.IS_DOUBLE] = config.double_dqn
        numbers[kernels.MINIBATCH] = config.minibatch_size
        numbers[kernels.HAS_ALL_OUTPUTS] = config.loss_over_all_outputs
        numbers[kernels.IS_HAT] = config.adam_epsilon_hat

    # ------------------------------------------------------------------------------------------------- state

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Copy of the online network's weights."""
        return {name: self._read(name, view) for name, view in self._groups["online"].items()}

    def load_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Set online and target network; raises RunFolderError naming the array that does not fit."""
        check_weights(weights, self.network)
        for name, array in weights.items():
            _write(self._groups["online"][name], array)
        self.sync_target()

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Copy of all that an update depends on: weights of both networks, Adam's moments and step count."""
        state: dict[str, NDArray[np.generic]] = {
            f"{group}.{name}": self._read(name, view)
            for group, views in self._groups.items()
            for name, view in views.items()
        }
        statistics = self._numbers[kernels.UPDATES : kernels.Q_SUM + 1].copy()
        return {**state, "adam.step": np.array(self._numbers[kernels.ADAM_STEP], np.int64), "statistics": statistics}

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on bit for bit from :meth:`state_dict`; raises RunFolderError for one that does not fit."""
        groups, step, statistics = split_state(state, self.network)
        for group, arrays in groups.items():
            for name, array in arrays.items():
                _write(self._groups[group][name], array)
        self._numbers[kernels.ADAM_STEP] = step
        self._numbers[kernels.UPDATES : kernels.Q_SUM + 1] = statistics


def _write(view: NDArray[np.float32], array: NDArray[np.float32]) -> None:
    view[...] = array.reshape(view.shape)


def aligned_zeros(size: int) -> NDArray[np.float32]:
    """Zeros [size] that start at a cache line: vectors across two lines cost half of the update's speed."""
    line = kernels.LINE * 4
    raw = np.zeros(size + kernels.LINE, np.float32)
    start = (-raw.ctypes.data % line) // 4
    return raw[start : start + size]


def warm_up_kernels(log: Callable[[str], None]) -> float:
    """Compile the kernels, or load them from the cache; seconds that it took. Says so through ``log``."""
    started = time.perf_counter()
    log("Preparing the compiled learner (about 10 seconds the first time, then kept on disk) ...")
    replay = ReplayBuffer(1, 1)
    observation = np.zeros(1, np.float32)
    replay.add(observation, 0, 0.0, observation, terminated=True)
    weights = {"layers.0.weight": np.zeros((1, 1), np.float32), "layers.0.bias": np.zeros(1, np.float32)}
    learner = FusedLearner(TrainingConfig(hidden_sizes=()), weights)
    learner.update(replay, np.zeros(1, np.int64))
    learner.act(observation)
    learner.q_values(observation[None])
    seconds = time.perf_counter() - started
    log(f"The compiled learner is ready ({seconds:.1f} s).")
    return seconds
