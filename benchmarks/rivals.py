"""Other DQNs with the settings of :func:`dqn_core.cli.bench.speed_config`: Stable-Baselines3, and one in plain torch.

Both get what helps them: the CPU, no checks of the environment, and the number of threads that suits them better.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from dqn_core.config import TrainingConfig

__all__ = [
    "RIVALS",
    "TORCH_THREADS",
    "Rival",
    "check_updates",
    "has_stable_baselines",
    "single_file_rate",
    "stable_baselines_rate",
    "torch_threads",
]

TORCH_THREADS = torch.get_num_threads()
"""Torch's own choice, read before a learner changes it."""

Rival = Callable[[TrainingConfig], float]
"""Trains a config to its end and returns env steps (each with an update) a second."""


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute with ``count`` threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def has_stable_baselines() -> bool:
    """Whether Stable-Baselines3 is installed (``pip install -r requirements-bench.txt``)."""
    try:
        import stable_baselines3  # noqa: F401
    except ImportError:
        return False
    return True


def _made(config: TrainingConfig) -> gym.Env[np.ndarray, Any]:
    return gym.make(config.env_id, disable_env_checker=True)


def _steps(config: TrainingConfig) -> int:
    """Env steps with an update each."""
    return (config.max_env_steps or 0) - config.warmup_steps


def stable_baselines_rate(config: TrainingConfig) -> float:
    """Stable-Baselines3's DQN, as it is."""
    from stable_baselines3 import DQN

    model = DQN(
        "MlpPolicy",
        _made(config),
        learning_rate=config.learning_rate,
        buffer_size=config.buffer_size,
        learning_starts=config.warmup_steps,
        batch_size=config.batch_size,
        gamma=config.gamma,
        train_freq=config.update_every,
        gradient_steps=config.gradient_steps,
        target_update_interval=config.target_update_every,
        exploration_initial_eps=config.epsilon_start,
        exploration_final_eps=config.epsilon_end,
        policy_kwargs={"net_arch": list(config.hidden_sizes)},
        seed=config.seed,
        device="cpu",
    )
    started_at = time.perf_counter()
    model.learn(config.warmup_steps + _steps(config))
    seconds = time.perf_counter() - started_at
    check_updates(model._n_updates, config)  # noqa: SLF001  its public logger knows the same number, later
    return _steps(config) / seconds


def check_updates(updates: int, config: TrainingConfig) -> None:
    """Raise RuntimeError where a run of ``config`` did not do one update for each env step after the warm-up."""
    if updates != _steps(config):
        msg = f"Not the same work: {updates} updates where {_steps(config)} were wanted."
        raise RuntimeError(msg)


def single_file_rate(config: TrainingConfig) -> float:
    """A DQN as single-file implementations write it: a loop, numpy arrays for the replay memory, torch's autograd."""
    agent = _SingleFileAgent(config, _made(config))
    started_at = time.perf_counter()
    updates = agent.train(config.warmup_steps + _steps(config))
    seconds = time.perf_counter() - started_at
    check_updates(updates, config)
    return _steps(config) / seconds


class _SingleFileAgent:
    def __init__(self, config: TrainingConfig, environment: gym.Env[np.ndarray, Any]) -> None:
        assert isinstance(environment.action_space, gym.spaces.Discrete)  # noqa: S101  the environments compared
        assert environment.observation_space.shape is not None  # noqa: S101
        self.config, self.environment = config, environment
        self.n_actions = int(environment.action_space.n)
        torch.manual_seed(config.seed)
        self.random = np.random.default_rng(config.seed)
        size, capacity = environment.observation_space.shape[0], config.buffer_size
        self.online, self.target = self._network(size), self._network(size)
        self.target.load_state_dict(self.online.state_dict())
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=config.learning_rate)
        self.observations = np.zeros((capacity, size), np.float32)
        self.next_observations = np.zeros((capacity, size), np.float32)
        self.actions = np.zeros(capacity, np.int64)
        self.rewards = np.zeros(capacity, np.float32)
        self.terminated = np.zeros(capacity, np.float32)

    def _network(self, size: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for width in self.config.hidden_sizes:
            layers += [nn.Linear(size, width), nn.ReLU()]
            size = width
        return nn.Sequential(*layers, nn.Linear(size, self.n_actions))

    def train(self, env_steps: int) -> int:
        """Act, store, learn; returns the number of updates."""
        config, updates = self.config, 0
        observation, _ = self.environment.reset(seed=config.seed)
        for step in range(1, env_steps + 1):
            action = self._choose(observation, is_random=step <= config.warmup_steps)
            next_observation, reward, terminated, truncated, _ = self.environment.step(action)
            self._store((step - 1) % config.buffer_size, observation, action, reward, next_observation, terminated)
            observation = next_observation
            if terminated or truncated:
                observation, _ = self.environment.reset()
            if step > config.warmup_steps:
                self._learn(min(step, config.buffer_size))
                updates += 1
                if step % config.target_update_every == 0:
                    self.target.load_state_dict(self.online.state_dict())
        return updates

    def _choose(self, observation: np.ndarray, *, is_random: bool) -> int:
        if is_random or self.random.random() < self.config.epsilon_end:
            return int(self.random.integers(self.n_actions))
        with torch.no_grad():
            return int(self.online(torch.from_numpy(observation)).argmax())

    def _store(self, row: int, *transition: Any) -> None:
        arrays: tuple[np.ndarray, ...] = (
            self.observations,
            self.actions,
            self.rewards,
            self.next_observations,
            self.terminated,
        )
        for array, value in zip(arrays, transition, strict=True):
            array[row] = value

    def _learn(self, filled: int) -> None:
        config = self.config
        rows = self.random.integers(filled, size=config.batch_size)
        with torch.no_grad():
            best = self.target(torch.from_numpy(self.next_observations[rows])).max(dim=1).values  # [B]
            discount = config.gamma * (1 - torch.from_numpy(self.terminated[rows]))
            wanted = torch.from_numpy(self.rewards[rows]) + discount * best
        actions = torch.from_numpy(self.actions[rows])
        q = self.online(torch.from_numpy(self.observations[rows])).gather(1, actions[:, None]).squeeze(1)  # [B]
        loss = functional.smooth_l1_loss(q, wanted)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


RIVALS: dict[str, Rival] = {"sb3": stable_baselines_rate, "single_file": single_file_rate}
