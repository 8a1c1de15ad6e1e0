"""Normalized observations: the same mathematics on numbers of another scale, and one state with the network's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fake_environments as fake
from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.learner import Learner
from dqn_core.algorithm.networks import initial_weights, network_sizes
from dqn_core.algorithm.normalization import NormalizedLearner, RunningMoments, network_only
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.algorithm.torch_cuda import CudaLearner
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from dqn_core.episodes.episode import policy_with, roll_out
from dqn_core.errors import RunFolderError
from dqn_core.events import CheckpointReady, EpisodeEnded, WeightsReady
from dqn_core.export.onnx_file import onnx_file
from dqn_core.export.run_content import content_of_folder
from dqn_core.inside.agent import AgentCheckpoint
from dqn_core.training.checkpoint import Checkpoint
from dqn_core.training.evaluation import evaluate
from dqn_core.training.run_folder import RunFolder, RunLog
from dqn_core.training.trainer import Trainer
from trainer_runs import of_kind, short_config

HUGE = np.array([1e5, 1e-3, 1.0], np.float32)
"""Sizes of the numbers that the learners below are shown."""
VARIANTS: list[dict[str, Any]] = [
    {},
    {"double_dqn": True, "dueling": True, "loss": "huber", "gradient_clip_value": 1.0},
    {"minibatch_size": 8, "loss_over_all_outputs": True},
]


@pytest.fixture(autouse=True)
def _fake_environments() -> Iterator[None]:
    fake.register()
    return


def test_the_moments_are_those_of_all_numbers_seen() -> None:
    numbers = (np.random.default_rng(0).standard_normal((500, 3)) * HUGE + 3 * HUGE).astype(np.float32)
    moments = RunningMoments(3)
    for each in numbers:
        moments.add(each)
    np.testing.assert_allclose(moments.mean, numbers.astype(float).mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(1 / moments.scale, np.sqrt(numbers.astype(float).var(axis=0) + 1e-8), rtol=1e-6)
    again = RunningMoments(3)
    again.restore(moments.state())
    for each in (moments, again):
        each.add(numbers[0])
    np.testing.assert_array_equal(moments.state(), again.state())


def test_a_number_that_never_changes_becomes_zero() -> None:
    learner = normalized(TrainingConfig(compute="torch-cpu"))
    for _ in range(5):
        learner.observe(np.array([7, 0, -1], np.float32))
    assert learner.normalized(np.array([7, 0, -1], np.float32)).tolist() == [0, 0, 0]
    assert np.abs(learner.normalized(np.array([1e6, -1e6, 0], np.float32))).max() == 10


def test_a_distance_from_the_mean_beyond_float32_is_clipped() -> None:
    learner = normalized(TrainingConfig(compute="torch-cpu"))
    for sign in (1, 1, -1):
        learner.observe(np.array([sign * 3e38, 0, 1], np.float32))
    assert learner.normalized(np.array([-3e38, 0, 1], np.float32)).tolist() == [-10, 0, 0]
    assert learner.slopes(np.array([-3e38, 0, 1], np.float32))[0] == 0


def normalized(config: TrainingConfig) -> NormalizedLearner:
    learner, _ = make_learner(config.replace(normalize_observations=True), 3, 2, np.random.default_rng(5))
    assert isinstance(learner, NormalizedLearner)
    return learner


def memories() -> tuple[ReplayBuffer, np.ndarray]:
    """Rows of numbers of very different sizes, and the observations among them."""
    generator, replay = np.random.default_rng(1), ReplayBuffer(200, 3)
    seen = (generator.standard_normal((201, 3)) * HUGE).astype(np.float32)
    for i in range(200):
        replay.add(seen[i], int(generator.integers(2)), float(generator.standard_normal()), seen[i + 1], i % 20 == 19)
    return replay, seen


def standardized(replay: ReplayBuffer, learner: NormalizedLearner) -> ReplayBuffer:
    """The same memory with every observation as the network is to see it."""
    other = ReplayBuffer(len(replay), 3)
    rows = replay.rows.copy()
    rows[:, :3], rows[:, 3:6] = learner.normalized(rows[:, :3]), learner.normalized(rows[:, 3:6])
    other.restore({"rows": rows}, 0)
    return other


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("compute", ["torch-cpu", "fused"])
def test_it_is_the_plain_learner_on_standardized_observations(compute: str, variant: dict[str, Any]) -> None:
    config = TrainingConfig(compute=compute, hidden_sizes=(16,), batch_size=32, **variant)
    learner, (replay, seen) = normalized(config), memories()
    plain, _ = make_learner(config, 3, 2, np.random.default_rng(5))
    for each in seen:
        learner.observe(each)
    shown = standardized(replay, learner)
    generator = np.random.default_rng(2)
    for _ in range(20):
        indices = replay.sample_indices(generator, 32)
        weights = generator.random(32).astype(np.float32)
        learner.update(replay, indices, weights)
        plain.update(shown, indices, weights)
        np.testing.assert_array_equal(learner.td_errors(), plain.td_errors())
    for name, array in plain.weights().items():
        np.testing.assert_array_equal(array, learner.weights()[name])
    np.testing.assert_array_equal(learner.q_values(seen), plain.q_values(learner.normalized(seen)))
    assert learner.act(seen[3]) == plain.act(learner.normalized(seen)[3])
    indices = np.arange(10)
    np.testing.assert_array_equal(learner.terms(replay, indices).targets, plain.terms(shown, indices).targets)


def test_both_learners_agree() -> None:
    config = TrainingConfig(hidden_sizes=(16,), batch_size=32, normalize_observations=True)
    learners = [normalized(config.replace(compute=compute)) for compute in ("torch-cpu", "fused")]
    replay, seen = memories()
    weights = initial_weights(np.random.default_rng(9), network_sizes(config, 3, 2))
    for learner in learners:
        learner.learner.load_weights(weights)
        for each in seen:
            learner.observe(each)
        for i in range(30):
            learner.update(replay, np.arange(32) + i)
    first, second = (learner.q_values(seen) for learner in learners)
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_the_mirror_of_a_memory_on_a_device_follows_the_rows_of_each_update() -> None:
    config = TrainingConfig(hidden_sizes=(16,), batch_size=32)
    weights = initial_weights(np.random.default_rng(9), network_sizes(config, 3, 2))
    (replay, seen), learners = memories(), []
    for own in (TorchLearner(config, weights), CudaLearner(config, weights, device="cpu", capture=None)):
        learner = NormalizedLearner(own, 3)
        for i, each in enumerate(seen):
            learner.observe(each)
            learner.update(replay, np.arange(32 if i < 100 else 16) + i % 100)
        learners.append(learner)
    for name, array in learners[0].weights().items():
        np.testing.assert_allclose(array, learners[1].weights()[name], atol=1e-6)


@pytest.mark.parametrize("compute", ["torch-cpu", "fused"])
def test_a_state_goes_on_bit_for_bit(compute: str) -> None:
    config = TrainingConfig(compute=compute, hidden_sizes=(16,), batch_size=32)
    learner, (replay, seen) = normalized(config), memories()
    for each in seen[:100]:
        learner.observe(each)
    learner.update(replay, np.arange(32))
    again: Learner = normalized(config)
    again.load_state_dict(learner.state_dict())
    for each in (learner, again):
        assert isinstance(each, NormalizedLearner)
        each.observe(seen[150])
        each.update(replay, np.arange(32) + 7)
    for name, array in learner.state_dict().items():
        np.testing.assert_array_equal(array, again.state_dict()[name])


def test_weights_without_their_moments_are_refused_and_so_are_moments_without_normalization() -> None:
    config = TrainingConfig(compute="torch-cpu", hidden_sizes=(16,))
    learner = normalized(config)
    weights = learner.weights()
    with pytest.raises(RunFolderError, match=r"lack input\.mean"):
        learner.load_weights(network_only(weights))
    with pytest.raises(RunFolderError, match=r"input\.scale has shape \(4,\)"):
        learner.load_weights(weights | {"input.scale": np.ones(4, np.float32)})
    with pytest.raises(RunFolderError, match=r"contain input\."):
        make_learner(config, 3, 2, np.random.default_rng(0))[0].load_weights(weights)
    with pytest.raises(RunFolderError, match="lacks input_moments"):
        learner.load_state_dict(learner.learner.state_dict())


# --------------------------------------------------------------------------------------------------------- in a run


def config_of_run(**changes: Any) -> TrainingConfig:
    return short_config(normalize_observations=True, max_episodes=8, evaluate_every=2, evaluation_episodes=2, **changes)


@pytest.mark.parametrize("compute", ["torch-cpu", "fused"])
def test_a_run_is_repeated_and_taken_up_bit_for_bit(compute: str) -> None:
    config = config_of_run(compute=compute)
    events = list(Trainer(config).events())
    rows = [(each.episode_return, each.loss_mean, each.eval_return) for each in of_kind(events, EpisodeEnded)]
    part = list(Trainer(config.replace(max_env_steps=110)).events())
    state = of_kind(part, CheckpointReady)[-1]
    trainer = Trainer(config, resume_from=Checkpoint(arrays=state.arrays, values=state.values))
    rest = [(each.episode_return, each.loss_mean, each.eval_return) for each in of_kind(trainer.events(), EpisodeEnded)]
    done = len(of_kind(part, EpisodeEnded))
    assert 0 < done < len(rows)
    assert repr(rest) == repr(rows[done:])
    whole = of_kind(events, WeightsReady)[-1].state
    for name, array in trainer.state.learner.state_dict().items():
        if name != "statistics":
            np.testing.assert_array_equal(array, whole[name])


def test_every_observation_of_the_training_counts_and_none_of_an_evaluation() -> None:
    counts = {}
    for evaluate_every in (0, 1):
        trainer = Trainer(config_of_run().replace(evaluate_every=evaluate_every))
        list(trainer.events())
        counts[evaluate_every] = trainer.state.learner.weights()["input.count"][0]
    assert counts[0] == counts[1]
    assert counts[0] > trainer.state.env_step  # each episode's first beside


def test_a_snapshot_plays_as_the_run_evaluated(tmp_path: Path) -> None:
    config = config_of_run(compute="fused")
    folder = RunFolder.create(tmp_path / "run", config)
    log = RunLog(folder)
    for event in Trainer(config).events():
        log.write(event)
    log.close()
    weights = folder.snapshot_weights("last")
    assert {"input.mean", "input.scale", "input.count"} < set(weights)
    returns = evaluate(policy_with(config, weights), config.env_id, episodes=3, seed=4).returns
    assert [roll_out(config, weights, seed).episode_return for seed in (4, 5, 6)] == list(returns)
    assert onnx_file(content_of_folder(folder.path), "last")  # compared with the learner, on random observations
    held = AgentCheckpoint(folder.checkpoint())
    assert held.explain(held.draw(1)).q_after.shape == (config.batch_size, 2)
    continued = Trainer(config.replace(seed=3), initial_weights=weights)
    list(continued.events())
    assert continued.state.learner.weights()["input.count"][0] > weights["input.count"][0]


class FarAway(fake.Corridor):
    """One step: which action is right, a number says that is large, far from 0, and beside one that says nothing."""

    right = 0

    def reset(self, **options: Any) -> tuple[np.ndarray, dict]:
        super().reset(**options)
        self.right = int(self.np_random.integers(2))
        return self._observe(), {}

    def _observe(self) -> np.ndarray:
        return np.array([9_000 + self.right, -5e4], np.float32)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        return self._observe(), float(action == self.right), True, False, {}


def test_it_helps_where_numbers_are_far_from_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake.gym.registry[fake.CORRIDOR], "entry_point", FarAway)
    last = {}
    for on in (False, True):
        config = short_config(
            env_id=fake.CORRIDOR,
            normalize_observations=on,
            max_episodes=200,
            learning_rate=1e-2,
            evaluate_every=200,
            evaluation_episodes=20,
        )
        last[on] = of_kind(Trainer(config).events(), EpisodeEnded)[-1].eval_return
    assert last[True] == 1.0
    assert last[False] < 0.9
