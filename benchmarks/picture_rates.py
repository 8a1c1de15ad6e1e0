"""How fast networks for pictures train, beside Stable-Baselines3's DQN with the same network and settings.

python -m benchmarks.picture_rates [STEPS]

MinAtar's network in MinAtar's Breakout; Nature's on stacks of four made-up frames of 84 x 84, whose environment costs
nothing. Batch 32, one update each env step, in turns in one process. Both rates are printed: by the clock, which counts
on a quiet machine alone, and by the process's time on all cores.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import FrameStackObservation
from stable_baselines3 import DQN
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from benchmarks.rivals import TORCH_THREADS, torch_threads
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


def _stable_baselines(config: TrainingConfig) -> Callable[[], None]:
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
        device="cpu",
    )
    steps = config.max_env_steps
    assert steps is not None  # noqa: S101  of speed_config
    return lambda: model.learn(steps) and None


def _timed(name: str, steps: int, train: Callable[[], None]) -> None:
    wall, own = time.perf_counter(), time.process_time()
    train()
    wall, own = time.perf_counter() - wall, time.process_time() - own
    print(f"  {name:<28} {steps / wall:8.1f} a second by the clock {steps / own:8.1f} by processor time", flush=True)


def main(arguments: list[str]) -> None:
    """Print the rates."""
    steps = int(arguments[0]) if arguments else 2_000
    gym.register(FRAMES, _stacked, max_episode_steps=1_000)
    inspect_environment(BREAKOUT)  # registers MinAtar's
    for env_id, compute, count in ((BREAKOUT, "fused", steps), (FRAMES, "torch-cpu", max(1, steps // 20))):
        print(f"{env_id}, {count:,} updates of 32 rows")
        config = speed_config(env_id, count, batch_size=32, compute=compute)
        _own(speed_config(env_id, 10, batch_size=32, compute=compute))()  # compiles, allocates
        for _ in range(2):
            _timed(f"DQN Lab, {compute}", count, _own(config))
            for threads in dict.fromkeys((1, TORCH_THREADS)):
                with torch_threads(threads):
                    _timed(f"Stable-Baselines3, threads: {threads}", count, _stable_baselines(config))
    print(f"torch {torch.__version__}")


if __name__ == "__main__":
    main(sys.argv[1:])
