"""What the replay memory of a run really takes: ``memory_use.py ENV_ID STATES NETWORK COMPUTE``, a process of its own.

Prints JSON: the bytes that are told before a run, those by which the process has grown when its replay memory is full,
and the most that it took.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import FrameStackObservation

from dqn_core.config import TrainingConfig
from dqn_core.events import EndReason, RunEnded
from dqn_core.training.budget import replay_memory, run_memory
from dqn_core.training.trainer import Trainer

STACKS = "DqnLabTest/Stacks-v0"
"""The last four frames of 84x84 points, as of Atari's games; 50 env steps an episode."""


class _Noise(gym.Env[np.ndarray, int]):
    """Frames that are never the same."""

    observation_space = Box(0, 255, (84, 84), np.uint8)
    action_space = Discrete(4)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        return self._frame(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        return self._frame(), 0.0, False, False, {}

    def _frame(self) -> np.ndarray:
        return np.frombuffer(self.np_random.bytes(84 * 84), np.uint8).reshape(84, 84)


_FEW = 200
gym.register(STACKS, lambda: FrameStackObservation(_Noise(), 4), max_episode_steps=50)


def _status(name: str) -> int:
    (line,) = (each for each in Path("/proc/self/status").read_text("ascii").splitlines() if each.startswith(name))
    return int(line.split()[1]) * 1024


def _filled(config: TrainingConfig) -> tuple[int, int]:
    """Bytes that are this process's own when the memory is full, and the most that they were on the way there."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the most so far is what there is now
    for event in Trainer(config).events():
        if isinstance(event, RunEnded):
            assert event.reason is EndReason.MAX_ENV_STEPS
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)  # what was free already, and only kept for later
            return _status("RssAnon"), _status("VmHWM") - _status("RssFile")
    raise AssertionError


def main() -> None:
    """Fill a small memory, then that of so many states, with random play."""
    env_id, states, network, compute = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    settings: dict[str, Any] = {"env_id": env_id, "network": network, "compute": compute, "evaluate_every": 0}
    config = TrainingConfig(**settings, max_episodes=1_000_000)

    def of(count: int) -> TrainingConfig:
        return config.replace(buffer_size=count, warmup_steps=count, max_env_steps=count + 20)

    small, large = of(_FEW), of(states)
    for _ in range(2):  # by the second time everything is imported, compiled and settled
        before, _ = _filled(small)
    held, most = _filled(large)
    told = {"replay": replay_memory(large) - replay_memory(small), "run": run_memory(large)}
    sys.stdout.write(json.dumps(told | {"grown": held - before, "most": most}) + "\n")


if __name__ == "__main__":
    main()
