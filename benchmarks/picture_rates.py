"""How fast networks for pictures train, beside Stable-Baselines3's DQN with the same network and settings.

    python -m benchmarks.picture_rates                  on a CPU
    python -m benchmarks.picture_rates --device cuda    on a GPU too, float32 and mixed precision, beside the CPU

MinAtar's network in MinAtar's Breakout; Nature's on stacks of four made-up frames of 84 x 84, whose environment costs
nothing. Batch 32, one update each env step, in turns in one process. Both rates are printed: by the clock, which counts
on a quiet machine alone, and by the process's time on all cores. The time of an update alone follows, of dense networks
too, and in mixed precision.
"""

from __future__ import annotations

import functools
import itertools
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import torch
import tyro
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import FrameStackObservation
from stable_baselines3 import DQN
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from benchmarks.machine import machine_summary
from benchmarks.measuring import interleaved, microseconds_each
from benchmarks.rivals import TORCH_THREADS, torch_threads
from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.devices import device_summary
from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.networks import PictureShape
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.cli.bench import speed_config
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.events import RunStarted
from dqn_core.training.trainer import Trainer

__all__ = ["main"]

BREAKOUT = "MinAtar/Breakout-v1"
FRAMES = "DqnLabBenchmark/Frames-v0"
_FRAMES = np.random.default_rng(0).integers(0, 256, (64, 84, 84)).astype(np.uint8)
_EPISODE = 200
_MINATAR = PictureShape(10, 10, 4, high=1.0)
_STACK = PictureShape(84, 84, 4, channels_first=True, frames=4)
_SIZE, _ACTIONS = 8, 4
"""Of the made-up transitions: numbers of an observation that is no picture, and actions."""
_UPDATES = (
    *(("dense", width, None, 128) for width in (32, 64, 256, 1_024)),
    *(("minatar", 128, _MINATAR, batch_size) for batch_size in (32, 256)),
    *(("nature", 512, _STACK, batch_size) for batch_size in (32, 256)),
)
"""Updates timed: the network, its width, the pictures that it sees, and the batch size."""
_ROWS = 2_000
_DRAWS = 64


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """How fast networks for pictures train."""

    device: Literal["cpu", "cuda"] = "cpu"
    """With cuda, the GPU is measured beside the CPU."""
    steps: int = 2_000
    """Env steps of a run, each with an update; a twentieth of them where a CPU trains Nature's network."""
    rounds: int = 2
    """Times that each run, and each piece of updates, is repeated."""
    piece_s: float = 1.0
    """Seconds of one timed piece of updates."""
    parts: tuple[Literal["runs", "updates"], ...] = ("runs", "updates")
    """What to measure: whole runs, updates alone."""
    networks: tuple[Literal["dense", "minatar", "nature"], ...] = ("dense", "minatar", "nature")
    """Which networks; runs are of those for pictures."""


@dataclass(frozen=True, kw_only=True)
class _Learner:
    """One way to learn."""

    compute: Literal["fused", "torch-cpu", "torch-cuda"]
    is_mixed: bool = False

    @property
    def name(self) -> str:
        return self.compute + (", mixed precision" if self.is_mixed else "")


def _learners(measurement: Measurement, kind: str) -> list[_Learner]:
    """Those that there are for networks of this kind."""
    found = [_Learner(compute="fused")] if kind in {"dense", "minatar"} else []
    found += [_Learner(compute="torch-cpu"), _Learner(compute="torch-cpu", is_mixed=True)]
    if measurement.device == "cuda":
        found += [_Learner(compute="torch-cuda"), _Learner(compute="torch-cuda", is_mixed=True)]
    return found


