"""An agent taken from a checkpoint is the one that trained."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from dqn_core.algorithm import compute
from dqn_core.errors import UnavailableComputeError, UnsupportedEnvironmentError
from dqn_core.events import CheckpointReady
from dqn_core.inside.agent import Agent, AgentCheckpoint
from dqn_core.training.checkpoint import Checkpoint
from dqn_core.training.trainer import Trainer
from inside_checkpoints import trained_checkpoint
from trainer_runs import of_kind, short_config


@pytest.mark.parametrize("kind", ["torch-cpu", "fused"])
def test_the_agent_is_where_the_trainer_stood(kind: str) -> None:
    trainer = Trainer(short_config(compute=kind))
    checkpoint = of_kind(trainer.events(), CheckpointReady)[-1]
    values = json.loads(json.dumps(checkpoint.values))
    stood, replay = trainer.state, trainer.state.memory.replay
    loaded = AgentCheckpoint(Checkpoint(arrays=checkpoint.arrays, values=values))

    learner = loaded.agent.learner()
    assert learner.compute == kind
    theirs = stood.learner.state_dict()
    assert all(np.array_equal(array, theirs[name]) for name, array in learner.state_dict().items())
    assert np.array_equal(loaded.replay.newest(len(loaded.replay)), replay.newest(len(replay)))
    assert np.array_equal(loaded.replay.ages, replay.ages)
    assert (loaded.agent.episode, loaded.agent.env_step) == (stood.episode, stood.env_step)
    assert (loaded.epsilon, loaded.updates) == (stood.epsilon, stood.updates)
    assert loaded.agent.group("online").keys() == stood.learner.weights().keys()

    # The update told is the one that the trainer's own learner would make next on the same rows.
    drawn = loaded.draw(seed=3)
    assert len(drawn.indices) == stood.config.batch_size
    told = loaded.explain(drawn)
    stood.learner.take_statistics()
    stood.learner.update(replay, drawn.indices)
    assert told.loss == stood.learner.take_statistics().loss_mean
    assert np.array_equal(told.q_after, stood.learner.q_values(replay.observations[drawn.indices]))


VARIANTS: dict[str, dict[str, Any]] = {
    "double": {"double_dqn": True, "compute": "fused"},
    "three steps": {"n_step": 3, "compute": "fused"},
    "prioritized": {"prioritized_replay": True, "compute": "fused"},
    "dueling": {"dueling": True, "compute": "fused"},
    "noisy": {"noisy_nets": True},
    "mixed precision": {"mixed_precision": True},
    "quantiles": {"distribution": "quantile", "quantiles": 5},
    "no replay": {"mistake_no_replay": True},
    "no target network": {"mistake_no_target_network": True},
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_variants_next_update_is_told(settings: dict[str, Any]) -> None:
    trainer = Trainer(short_config(**settings))
    checkpoint = of_kind(trainer.events(), CheckpointReady)[-1]
    loaded = AgentCheckpoint(Checkpoint(arrays=checkpoint.arrays, values=json.loads(json.dumps(checkpoint.values))))
    drawn = loaded.draw(seed=4)
    stood = trainer.state
    stood.randomness.replay.bit_generator.state = np.random.default_rng(4).bit_generator.state
    indices, weights = stood.memory.draw(stood.config.batch_size, stood.training_step)
    assert np.array_equal(drawn.indices, indices)
    assert np.array_equal(drawn.weights, weights) if weights is not None else drawn.weights is None
    told = loaded.explain(drawn)
    terms = stood.learner.terms(stood.memory.replay, indices)
    stood.learner.take_statistics()
    stood.learner.update(stood.memory.replay, indices, weights)
    assert told.loss == stood.learner.take_statistics().loss_mean
    assert np.array_equal(told.terms.targets, terms.targets)
    assert np.array_equal(told.q_after, stood.learner.q_values(stood.memory.replay.observations[indices]))
    for name, array in stood.learner.gradients().items():
        assert np.array_equal(told.clipped_gradients[name], array)


def test_sampling_probabilities_are_those_of_the_draw() -> None:
    even = trained_checkpoint()
    assert even.sampling_probabilities == pytest.approx(np.full(len(even.replay), 1 / len(even.replay)))
    newest = trained_checkpoint(mistake_no_replay=True)
    assert np.array_equal(np.flatnonzero(newest.sampling_probabilities), np.sort(newest.draw(seed=0).indices))
    skewed = trained_checkpoint(prioritized_replay=True)
    counts = np.bincount(skewed.draw(seed=0, batch_size=200_000).indices, minlength=len(skewed.replay))
    assert skewed.sampling_probabilities.sum() == pytest.approx(1.0)
    assert counts / 200_000 == pytest.approx(skewed.sampling_probabilities, abs=2e-4)


def test_explaining_changes_nothing() -> None:
    loaded = trained_checkpoint()
    drawn = loaded.draw(seed=0)
    first, second = loaded.explain(drawn), loaded.explain(drawn)
    assert first.loss == second.loss
    assert loaded.explain(drawn, gamma=0.0).loss != first.loss
    assert loaded.agent.config.gamma == 0.99


def test_a_batch_is_drawn_as_an_update_draws_it() -> None:
    loaded = trained_checkpoint()
    expected = loaded.replay.sample_indices(np.random.default_rng(5), 7)
    drawn = loaded.draw(seed=5, batch_size=7)
    assert np.array_equal(drawn.indices, expected)
    assert drawn.weights is None


def test_without_its_gpu_an_agent_is_asked_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_gpu(kind: str, *arguments: object) -> object:
        if kind == "torch-cuda":
            template = "no CUDA device"
            raise UnavailableComputeError(template)
        return build(kind, *arguments)

    build = compute._build
    monkeypatch.setattr(compute, "_build", without_gpu)
    agent = trained_checkpoint().agent
    moved = Agent.of(agent.config.replace(compute="torch-cuda"), agent.state, episode=5, env_step=100)
    assert moved.learner().compute == "torch-cpu"


def test_an_environment_that_is_not_here_is_named() -> None:
    agent = trained_checkpoint().agent
    config = agent.config.replace(env_id="Nowhere-v0")
    with pytest.raises(UnsupportedEnvironmentError, match="Nowhere-v0"):
        Agent.of(config, agent.state, episode=0, env_step=0)
