"""The torch learner on a GPU: the replay memory is mirrored there, and each update is one replay of a captured graph.

Eager torch launches some 60 small kernels an update, and a GPU waits for most of them. A CUDA graph launches them all
at once. It reads and writes the same addresses each time, so that whatever changes (indices, learning rate, gamma, tau)
stands in tensors; where a change alters the kernels themselves (batch and minibatch size, loss, clip, Adam's epsilon,
target rule, Double DQN, importance weights, a resized memory) the graph is captured anew. Where capture fails, updates
go on eagerly, and a message says so.

Pictures lie on the device as the memory on the host keeps them: each frame once, as bytes. Which frames make up a batch
is worked out on the host and sent with the indices; the stacks are gathered by the graph.

What goes to the device is copied without waiting for it: CUDA takes a copy of ordinary memory before the call returns.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.learner import ALL_STEPS
from dqn_core.algorithm.networks import Network
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.algorithm.torch_learner import Batch, TorchLearner
from dqn_core.config import TrainingConfig
from dqn_core.errors import UnavailableComputeError, mark

__all__ = ["CudaLearner", "DeviceCopy", "DeviceReplay", "Graph", "capture"]

_LOG = logging.getLogger(__name__)
_WARM_UPS = 3  # torch wants a few runs on the capturing stream before it records
_NONE = np.zeros(0, np.int64)
_capturing = threading.Lock()
"""Torch allows one capture at a time in a process; several runs may want one."""


class Graph(Protocol):
    """Recorded work."""

    def replay(self) -> None:
        """Do it once."""
        ...


Capture = Callable[[Callable[[], None], Iterable[Tensor]], Graph]


def capture(work: Callable[[], None], changed: Iterable[Tensor]) -> Graph:
    """Record ``work`` as a CUDA graph; the tensors ``changed`` by it keep their values while it is recorded.

    Raises
    ------
    RuntimeError
        The device or the driver refuses.
    """
    kept = [(tensor, tensor.detach().clone()) for tensor in changed]
    try:
        with _capturing:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UPS):
                    work()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other runs' threads may go on meanwhile
                work()
    finally:
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)
    return graph


class DeviceCopy:
    """An array of the host on a device, kept equal to it by copying only what was written since."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._source: NDArray[np.generic] | None = None
        self.values = torch.zeros(0, device=device)
        """Shaped as the array; another tensor where that is another array."""

    def follow(self, array: NDArray[np.generic], written: NDArray[np.int64]) -> None:
        """Copy the rows ``written`` [K] since the last call, none twice; all of them where ``array`` is another one."""
        if array is not self._source:
            self._source = array
            self.values = torch.zeros(0, device=self._device)  # the old one goes first: there may be no room for both
            self.values = self._copied(array)
            return
        if len(written) == 0:
            return
        first, last = int(written.min()), int(written.max())
        if last - first + 1 == len(written):
            self.values[first : last + 1].copy_(torch.from_numpy(array[first : last + 1]), non_blocking=True)
        else:
            rows, values = (
                torch.from_numpy(each).to(self._device, non_blocking=True) for each in (written, array[written])
            )
            self.values.index_copy_(0, rows, values)

    def _copied(self, array: NDArray[np.generic]) -> Tensor:
        try:
            return torch.from_numpy(array).to(self._device, copy=True)
        except torch.OutOfMemoryError as error:
            template = mark(
                "The GPU has no room for a copy of the replay memory ({size:,} MB): lower buffer_size, or set compute "
                "to torch-cpu."
            )
            raise UnavailableComputeError(template, size=array.nbytes // 1_000_000) from error


class DeviceReplay:
    """A replay memory on a device."""

    def __init__(self, device: torch.device, observation_size: int) -> None:
        self._device, self._size = device, observation_size
        self._rows, self._frames = DeviceCopy(device), DeviceCopy(device)
        self._added = 0
        """How far the copy of the rows has followed."""
        self._next_frames: tuple[int, ...] = ()
        """The same of the frames."""
        self._drawn = torch.zeros((0, 1), dtype=torch.int64, device=device)
        """[B, 1 + places]: numbers of the rows that were drawn, and of pictures the places of their frames."""

    @property
    def key(self) -> tuple[object, ...]:
        """Where everything lies; another one where a graph that reads it is of no use any more."""
        tensors = (self._rows.values, self._frames.values, self._drawn)
        return tuple((tensor.data_ptr(), tensor.shape) for tensor in tensors)

    def draw(self, replay: ReplayBuffer, indices: NDArray[np.int64]) -> None:
        """Take over what came to ``replay``, and have :meth:`batch` be of its rows ``indices`` [B]."""
        added = [np.arange(start, end) for start, end in replay.written_since(self._added)]
        self._rows.follow(replay.rows, np.concatenate(added) if added else _NONE)
        self._added = replay.added
        drawn = indices[:, None]
        if isinstance(replay, FrameReplay):
            written = replay.frames_since(self._next_frames) if self._next_frames else _NONE
            self._frames.follow(replay.frames, written)
            self._next_frames = replay.next_frames
            drawn = np.concatenate([drawn, replay.places(indices)], axis=1)
        if drawn.shape != self._drawn.shape:
            self._drawn = torch.zeros(drawn.shape, dtype=torch.int64, device=self._device)
        self._drawn.copy_(torch.from_numpy(drawn), non_blocking=True)

    def batch(self) -> Batch:
        """The transitions drawn, gathered on the device; of pictures, as bytes."""
        rows = self._rows.values[self._drawn[:, 0]]
        if self._drawn.shape[1] == 1:
            return Batch.of(rows, self._size)
        both = self._frames.values[self._drawn[:, 1:]].flatten(1)  # [B, 2 D]
        return Batch.beside(both[:, : self._size], both[:, self._size :], rows)


class _Choice(NamedTuple):
    """How actions are chosen for observations of one shape."""

    observations: Tensor
    """[..., D]: to be written before."""
    actions: Tensor
    """[...]: to be read after."""
    choose: Callable[[], None]


class CudaLearner(TorchLearner):
    """A :class:`~dqn_core.algorithm.learner.Learner` on a GPU; on another device it works eagerly, to be tested."""

    def __init__(  # noqa: PLR0913  a learner's own five, and what tests put in place of CUDA
        self,
        config: TrainingConfig,
        weights: Mapping[str, NDArray[np.float32]],
        device: str = "cuda",
        capture: Capture | None = capture,
        *,
        noise: np.random.Generator | None = None,
        network: Network | None = None,
    ) -> None:
        self._capture = capture
        self.capture_failure = ""
        """Why updates go on eagerly; empty where they need not."""
        self._update_graph: Graph | None = None
        self._choices: dict[tuple[object, ...], _Choice] = {}
        """By the shape of what is observed, and whether with noise."""
        self._captured_for: tuple[object, ...] = ()
        super().__init__(config, weights, device, noise=noise, network=network)
        if self.device.type == "cuda":  # for the whole process: sums in one order, and of float32, as on a CPU
            torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32 = True, False
        self._replay = DeviceReplay(self.device, self.network.observation_size)
        self._weights = torch.ones(config.batch_size, device=self.device)
        self._is_weighted, self._most_steps = False, ALL_STEPS

    def update(
        self,
        replay: ReplayBuffer,
        indices: NDArray[np.int64],
        weights: NDArray[np.float32] | None = None,
        most_steps: int = ALL_STEPS,
    ) -> None:
        """A gradient step on each minibatch of the rows ``indices`` [B], then the soft target update.

        ``weights`` [B] multiply the rows' losses; None: all count 1. No more than ``most_steps`` steps are taken.

        Raises
        ------
        UnavailableComputeError
            The device has no room for the replay memory.
        """
        self._replay.draw(replay, indices)
        self._draw_noise()
        self._is_weighted, self._most_steps = weights is not None, most_steps
        if weights is not None:
            if len(weights) != len(self._weights):
                self._weights = torch.ones(len(weights), device=self.device)
            self._weights.copy_(torch.from_numpy(weights), non_blocking=True)
        key = (*self._kernel_settings, self._is_weighted, self._weights.data_ptr(), most_steps, *self._replay.key)
        if key != self._captured_for:
            self._captured_for = key
            # Keras' epsilon is another number at each step, and would be recorded as what it was.
            self._update_graph = None if self._is_hat else self._try_capture(self._work, self._changed_by_update())
        if self._update_graph is None:
            self._work()
        else:
            self._update_graph.replay()
        self._updates += 1

    def _work(self) -> None:
        self.learn(self._replay.batch(), self._weights if self._is_weighted else None, self._most_steps)

    def _changed_by_update(self) -> list[Tensor]:
        tensors = [tensor for group in self._groups().values() for tensor in group.values()]
        steps = [moments["step"] for moments in self.optimizer.state.values()]
        return [*tensors, *steps, self._loss_sum, self._q_sum]

    def act(self, observation: NDArray[np.float32]) -> int:
        """Greedy action for ``observation`` [D]; the lowest of equals."""
        return int(self._chosen(observation, with_noise=False))

    def explore(self, observation: NDArray[np.float32]) -> int:
        """Action for ``observation`` [D] in training: that of a noisy network with fresh noise, else the greedy one."""
        if self._is_noisy:
            self._noise.draw()
        return int(self._chosen(observation, with_noise=self._is_noisy))

    def explore_each(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Actions [N] for ``observations`` [N, D] in training; of a noisy network, with one draw of noise."""
        if self._is_noisy:
            self._noise.draw()
        return np.asarray(self._chosen(observations, with_noise=self._is_noisy).cpu().numpy())

    def _chosen(self, observations: NDArray[np.float32], *, with_noise: bool) -> Tensor:
        """Actions [...] of the highest Q-values for ``observations`` [..., D]."""
        key = (*observations.shape, with_noise)
        if key not in self._choices:
            self._choices[key] = self._make_choice(observations.shape, with_noise=with_noise)
        choice = self._choices[key]
        seen = np.array(observations, np.float32, order="C")  # torch warns of arrays that it must not write to
        choice.observations.copy_(torch.from_numpy(seen), non_blocking=True)
        choice.choose()
        return choice.actions

    def _make_choice(self, shape: tuple[int, ...], *, with_noise: bool) -> _Choice:
        observations = torch.zeros(shape, device=self.device)
        actions = torch.zeros(shape[:-1], dtype=torch.int64, device=self.device)

        @torch.no_grad()
        def choose() -> None:
            actions.copy_(self.online(observations, self._noise.values if with_noise else None).argmax(-1))

        graph = self._try_capture(choose, [actions])
        return _Choice(observations, actions, choose if graph is None else graph.replay)

    def configure(self, config: TrainingConfig) -> None:
        """Take over gamma, the optimiser's settings, minibatches, loss, clip value, target rule and Double DQN."""
        super().configure(config)
        self._kernel_settings = (
            config.adam_epsilon,
            self._is_hat,
            self._clip_value,
            self._is_huber,
            self._is_soft,
            self._is_double,
            self._minibatch_size,
            self._has_all_outputs,
        )

    def _try_capture(self, work: Callable[[], None], changed: Iterable[Tensor]) -> Graph | None:
        if self._capture is None or self.capture_failure:
            return None
        try:
            return self._capture(work, changed)
        except RuntimeError as error:
            self.capture_failure = str(error).partition("\n")[0]
            _LOG.warning("Updates run eagerly, several times slower: no CUDA graph could be captured (%s).", error)
            return None
