"""What the GPU learner does around the device, on a CPU; and the device itself where there is one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from dqn_core.algorithm import torch_cuda
from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.networks import Network, PictureShape, initial_weights, network_of
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.algorithm.torch_cuda import CudaLearner, DeviceReplay, Graph
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from dqn_core.errors import UnavailableComputeError
from strategies import filled_replay, weights_of

SIZES = (3, 8, 2)
CONFIG = TrainingConfig()
STACK = PictureShape(7, 6, 3, channels_first=True, frames=3)
STATES = PictureShape(7, 6, 2, high=1.0)
N_ACTIONS = 3


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


class Player:
    """Puts made-up episodes of pictures into a memory, stacked as an environment stacks them."""

    def __init__(self, replay: FrameReplay, seed: int = 0) -> None:
        self.replay = replay
        self.generator = np.random.default_rng(seed)

    def frame(self) -> NDArray[np.float32]:
        picture = self.replay.picture
        levels = 2 if picture.high == 1.0 else 256
        return self.generator.integers(levels, size=picture.size // picture.frames).astype(np.float32)

    def episode(self, steps: int) -> None:
        self.side_by_side([steps])

    def side_by_side(self, lengths: list[int]) -> None:
        """An episode of each length, in an environment each, in turns."""
        stacks = [[self.frame()] * self.replay.picture.frames for _ in lengths]
        seen = [np.concatenate(stack) for stack in stacks]
        for step in range(1, max(lengths) + 1):
            for i, length in enumerate(lengths):
                if step > length:
                    continue
                stacks[i] = [*stacks[i][1:], self.frame()]
                before, seen[i] = seen[i], np.concatenate(stacks[i])
                action, reward = int(self.generator.integers(N_ACTIONS)), float(self.generator.normal())
                self.replay.add(before, action, reward, seen[i], terminated=step == length, environment=i)


def assert_is_the_same(mirror: DeviceReplay, replay: ReplayBuffer) -> None:
    """All that the memory holds is read on the device as it is on the host."""
    indices = np.arange(len(replay))
    mirror.draw(replay, indices)
    batch = mirror.batch()
    if isinstance(replay, FrameReplay):
        seen = [replay.pictures(indices, column) for column in (0, 1)]
    else:
        seen = [replay.observations, replay.next_observations]
    for found, wanted in zip((batch.observations, batch.next_observations), seen, strict=True):
        np.testing.assert_array_equal(found.numpy(), wanted)
    rest = (batch.steps, batch.actions, batch.rewards, batch.terminated)
    for found, wanted in zip(rest, (replay.steps, replay.actions, replay.rewards, replay.terminated), strict=True):
        np.testing.assert_array_equal(found.numpy(), wanted)


@given(capacity=st.integers(1, 12), rounds=st.lists(st.integers(0, 30), max_size=6), resize_to=st.integers(1, 20))
def test_the_mirror_follows_the_memory(capacity: int, rounds: list[int], resize_to: int) -> None:
    replay = ReplayBuffer(capacity, 1)
    mirror = DeviceReplay(torch.device("cpu"), 1)
    number = 0
    for turn, count in enumerate(rounds):
        if turn == 3:
            replay.resize(resize_to)
        for _ in range(count):
            number += 1
            replay.add(np.float32([number]), 0, 0.0, np.float32([-number]), terminated=False)
        assert_is_the_same(mirror, replay)


@given(
    capacity=st.integers(1, 12),
    rounds=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3), max_size=8),
    resize_to=st.integers(1, 20),
    stack=st.integers(1, 3),
)
def test_the_mirror_follows_frames_through_their_ring(
    capacity: int, rounds: list[list[int]], resize_to: int, stack: int
) -> None:
    replay = FrameReplay(capacity, PictureShape(2, 1, stack, channels_first=True, frames=stack), environments=3)
    mirror, player = DeviceReplay(torch.device("cpu"), 2 * stack), Player(replay)
    for turn, lengths in enumerate(rounds):
        if turn == 3:
            replay.resize(resize_to)
        player.side_by_side(lengths)
        assert_is_the_same(mirror, replay)


def test_only_what_was_added_goes_to_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    replay = FrameReplay(50, STACK)
    mirror, player = DeviceReplay(torch.device("cpu"), STACK.size), Player(replay)
    player.episode(60)
    assert_is_the_same(mirror, replay)
    ring, sent = len(replay.frames), []
    from_numpy = torch.from_numpy
    monkeypatch.setattr(torch, "from_numpy", lambda array: sent.append(array.shape) or from_numpy(array))
    for _ in range(30):
        player.episode(30)  # 3 frames of its first stack, and 30 that follow
        mirror.draw(replay, np.arange(4))
    frames = sum(shape[0] for shape in sent if shape[1:] == replay.frames.shape[1:])
    assert len(replay.frames) == ring
    assert frames == 30 * 33
    assert sum(shape[0] for shape in sent if shape[1:] == replay.rows.shape[1:]) == 30 * 30


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


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "double, dueling": {"double_dqn": True, "dueling": True, "loss": "huber", "gradient_clip_value": 0.1},
    "noisy": {"noisy_nets": True, "target_update": "soft"},
    "quantiles": {"distribution": "quantile", "quantiles": 7},
    "minibatches": {"minibatch_size": 12, "loss_over_all_outputs": True},
    "mixed precision": {"mixed_precision": True, "double_dqn": True},
    "Keras' epsilon": {"adam_epsilon_hat": True},
}


def both_for_pictures(
    config: TrainingConfig, picture: PictureShape, recorder: Recorder | None
) -> tuple[TorchLearner, CudaLearner]:
    network: Network = network_of(config.replace(network="minatar"), picture.size, N_ACTIONS, picture)
    weights = initial_weights(np.random.default_rng(0), network, noisy=config.noisy_nets)
    noises = [np.random.default_rng(1) for _ in range(2)]
    plain = TorchLearner(config, weights, noise=noises[0], network=network)
    return plain, CudaLearner(config, weights, "cpu", recorder, noise=noises[1], network=network)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("picture", [STACK, STATES], ids=["stacks", "states"])
def test_pictures_are_learned_from_as_without_the_mirror(picture: PictureShape, variant: dict[str, Any]) -> None:
    config = TrainingConfig(learning_rate=1e-3, **variant)
    recorder = Recorder()
    learners = both_for_pictures(config, picture, recorder)
    replay = FrameReplay(60, picture)
    player, generator = Player(replay), np.random.default_rng(2)
    ring, most = len(replay.frames), 200
    for number in range(most):
        player.episode(1 if 50 <= number < 100 else 7)  # so short that the ring has to grow
        if number == 120:
            replay.resize(90)
        batch_size = 24 if number < 150 else 17
        indices = replay.sample_indices(generator, batch_size)
        weights = generator.random(batch_size, np.float32) if number % 100 > 80 else None
        for learner in learners:
            if number == 130:
                learner.configure(config.replace(gamma=0.8, learning_rate=2e-3))
            learner.update(replay, indices, weights)
            if number % 40 == 39:
                learner.sync_target()
        seen = replay.observations[0]
        assert learners[0].explore(seen) == learners[1].explore(seen)
        assert learners[0].act(seen) == learners[1].act(seen)
        rounds = [each.explore_each(np.asarray(replay.observations[:3])) for each in learners]
        assert rounds[0].tolist() == rounds[1].tolist()
        np.testing.assert_array_equal(learners[0].td_errors(), learners[1].td_errors())
    assert len(replay.frames) > ring
    states = [each.state_dict() for each in learners]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])
    assert learners[0].take_statistics() == learners[1].take_statistics()


def test_one_graph_serves_pictures_until_their_memory_moves() -> None:
    recorder = Recorder()
    _, learner = both_for_pictures(CONFIG, STACK, recorder)
    replay = FrameReplay(60, STACK)
    player = Player(replay)
    player.episode(60)

    def captures_after(episodes: int, steps: int, batch_size: int) -> int:
        for _ in range(episodes):
            player.episode(steps)
            learner.update(replay, np.arange(batch_size))
            learner.explore(replay.observations[0])
        return len(recorder.graphs)

    assert captures_after(40, 30, 16) == 2  # the update and the choice of an action
    assert captures_after(3, 30, 20) == 3
    replay.resize(100)
    assert captures_after(3, 30, 20) == 4
    ring = len(replay.frames)
    captures_after(150, 1, 20)
    grown = len(recorder.graphs)
    assert len(replay.frames) > ring
    assert captures_after(150, 1, 20) == grown  # it has room by now
    assert recorder.graphs[1].replays == 40 + 3 + 3 + 150 + 150


class Waits(TorchDispatchMode):
    """Lists what would have the host wait for a device: numbers read from it, and copies that are waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.is_on_device = False

    @contextmanager
    def on_device(self) -> Iterator[None]:
        self.is_on_device = True
        yield
        self.is_on_device = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        is_copy = name == "copy_" and not self.is_on_device and not (len(args) > 2 and args[2])
        is_copy = is_copy and not (kwargs or {}).get("non_blocking")
        if name in {"_local_scalar_dense", "nonzero"} or is_copy:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "Keras' epsilon"])  # which is eager
