"""The torch learner on a GPU: the replay memory is mirrored there, and each update is one replay of a captured graph.

Eager torch launches some 60 small kernels an update, and a GPU waits for most of them. A CUDA graph launches them all
at once. It reads and writes the same addresses each time, so that whatever changes (indices, learning rate, gamma, tau)
stands in tensors; where a change alters the kernels themselves (batch and minibatch size, loss, clip, Adam's epsilon,
target rule, Double DQN, importance weights, a resized memory) the graph is captured anew. Where capture fails, updates
go on eagerly, and a message says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dqn_core.algorithm.learner import ALL_STEPS
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.algorithm.torch_learner import Batch, TorchLearner
from dqn_core.config import TrainingConfig

__all__ = ["CudaLearner", "DeviceReplay", "Graph", "capture"]

_LOG = logging.getLogger(__name__)
_WARM_UPS = 3  # torch wants a few runs on the capturing stream before it records


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
    kept = [(tensor, tensor.clone()) for tensor in changed]
    try:
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


class DeviceReplay:
    """A replay memory's rows on a device, kept equal to it by copying only what was added since."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._source: NDArray[np.float32] | None = None
        self._followed = 0
        self.rows = torch.zeros(0, device=device)
        """[capacity, 2 D + 4]; another tensor after a resize."""

    def follow(self, replay: ReplayBuffer) -> None:
        """Copy the rows added to ``replay`` since the last call; all of them after a resize."""
        if replay.rows is not self._source:
            self._source = replay.rows
            self.rows = torch.from_numpy(replay.rows).to(self._device, copy=True)
        else:
            for start, end in replay.written_since(self._followed):
                self.rows[start:end].copy_(torch.from_numpy(replay.rows[start:end]))
        self._followed = replay.added


class CudaLearner(TorchLearner):
    """A :class:`~dqn_core.algorithm.learner.Learner` on a GPU; on another device it works eagerly, to be tested."""

    def __init__(
        self,
        config: TrainingConfig,
        weights: Mapping[str, NDArray[np.float32]],
        device: str = "cuda",
        capture: Capture | None = capture,
        noise: np.random.Generator | None = None,
    ) -> None:
        self._capture = capture
        self.capture_failure = ""
        """Why updates go on eagerly; empty where they need not."""
        self._update_graph: Graph | None = None
        self._act_graph: Graph | None = None
        self._captured_for: tuple[object, ...] = ()
        super().__init__(config, weights, device, noise=noise)
        self._replay = DeviceReplay(self.device)
        self._indices = torch.zeros(config.batch_size, dtype=torch.int64, device=self.device)
        self._weights = torch.ones(config.batch_size, device=self.device)
        self._is_weighted, self._most_steps = False, ALL_STEPS
        self._observation = torch.zeros(self.sizes[0], device=self.device)
        self._action = torch.zeros((), dtype=torch.int64, device=self.device)

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
        self._replay.follow(replay)
        self._draw_noise()
        if len(indices) != len(self._indices):
            self._indices = torch.zeros(len(indices), dtype=torch.int64, device=self.device)
            self._weights = torch.ones(len(indices), device=self.device)
        self._indices.copy_(torch.from_numpy(indices))
        self._is_weighted = weights is not None
        if weights is not None:
            self._weights.copy_(torch.from_numpy(weights))
        self._most_steps = most_steps
        shape = (
            *self._kernel_settings,
            self._is_weighted,
            most_steps,
            len(indices),
            self._replay.rows.data_ptr(),
            self._replay.rows.shape,
        )
        if shape != self._captured_for:
            self._captured_for = shape
            # Keras' epsilon is another number at each step, and would be recorded as what it was.
            self._update_graph = None if self._is_hat else self._try_capture(self._work, self._changed_by_update())
        if self._update_graph is None:
            self._work()
        else:
            self._update_graph.replay()
        self._updates += 1

    def _work(self) -> None:
        weights = self._weights if self._is_weighted else None
        batch = Batch.of(self._replay.rows[self._indices], self.network.observation_size)
        self.learn(batch, weights, self._most_steps)

    def _changed_by_update(self) -> list[Tensor]:
        tensors = [tensor for group in self._groups().values() for tensor in group.values()]
        steps = [moments["step"] for moments in self.optimizer.state.values()]
        return [*tensors, *steps, self._loss_sum, self._q_sum]

    def act(self, observation: NDArray[np.float32]) -> int:
        """Greedy action for ``observation`` [D]; the lowest of equals."""
        self._seen[:] = observation
        self._observation.copy_(torch.from_numpy(self._seen))
        if self._act_graph is None:
            self._act_graph = self._try_capture(self._choose, [self._action])
        if self._act_graph is None:
            self._choose()
        else:
            self._act_graph.replay()
        return int(self._action)

    @torch.no_grad()
    def _choose(self) -> None:
        self._action.copy_(self.online(self._observation).argmax())

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
