"""The real server with work that never ends: ``uvicorn hanging_server:app`` says "stuck" once it is in its midst."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np

import fake_environments as fake
from app import app
from dqn_core.algorithm.compute import make_learner
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.runs.policies import Policy
from dqn_core.runs.replays import ReplayStage
from pages.server.process import get_manager, get_replays
from scripted_trainer import wait_until
from trainer_runs import short_config

__all__ = ["app"]

fake.register()


def _hang() -> None:
    manager = get_manager()
    configs = [
        *(short_config(env_id=fake.HANGING[place], max_episodes=1_000_000) for place in ("reset", "step", "close")),
        TrainingConfig(env_id="CartPole-v1", gradient_steps=100_000, hidden_sizes=(512, 512)),
    ]
    runs = [manager.start(config) for config in configs]
    replay = get_replays().ask(Path("best"), _policy, 1)
    threading.Thread(target=fake.RELEASE.wait).start()  # a page's script that hangs: no daemon
    wait_until(lambda: all(manager.open_folder(run_id).has_checkpoint for run_id in runs))
    wait_until(lambda: replay.stage is ReplayStage.DRAWING)
    wait_until(lambda: _is_still({run_id: manager.snapshot(run_id).record.env_steps for run_id in runs[:2]}))
    os.write(1, b"stuck\n")


_seen: dict[str, int] = {}


def _is_still(env_steps: dict[str, int]) -> bool:
    """Whether nothing was done for a second."""
    threading.Event().wait(1.0)
    before = dict(_seen)
    _seen.update(env_steps)
    return before == env_steps


def _policy() -> Policy:
    config = short_config(env_id=fake.HANGING_AT_ONCE)
    report = inspect_environment(fake.CORRIDOR)
    learner, _ = make_learner(config, report.observation_size, report.n_actions, np.random.default_rng(1))
    return Policy(config, learner.weights())


threading.Thread(target=_hang, daemon=True).start()