def test_nothing_waits_for_the_device_between_updates(variant: str) -> None:
    _, learner = both_for_pictures(CONFIG.replace(**VARIANTS[variant]), STACK, None)
    waits = Waits()

    def watched(work: Callable[[], None], changed: Iterable[Tensor]) -> Graph:
        def on_device() -> None:
            with waits.on_device():
                work()

        return CountedGraph(on_device)

    learner._capture = watched
    replay = FrameReplay(60, STACK)
    player = Player(replay)
    player.episode(60)
    weights = np.ones(32, np.float32)
    learner.update(replay, np.arange(32), weights)  # allocates, sends all that there is
    with waits:
        for _ in range(20):
            player.episode(5)
            learner.update(replay, np.arange(32), weights)
        assert waits.found == []
        learner.take_statistics()
        assert waits.found
        waits.found.clear()
        learner.act(replay.observations[0])
        assert waits.found == ["_local_scalar_dense"]


class NoStep(torch.optim.Optimizer):
    """Takes what Adam would, and looks at it: CUDA's fused Adam refuses gradients that lie otherwise than weights."""

    def __init__(self, parameters: Iterable[Tensor], lr: Tensor, *, fused: bool, capturable: bool) -> None:
        super().__init__(parameters, {"lr": lr, "eps": 0.0})

    def step(self) -> None:  # type: ignore[override]
        for parameter in self.param_groups[0]["params"]:
            assert (parameter.grad.device, parameter.grad.stride()) == (parameter.device, parameter.stride())


