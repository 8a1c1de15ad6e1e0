"""Whole runs by the GPU's learner, whose device is a CPU here: they are torch-cpu's, bit for bit."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import picture_environments
from dqn_core.algorithm import torch_cuda
from dqn_core.algorithm.torch_cuda import CudaLearner
from dqn_core.events import Event, RunEnded
from dqn_core.training.trainer import Trainer
from pretended_cuda import pretend_capture, pretend_cuda
from trainer_runs import last_weights, of_kind, rows, short_config

picture_environments.register()


@pytest.fixture(autouse=True)
def _a_cpu_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    made = functools.partial(CudaLearner, device="cpu", capture=pretend_capture)
    monkeypatch.setattr(torch_cuda, "CudaLearner", made)
    pretend_cuda(monkeypatch, bfloat16=True)


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "prioritized": {"prioritized_replay": True, "n_step": 3, "double_dqn": True, "dueling": True},
    "noisy": {"noisy_nets": True, "distribution": "quantile", "quantiles": 5},
    "mixed precision": {"mixed_precision": True, "target_update": "soft"},
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize(
    "settings",
    [
        {"env_id": picture_environments.CATCH},
        {"env_id": picture_environments.CATCH_STACK, "max_episodes": 14},
        {"env_id": picture_environments.CATCH, "parallel_environments": 3},
        {"env_id": "CartPole-v1", "max_episodes": 9},
    ],
    ids=["states", "stacks", "parallel", "numbers"],
)
def test_a_run_is_that_of_torch_on_a_cpu(settings: dict[str, Any], variant: dict[str, Any]) -> None:
    config = short_config(
        max_episodes=18, buffer_size=130, evaluate_every=6, evaluation_episodes=2, max_episode_steps=60
    ).replace(**settings, **variant)
    runs: list[list[Event]] = []
    for compute in ("torch-cpu", "torch-cuda"):
        events = list(Trainer(config.replace(compute=compute)).events())
        assert not of_kind(events, RunEnded)[0].template
        runs.append(events)
    assert rows(runs[0]) == rows(runs[1]) != []
    for name, array in last_weights(runs[0]).items():
        np.testing.assert_array_equal(array, last_weights(runs[1])[name])
