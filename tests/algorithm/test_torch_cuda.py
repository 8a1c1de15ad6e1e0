"""What the GPU learner does around the device, on a CPU; and the device itself where there is one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.algorithm.torch_cuda import CudaLearner, DeviceReplay, Graph
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from strategies import filled_replay, weights_of

SIZES = (3, 8, 2)
CONFIG = TrainingConfig()


class CountedGraph:
    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1
        self.work()


class Recorder:
    """Counts what would be captured."""

    def __init__(self) -> None:
        self.graphs: list[CountedGraph] = []

    def __call__(self, work: Callable[[], None], changed: Iterable[Tensor]) -> Graph:
        self.graphs.append(CountedGraph(work))
        return self.graphs[-1]


@given(capacity=st.integers(1, 12), rounds=st.lists(st.integers(0, 30), max_size=6), resize_to=st.integers(1, 20))
def test_the_mirror_follows_the_memory(capacity: int, rounds: list[int], resize_to: int) -> None:
    replay = ReplayBuffer(capacity, 1)
    mirror = DeviceReplay(torch.device("cpu"))
    number = 0
    for turn, count in enumerate(rounds):
        if turn == 3:
            replay.resize(resize_to)
        for _ in range(count):
            number += 1
            replay.add(np.float32([number]), 0, 0.0, np.float32([-number]), terminated=False)
        mirror.follow(replay)
        assert mirror.rows.numpy().tolist() == replay.rows.tolist()


def test_one_graph_serves_until_its_kernels_change() -> None:
    recorder = Recorder()
    learner = CudaLearner(CONFIG, weights_of(0, SIZES), "cpu", recorder)
    replay = filled_replay(0, SIZES, 50)

    def captures_after(config: TrainingConfig, batch_size: int) -> int:
        learner.configure(config)
        for _ in range(3):
            learner.update(replay, np.arange(batch_size))
        return len(recorder.graphs)

    assert captures_after(CONFIG, 16) == 1
    assert captures_after(CONFIG.replace(gamma=0.5, learning_rate=1e-2, target_tau=0.5), 16) == 1
    assert captures_after(CONFIG.replace(loss="huber"), 16) == 2
    assert captures_after(CONFIG.replace(loss="huber"), 17) == 3
    replay.resize(80)
    assert captures_after(CONFIG.replace(loss="huber"), 17) == 4
    assert [graph.replays for graph in recorder.graphs] == [6, 3, 3, 3]


def test_goes_on_eagerly_where_capture_fails(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(work: Callable[[], None], changed: Iterable[Tensor]) -> Graph:
        message = "operation not permitted when stream is capturing\nmore"
        raise RuntimeError(message)

    learner = CudaLearner(CONFIG, weights_of(0, SIZES), "cpu", refuse)
    plain = TorchLearner(CONFIG, weights_of(0, SIZES))
    replay = filled_replay(0, SIZES, 50)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            for each in (learner, plain):
                each.update(replay, np.arange(20))
            assert learner.act(replay.observations[0]) == plain.act(replay.observations[0])
    assert learner.capture_failure == "operation not permitted when stream is capturing"
    assert len(caplog.records) == 1
    weights = plain.weights()
    assert all(np.array_equal(array, weights[name]) for name, array in learner.weights().items())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_captured_update_is_the_eager_one() -> None:
    captured = CudaLearner(CONFIG, weights_of(0, SIZES))
    eager = CudaLearner(CONFIG, weights_of(0, SIZES), capture=None)
    replay = filled_replay(0, SIZES, 50)
    for number in range(50):
        config = CONFIG.replace(gamma=0.9, learning_rate=1e-3) if number > 25 else CONFIG
        for learner in (captured, eager):
            learner.configure(config)
            learner.update(replay, np.arange(20))
    assert captured.capture_failure == ""
    weights = eager.weights()
    for name, array in captured.weights().items():
        np.testing.assert_allclose(array, weights[name], rtol=1e-5, atol=1e-6)
