"""One env step by part: acting, the environment, storing, drawing rows, updating, telling events; and the loop itself.

Each part is timed alone over many calls on the real objects. What the whole step takes beyond the parts' sum is the
loop's own work: the branches, the attributes, and the caches that the parts take from each other.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.event_costs import EventCosts
from benchmarks.measuring import interleaved, microseconds_each, summary
from benchmarks.real_path import manager_in_scratch, run_to_its_end
from benchmarks.sizes import Sizes
from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.cli.bench import env_only_rate, speed_config
from dqn_core.config import TrainingConfig
from dqn_core.environments.door import CheckedEnvironment
from dqn_core.environments.make import make_environment

__all__ = ["PARTS", "measure"]

PARTS = ("act", "environment", "store", "sample", "update", "events")
_HEARTBEATS_PER_S, _FLUSHES_PER_S = 20, 4
_ENV_STEPS_PER_S = 50_000
"""Guess at a bare environment's speed, from which the number of its timed steps follows."""


def measure(sizes: Sizes) -> dict[str, Any]:
    """Microseconds of each part of an env step, by environment."""
    return {env_id: _measure_in(env_id, sizes) for env_id in sizes.envs}


def _measure_in(env_id: str, sizes: Sizes) -> dict[str, Any]:
    config = speed_config(env_id, sizes.loop_steps)
    bench = _Bench.filled(config)
    with tempfile.TemporaryDirectory() as folder, manager_in_scratch() as manager:
        with EventCosts(Path(folder), config) as costs:
            contenders: dict[str, Callable[[], float]] = {
                **{name: functools.partial(microseconds_each, call, sizes.piece_s) for name, call in bench.calls()},
                "environment": lambda: 1e6 / env_only_rate(env_id, max(1, round(sizes.piece_s * _ENV_STEPS_PER_S))),
                "heartbeat": functools.partial(costs.heartbeat_us, sizes.piece_s),
                "episode": functools.partial(costs.episode_us, sizes.piece_s),
                "flush": functools.partial(costs.flush_us, sizes.piece_s),
                "step": lambda: 1e6 * (record := run_to_its_end(manager, config)).wall_time_s / record.updates,
            }
            for contender in contenders.values():
                contender()
            values = interleaved(contenders, max(5, sizes.repetitions))
        steps_per_episode = [run.env_steps / max(1, run.episodes) for run in manager.list_runs()]
    kinds = {kind: values.pop(kind) for kind in ("heartbeat", "episode", "flush")}
    length = statistics.median(steps_per_episode)
    values["events"] = [
        step * (heartbeat * _HEARTBEATS_PER_S + flush * _FLUSHES_PER_S) / 1e6 + episode / length
        for step, heartbeat, episode, flush in zip(values["step"], *kinds.values(), strict=True)
    ]
    us = {name: summary(each) for name, each in values.items()}
    return {
        "us": us,
        "loop_us": us["step"]["median"] - sum(us[part]["median"] for part in PARTS),
        "steps_per_episode": length,
        "event_us": {kind: summary(each) for kind, each in kinds.items()},
    }


@dataclass
class _Bench:
    """The parts of a trainer outside of its loop, with a full replay memory of real transitions."""

    learner: Learner
    replay: ReplayBuffer
    observation: np.ndarray

    @classmethod
    def filled(cls, config: TrainingConfig) -> _Bench:
        environment = make_environment(config.env_id)
        try:
            return cls._filled_from(environment, config)
        finally:
            environment.close()

    @classmethod
    def _filled_from(cls, environment: CheckedEnvironment, config: TrainingConfig) -> _Bench:
        generator = np.random.default_rng(0)
        n_actions = environment.n_actions
        observation, _ = environment.reset(seed=0)
        replay = ReplayBuffer(config.buffer_size, len(observation))
        while len(replay) < replay.capacity:
            action = int(generator.integers(n_actions))
            after, reward, terminated, truncated, _ = environment.step(action)
            replay.add(observation, action, reward, after, terminated)
            observation = environment.reset()[0] if terminated or truncated else after
        learner, _ = make_learner(config, len(observation), n_actions, generator)
        return cls(learner, replay, observation)

    def calls(self) -> list[tuple[str, Callable[[], object]]]:
        """One call of each part that is a call."""
        learner, replay, observation = self.learner, self.replay, self.observation
        generator = np.random.default_rng(1)
        indices = replay.sample_indices(generator, 128)
        return [
            ("act", lambda: generator.random() >= 0.1 and learner.act(observation)),
            ("store", lambda: replay.add(observation, 1, 1.0, observation, terminated=False)),
            ("sample", lambda: replay.sample_indices(generator, 128)),
            ("update", lambda: learner.update(replay, indices)),
        ]