@pytest.mark.parametrize("variant", ["plain", "double, dueling", "noisy", "quantiles", "minibatches"])
@pytest.mark.parametrize("kind", ["dense", "minatar", "nature", "impala"])
def test_all_that_an_update_reads_lies_on_the_device(monkeypatch: pytest.MonkeyPatch, kind: str, variant: str) -> None:
    """Torch's meta device has shapes alone: it has no number to give, and mixes with no tensor of another device."""
    monkeypatch.setattr(torch.optim, "Adam", NoStep)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda _device: False)  # there is none on that device
    picture = None if kind == "dense" else PictureShape(40, 40, 3, channels_first=True, frames=3)
    config = TrainingConfig(**VARIANTS[variant]).replace(network=kind)
    network = network_of(config, 8 if picture is None else picture.size, N_ACTIONS, picture)
    weights = initial_weights(np.random.default_rng(0), network, noisy=config.noisy_nets)
    learner = CudaLearner(config, weights, "meta", None, network=network)
    replay = filled_replay(0, (8, N_ACTIONS), 60) if picture is None else FrameReplay(60, picture)
    if isinstance(replay, FrameReplay):
        Player(replay).episode(60)
    for weights_of_rows in (None, np.ones(24, np.float32)):
        learner.update(replay, np.arange(24), weights_of_rows)
    learner.sync_target()
    learner.configure(config.replace(gamma=0.5))
    with pytest.raises(RuntimeError, match="meta"):
        learner.explore(np.zeros(network.observation_size, np.float32))


def test_a_memory_that_does_not_fit_onto_the_device_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Tensor:
        message = "CUDA out of memory"
        raise torch.OutOfMemoryError(message)

    learner = CudaLearner(CONFIG, weights_of(0, SIZES), "cpu", None)
    monkeypatch.setattr(torch_cuda.torch.Tensor, "to", refuse)
    with pytest.raises(UnavailableComputeError, match=r"no room.*lower buffer_size"):
        learner.update(filled_replay(0, SIZES, 50), np.arange(20))


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
@pytest.mark.parametrize("variant", ["plain", "double, dueling", "noisy", "quantiles", "minibatches"])
def test_captured_updates_on_pictures_are_the_eager_ones(variant: str) -> None:
    network = network_of(CONFIG.replace(network="minatar"), STACK.size, N_ACTIONS, STACK)
    config = TrainingConfig(**VARIANTS[variant])
    weights = initial_weights(np.random.default_rng(0), network, noisy=config.noisy_nets)
    captured, eager = (
        CudaLearner(config, weights, capture=each, noise=np.random.default_rng(1), network=network)
        for each in (torch_cuda.capture, None)
    )
    replay = FrameReplay(60, STACK)
    player = Player(replay)
    player.episode(60)
    for number in range(60):
        player.episode(1 if 20 < number < 40 else 9)
        for learner in (captured, eager):
            learner.update(replay, np.arange(24))
            learner.explore(replay.observations[0])
    torch.cuda.set_sync_debug_mode("error")
    try:
        captured.update(replay, np.arange(24))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    eager.update(replay, np.arange(24))
    assert captured.capture_failure == ""
    for name, array in captured.weights().items():
        np.testing.assert_allclose(array, eager.weights()[name], rtol=1e-4, atol=1e-5)


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