class _Frames(gym.Env[np.ndarray, int]):
    """Frames of noise in turns; a reward of 0.1 each."""

    observation_space = Box(0, 255, (84, 84), np.uint8)
    action_space = Discrete(4)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed, options=options)
        self.step_number = 0
        return _FRAMES[0], {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:  # noqa: ARG002  Gymnasium asks for it
        self.step_number += 1
        return _FRAMES[self.step_number % len(_FRAMES)], 0.1, self.step_number == _EPISODE, False, {}


class _ChannelsFirst(gym.ObservationWrapper[np.ndarray, int, np.ndarray]):
    """MinAtar's states as Stable-Baselines3's convolutions take them."""

    def __init__(self, environment: gym.Env[np.ndarray, int]) -> None:
        super().__init__(environment)
        assert environment.observation_space.shape is not None  # noqa: S101  MinAtar's
        height, width, channels = environment.observation_space.shape
        self.observation_space = Box(0, 255, (channels, height, width), np.uint8)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(observation.transpose(2, 0, 1)).astype(np.uint8)


class _MinAtarFeatures(BaseFeaturesExtractor):
    """16 kernels of 3x3 (Young & Tian 2019)."""

    def __init__(self, space: Box) -> None:
        super().__init__(space, 16 * 8 * 8)
        self.layers = nn.Sequential(nn.Conv2d(space.shape[0], 16, 3), nn.ReLU(), nn.Flatten())

    def forward(self, observations: Tensor) -> Tensor:
        features: Tensor = self.layers(observations)
        return features


def _stacked() -> gym.Env[np.ndarray, int]:
    return FrameStackObservation(_Frames(), 4)


def _own(config: TrainingConfig) -> Callable[[], None]:
    """All of a run that is left once it is set up."""
    events = Trainer(config).events()
    next(event for event in events if isinstance(event, RunStarted))

    def train() -> None:
        for _event in events:
            pass

    return train


def _stable_baselines(config: TrainingConfig, device: str) -> Callable[[], None]:
    own: dict[str, Any] = {"normalize_images": True}
    environment = gym.make(config.env_id, disable_env_checker=True)
    if config.env_id == BREAKOUT:
        environment = _ChannelsFirst(environment)
        own = {"features_extractor_class": _MinAtarFeatures, "net_arch": [128], "normalize_images": False}
    model = DQN(
        "CnnPolicy",
        environment,
        learning_rate=config.learning_rate,
        buffer_size=config.buffer_size,
        learning_starts=config.warmup_steps,
        batch_size=config.batch_size,
        gamma=config.gamma,
        train_freq=1,
        gradient_steps=1,
        target_update_interval=config.target_update_every,
        exploration_initial_eps=config.epsilon_start,
        exploration_final_eps=config.epsilon_end,
        policy_kwargs=own,
        seed=config.seed,
        device=device,
    )
    steps = config.max_env_steps
    assert steps is not None  # noqa: S101  of speed_config

    def train() -> None:  # with torch's own settings, which our learner changes
        with torch.backends.cudnn.flags(enabled=True, deterministic=False, allow_tf32=True):
            model.learn(steps)

    return train


def _timed(name: str, steps: int, train: Callable[[], None]) -> None:
    wall, own = time.perf_counter(), time.process_time()
    train()
    wall, own = time.perf_counter() - wall, time.process_time() - own
    print(f"  {name:<40} {steps / wall:9.1f} a second by the clock {steps / own:9.1f} by processor time", flush=True)


def _runs(measurement: Measurement, env_id: str, kind: str) -> None:
    on_cpu = max(1, measurement.steps // (20 if kind == "nature" else 1))
    print(f"{env_id}, {measurement.steps:,} updates of 32 rows ({on_cpu:,} on a CPU)", flush=True)
    learners = _learners(measurement, kind)

    def config(learner: _Learner, count: int) -> TrainingConfig:
        return speed_config(env_id, count, batch_size=32, compute=learner.compute, mixed_precision=learner.is_mixed)

    for learner in learners:
        _own(config(learner, 10))()  # compiles, allocates, captures
    for _ in range(measurement.rounds):
        for learner in learners:
            count = measurement.steps if learner.compute == "torch-cuda" else on_cpu
            _timed(f"DQN Lab, {learner.name}", count, _own(config(learner, count)))
        for threads in dict.fromkeys((1, TORCH_THREADS)):
            with torch_threads(threads):
                settings = config(_Learner(compute="torch-cpu"), on_cpu)
                _timed(f"Stable-Baselines3, threads: {threads}", on_cpu, _stable_baselines(settings, "cpu"))
        if measurement.device == "cuda":
            settings = config(_Learner(compute="torch-cuda"), measurement.steps)
            _timed("Stable-Baselines3, cuda", measurement.steps, _stable_baselines(settings, "cuda"))


def _filled(picture: PictureShape | None) -> ReplayBuffer:
    """A memory full of made-up transitions; a tenth of a picture's pixels are not 0, as in MinAtar's."""
    generator = np.random.default_rng(0)
    size = _SIZE if picture is None else picture.size
    replay = ReplayBuffer(_ROWS, size) if picture is None else FrameReplay(_ROWS, picture)
    for _ in range(_ROWS):
        observations = (generator.random((2, size)) < 0.1).astype(np.float32)
        replay.add(observations[0], int(generator.integers(_ACTIONS)), 1.0, observations[1], terminated=False)
    return replay


def _updates(measurement: Measurement, kind: str, width: int, picture: PictureShape | None, batch_size: int) -> None:
    replay, generator = _filled(picture), np.random.default_rng(0)
    draws = itertools.cycle([replay.sample_indices(generator, batch_size) for _ in range(_DRAWS)])
    contenders = {}
    for each in _learners(measurement, kind):
        config = speed_config(
            "CartPole-v1",
            1,
            network=kind,
            hidden_sizes=(width, width),
            batch_size=batch_size,
            compute=each.compute,
            mixed_precision=each.is_mixed,
        )
        learner, _ = make_learner(config, replay.observation_size, _ACTIONS, generator, picture)
        update = functools.partial(lambda learner: learner.update(replay, next(draws)), learner)
        contenders[each.name] = functools.partial(
            microseconds_each, update, measurement.piece_s, learner.take_statistics
        )
        contenders[each.name]()  # compiles, allocates, captures
    values = interleaved(contenders, measurement.rounds)
    name = f"{kind} {width}" if picture is None else kind
    for learner_name, each_us in values.items():
        print(
            f"  {name:<12} batch {batch_size:>5} {learner_name:<28} {statistics.median(each_us):12,.0f} us", flush=True
        )


def main(arguments: list[str] | None = None) -> None:
    """Print the rates."""
    measurement = tyro.cli(Measurement, args=arguments, prog="python -m benchmarks.picture_rates", description=__doc__)
    if measurement.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch finds no CUDA device here: leave --device cuda out.")
    if "runs" in measurement.parts:
        gym.register(FRAMES, _stacked, max_episode_steps=1_000)
        inspect_environment(BREAKOUT)  # registers MinAtar's
        for env_id, kind in ((BREAKOUT, "minatar"), (FRAMES, "nature")):
            if kind in measurement.networks:
                _runs(measurement, env_id, kind)
    if "updates" in measurement.parts:
        print("An update alone, on rows drawn beforehand")
        for kind, width, picture, batch_size in _UPDATES:
            if kind in measurement.networks:
                _updates(measurement, kind, width, picture, batch_size)
    print(f"{machine_summary()}, {device_summary()}")


if __name__ == "__main__":
    main()
