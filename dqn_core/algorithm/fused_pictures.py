"""The fast learner for MinAtar's network on a CPU: everything of one update in one compiled call.

Agrees with :class:`~dqn_core.algorithm.torch_learner.TorchLearner` to float tolerance, as
:class:`~dqn_core.algorithm.fused_learner.FusedLearner` does for dense networks, and covers the same options.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from dqn_core.algorithm import fused_kernels, picture_kernels
from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.fused_learner import FusedLearner, aligned_zeros
from dqn_core.algorithm.learner import ALL_STEPS, BatchTerms
from dqn_core.algorithm.networks import Convolution, Network, PictureShape, initial_weights, network_of
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.config import TrainingConfig

__all__ = ["FusedPictureLearner", "warm_up_picture_kernels"]


class FusedPictureLearner(FusedLearner):
    """A :class:`~dqn_core.algorithm.learner.Learner` on one CPU core, compiled by numba, for pictures."""

    def __init__(self, config: TrainingConfig, weights: Mapping[str, NDArray[np.float32]], network: Network) -> None:
        assert network.picture is not None  # noqa: S101  MinAtar's network sees one
        self._begin(network, config)
        picture, (convolution,) = network.picture, network.convolutions
        self._features, self._hidden, self._outputs = network.sizes
        shape = np.zeros(picture_kernels.N_SHAPE, np.int64)
        shape[picture_kernels.HEIGHT], shape[picture_kernels.WIDTH] = convolution.height, convolution.width
        shape[picture_kernels.CHANNELS], shape[picture_kernels.STACK] = picture.channels, picture.frames
        shape[picture_kernels.HIDDEN], shape[picture_kernels.OUTPUTS] = self._hidden, self._outputs
        shape[picture_kernels.N_VALUES] = self._n_values
        self._shape, self._reach = shape, _reach(picture, convolution)
        self._scale, self._byte_scale = np.float32(1.0 / picture.high), np.float32(picture.unit / picture.high)
        rows = picture_kernels.row_length(self._features) + picture_kernels.row_length(self._hidden)
        self._scratch = aligned_zeros(rows + self._outputs)
        self._observation = np.zeros(picture.size, np.float32)
        self._one_point, self._one_level = _lists(1, picture.size)
        size = picture_kernels.block_size(picture.channels, *network.sizes)
        self._make_blocks(size, size)
        self.configure(config)
        self.load_weights(weights)

    def _named(self, block: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Views on one block [P] by weight name: the kernels' numbers and the features' in torch's order."""
        (convolution,) = self.network.convolutions
        kernels, side, places = convolution.outputs, convolution.kernel, convolution.height * convolution.width
        rest, views = block, {}
        lengths = (convolution.inputs * side * side * kernels, kernels)
        weight, bias, rest = np.split(rest, np.cumsum(lengths))
        views["layers.0.weight"] = weight.reshape(convolution.inputs, side, side, kernels).transpose(3, 0, 1, 2)
        views["layers.0.bias"] = bias
        for i, (n_in, n_out) in enumerate(((self._features, self._hidden), (self._hidden, self._outputs)), start=1):
            row = picture_kernels.row_length(n_in)
            weight, bias, rest = np.split(rest, np.cumsum((n_out * row, n_out)))
            rows = weight.reshape(n_out, row)[:, :n_in]
            views[f"layers.{i}.weight"] = rows.reshape(n_out, places, kernels).transpose(0, 2, 1) if i == 1 else rows
            views[f"layers.{i}.bias"] = bias
        return views

    # ------------------------------------------------------------------------------------------------ acting

    def act(self, observation: NDArray[np.float32]) -> int:
        """Greedy action for ``observation`` [D]; the lowest of equals."""
        self._observation[:] = observation
        return picture_kernels.picture_action(
            self._observation,
            self._scale,
            self._parameters,
            self._shape,
            self._reach,
            self._one_point,
            self._one_level,
            self._scratch,
        )

    explore = act

    def q_values(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Q-values [B, A] of ``observations`` [B, D]."""
        rows = np.array(observations, np.float32, order="C")
        q = np.empty((len(rows), self._outputs - self._n_values), np.float32)
        picture_kernels.picture_q(
            rows,
            self._scale,
            self._parameters,
            self._shape,
            self._reach,
            self._one_point,
            self._one_level,
            self._scratch,
            q,
        )
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
        assert isinstance(replay, FrameReplay)  # noqa: S101  pictures are replayed from one
        self._make_room(len(indices))
        self._shape[picture_kernels.STRIDE] = replay.environments
        picture_kernels.update_pictures(
            replay.rows,
            replay.frames,
            replay.numbers,
            indices,
            self._all_one if weights is None else weights,
            self._byte_scale,
            self._parameters,
            self._shape,
            self._reach,
            self._points,
            self._levels,
            self._counts,
            self._picks,
            self._shares,
            self._listed,
            self._workspace,
            self._numbers,
            most_steps,
        )

    def _make_room(self, batch_size: int) -> None:
        if batch_size != self._batch_size:
            self._batch_size = batch_size
            size = picture_kernels.workspace_size(self._features, self._hidden, self._outputs, batch_size)
            self._workspace = aligned_zeros(size)
            self._all_one = np.ones(batch_size, np.float32)
            self._points, self._levels = _lists(batch_size, self.network.observation_size)
            self._counts = np.zeros(batch_size, np.int64)
            count = 2 * batch_size * self._hidden
            self._picks, self._shares = np.zeros(count, np.int32), np.zeros(count, np.float32)
            self._listed = np.zeros(batch_size + self._hidden, np.int64)

    def td_errors(self) -> NDArray[np.float32]:
        """``target - Q(s, a)`` [B] of the rows of the last update, each before its own gradient step."""
        at = picture_kernels.td_errors_at(self._features, self._hidden, self._outputs, self._batch_size)
        return -self._workspace[at : at + self._batch_size]

    def terms(self, replay: ReplayBuffer, indices: NDArray[np.int64]) -> BatchTerms:
        """What an update of the rows ``indices`` [B] starts from."""
        assert isinstance(replay, FrameReplay)  # noqa: S101
        n_actions = self._outputs - self._n_values
        self._make_room(len(indices))
        self._shape[picture_kernels.STRIDE] = replay.environments
        terms = np.empty((len(indices), fused_kernels.term_columns(n_actions)), np.float32)
        picture_kernels.picture_terms(
            replay.rows,
            replay.frames,
            replay.numbers,
            indices,
            self._byte_scale,
            self._parameters,
            self._shape,
            self._reach,
            self._points,
            self._levels,
            self._counts,
            self._workspace,
            self._numbers,
            terms,
        )
        return self._as_terms(terms)


def _reach(picture: PictureShape, convolution: Convolution) -> NDArray[np.int32]:
    """Where each number of an observation goes, as :mod:`dqn_core.algorithm.picture_kernels` describes it."""
    side, kernels = convolution.kernel, convolution.outputs
    sides = (picture.channels, picture.height, picture.width)
    order = sides if picture.channels_first else (picture.height, picture.width, picture.channels)
    reach = np.zeros((picture.size, picture_kernels.N_REACH), np.int32)
    for number, index in enumerate(np.ndindex(order)):
        channel, y, x = index if picture.channels_first else (index[2], index[0], index[1])
        offsets = [
            (dy, dx)
            for dy, dx in np.ndindex(side, side)
            if 0 <= y - dy < convolution.height and 0 <= x - dx < convolution.width
        ]
        places = [((y - dy) * convolution.width + x - dx) * kernels for dy, dx in offsets]
        weights = [((channel * side + dy) * side + dx) * kernels for dy, dx in offsets]
        reach[number, : 1 + len(offsets)] = [len(offsets), *places]
        reach[number, 1 + side * side : 1 + side * side + len(offsets)] = weights
    return reach


def _lists(count: int, size: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Room for the pixels of ``count`` observations [count, size], and for their levels."""
    return np.zeros((count, size), np.int32), np.zeros((count, size), np.float32)


def warm_up_picture_kernels(log: Callable[[str], None]) -> float:
    """Compile the kernels, or load them from the cache; seconds that it took. Says so through ``log``."""
    started = time.perf_counter()
    log("Preparing the compiled learner for pictures (about 15 seconds the first time, then kept on disk) ...")
    config, picture = TrainingConfig(network="minatar"), PictureShape(3, 3, 1, high=1.0)
    network = network_of(config, picture.size, 1, picture)
    learner = FusedPictureLearner(config, initial_weights(np.random.default_rng(0), network), network)
    replay, observation = FrameReplay(1, picture), np.ones(picture.size, np.float32)
    replay.add(observation, 0, 0.0, observation, terminated=True)
    learner.update(replay, np.zeros(1, np.int64))
    learner.act(observation)
    learner.q_values(observation[None])
    seconds = time.perf_counter() - started
    log(f"The compiled learner for pictures is ready ({seconds:.1f} s).")
    return seconds
