"""Networks that see pictures: what they are, and that every variant learns with them."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from gymnasium.spaces import Box
from torch.nn import functional

import picture_environments
from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.networks import (
    NetworkKind,
    PictureShape,
    as_trained,
    check_weights,
    initial_weights,
    network_of,
    parameter_count,
)
from dqn_core.algorithm.torch_learner import TorchLearner
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment, make_environment
from dqn_core.environments.spaces import picture_of
from dqn_core.episodes.episode import policy_with, roll_out
from dqn_core.errors import ConfigError, UnavailableComputeError
from dqn_core.events import CheckpointReady, EndReason, EpisodeEnded, RunEnded
from dqn_core.export.onnx_file import onnx_file
from dqn_core.export.run_content import content_of_folder
from dqn_core.inside.agent import AgentCheckpoint
from dqn_core.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from dqn_core.training.report import layer_reports
from dqn_core.training.run_folder import RunFolder
from dqn_core.training.trainer import Trainer
from picture_environments import CATCH, CATCH_GREY, CATCH_STACK
from trainer_runs import of_kind, short_config, snapshot_of

picture_environments.register()

BREAKOUT = PictureShape(10, 10, 4, high=1.0)
ATARI = PictureShape(84, 84, 4, channels_first=True, frames=4)
VARIANTS: list[dict[str, Any]] = [
    {"dueling": dueling, "noisy_nets": noisy, "distribution": distribution, "quantiles": 5, "double_dqn": True}
    for dueling, noisy, distribution in itertools.product((False, True), (False, True), ("none", "quantile"))
]


def picture_config(**changes: Any) -> TrainingConfig:
    return short_config(env_id=CATCH, **changes)


# ------------------------------------------------------------------------------------------------------ the networks


@pytest.mark.parametrize(
    ("picture", "kind", "count"),
    [
        # Young & Tian 2019: 16 (4 * 9 + 1) + 128 (16 * 64 + 1) + 3 (128 + 1)
        (BREAKOUT, "minatar", 592 + 131_200 + 387),
        # Mnih et al. 2015: 32 (4 * 64 + 1) + 64 (32 * 16 + 1) + 64 (64 * 9 + 1) + 512 (64 * 49 + 1) + 3 (512 + 1)
        (ATARI, "nature", 8_224 + 32_832 + 36_928 + 1_606_144 + 1_539),
        # 16, 32, 32 channels: 5 convolutions each, then 32 * 11 * 11 -> 256 -> 3
        (ATARI, "impala", 592 + 4 * 2_320 + 4_640 + 9 * 9_248 + 256 * 3_873 + 3 * 257),
    ],
)
def test_the_networks_have_as_many_parameters_as_their_papers_say(
    picture: PictureShape, kind: NetworkKind, count: int
) -> None:
    config = TrainingConfig(network=kind)
    network = network_of(config, picture.size, 3, picture)
    weights = initial_weights(np.random.default_rng(0), network)
    assert parameter_count(network) == sum(each.size for each in weights.values()) == count
    check_weights(weights, network)
    assert sum(layer.parameters for layer in layer_reports(config, picture.size, 3, picture)) == count


def test_kernels_are_he_uniform_and_biases_zero() -> None:
    network = network_of(TrainingConfig(), ATARI.size, 3, ATARI)
    weights = initial_weights(np.random.default_rng(0), network)
    limit = (6 / (32 * 16)) ** 0.5
    kernels = weights["layers.1.weight"]
    assert kernels.shape == (64, 32, 4, 4)
    assert 0.99 * limit < np.abs(kernels).max() <= limit
    assert not any(array.any() for name, array in weights.items() if name.endswith("bias"))


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (None, "dense"),
        (PictureShape(10, 10, 10), "minatar"),
        (PictureShape(20, 20, 3), "minatar"),
        (PictureShape(2, 2, 3), "dense"),
        (PictureShape(30, 30, 3), "minatar"),  # Nature's kernels need 36 pixels
        (PictureShape(36, 36, 3), "nature"),
        (PictureShape(96, 96, 3), "nature"),
        (ATARI, "nature"),
    ],
)
def test_auto_is_chosen_by_the_shape(picture: PictureShape | None, kind: NetworkKind) -> None:
    size = 4 if picture is None else picture.size
    assert network_of(TrainingConfig(), size, 2, picture).kind == kind


def test_what_does_not_go_together_is_refused_in_words() -> None:
    for config, picture, words in (
        (TrainingConfig(network="minatar"), None, "CartPole-v1 is none"),
        (TrainingConfig(network="nature"), BREAKOUT, "10 x 10"),
        (TrainingConfig(normalize_observations=True), BREAKOUT, "turn it off"),
    ):
        with pytest.raises(ConfigError, match=words):
            network_of(config, 400, 3, picture)
    with pytest.raises(ConfigError, match="does not cover network"):
        TrainingConfig(network="impala", compute="fused")
    with pytest.raises(UnavailableComputeError, match="nature"):
        make_learner(TrainingConfig(compute="fused"), ATARI.size, 3, np.random.default_rng(0), ATARI)


def test_impala_fits_any_picture_and_dense_ignores_that_it_is_one() -> None:
    assert network_of(TrainingConfig(network="impala"), 400, 3, BREAKOUT).sizes == (32 * 2 * 2, 256, 3)
    assert network_of(TrainingConfig(network="dense"), 400, 3, BREAKOUT).sizes == (400, 32, 32, 3)


# ------------------------------------------------------------------------------------------------------ the pictures


@pytest.mark.parametrize(
    ("space", "picture"),
    [
        (Box(0, 255, (96, 96, 3), np.uint8), PictureShape(96, 96, 3)),
        (Box(0, 1, (10, 10, 4), bool), BREAKOUT),
        (Box(0, 1, (5, 7, 3), np.float32), PictureShape(5, 7, 3, high=1.0, unit=1 / 255)),
        (Box(0, 10, (7, 7, 3), np.int64), PictureShape(7, 7, 3, high=10.0)),
        (Box(0, 255, (4, 84, 84), np.uint8), PictureShape(84, 84, 4, channels_first=True)),
        (Box(-1, 1, (10, 10, 4), np.float32), None),
        (Box(0, np.inf, (10, 10, 4), np.float32), None),
        (Box(0, 300, (10, 10, 4), np.int32), None),
        (Box(0, 255, (10, 10), np.uint8), None),
        (Box(0, 0, (3, 3, 3), np.uint8), None),
    ],
)
def test_a_space_says_whether_it_is_of_pictures(space: Box, picture: PictureShape | None) -> None:
    assert picture_of(space) == picture


def test_a_stack_of_frames_is_known_as_one() -> None:
    assert inspect_environment(CATCH_STACK).picture == PictureShape(40, 40, 4, channels_first=True, frames=4)
    assert inspect_environment(CATCH).picture == PictureShape(10, 10, 2, high=1.0)
    assert inspect_environment("CartPole-v1").picture is None


@pytest.mark.parametrize("env_id", [CATCH, CATCH_STACK, CATCH_GREY])
def test_the_network_sees_the_picture_as_it_lies(env_id: str) -> None:
    config = TrainingConfig(env_id=env_id, compute="torch-cpu")
    environment = make_environment(env_id)
    seen = np.stack([environment.reset(seed=1)[0], *(environment.step(2)[0] for _ in range(5))])
    report = inspect_environment(env_id)
    learner, _ = make_learner(config, seen.shape[1], 3, np.random.default_rng(0), report.picture)
    assert isinstance(learner, TorchLearner)
    shape = environment.observation_space.shape
    assert shape is not None
    x = torch.from_numpy(seen.reshape(-1, *shape) / environment.observation_space.high.max()).float()
    x = x if env_id == CATCH_STACK else x.permute(0, 3, 1, 2)
    layers = list(learner.online.layers)
    convolutions = len(learner.network.convolutions)
    for layer in layers[:convolutions]:
        x = functional.relu(layer(x))
    x = x.flatten(1)
    for layer in layers[convolutions:-1]:
        x = functional.relu(layer(x))
    expected = layers[-1](x).detach().numpy()
    np.testing.assert_allclose(learner.q_values(seen), expected, rtol=1e-5, atol=1e-6)
    assert [learner.act(each) for each in seen] == expected.argmax(1).tolist()


# ---------------------------------------------------------------------------------------------- learned with, exported


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_variant_trains_resumes_plays_and_exports(tmp_path: Path, variant: dict[str, Any]) -> None:
    config = picture_config(**variant, n_step=3, prioritized_replay=True, max_episodes=12)
    events = list(Trainer(config).events())
    assert len(of_kind(events, EpisodeEnded)) == 12

    checkpoint = of_kind(events, CheckpointReady)[-1]
    write_checkpoint(tmp_path / "checkpoint.safetensors", checkpoint)
    read = read_checkpoint(tmp_path / "checkpoint.safetensors")
    resumed = Trainer(config.replace(max_episodes=16), resume_from=read)
    list(resumed.events())
    assert resumed.state.episode == 16

    weights = resumed.state.learner.weights()
    played = roll_out(config, weights, seed=1)
    assert played.observations.shape == (played.length + 1, 200)
    folder = RunFolder.create(tmp_path / "run", config)
    folder.write_snapshot(snapshot_of(weights))
    (folder.path / "episodes.csv").touch()
    model = onnx_file(content_of_folder(folder.path), "best")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    seen = played.observations.astype(np.float32)
    (q_values,) = session.run(["q_values"], {"observations": seen})
    expected = policy_with(config, weights).q_values(seen)
    np.testing.assert_allclose(q_values, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("env_id", "network"), [(CATCH, "impala"), (CATCH_STACK, "nature"), (CATCH_STACK, "impala"), (CATCH_GREY, "auto")]
)
def test_every_network_is_exported(tmp_path: Path, env_id: str, network: Any) -> None:
    config = short_config(env_id=env_id, network=network)
    report = inspect_environment(env_id)
    learner, _ = make_learner(config, report.observation_size, 3, np.random.default_rng(0), report.picture)
    generator = np.random.default_rng(1)  # no layer is to be left at 0
    weights = {
        name: array + np.float32(0.01) * generator.standard_normal(array.shape, np.float32)
        for name, array in learner.weights().items()
    }
    learner.load_weights(weights)
    folder = RunFolder.create(tmp_path / "run", config)
    folder.write_snapshot(snapshot_of(weights))
    (folder.path / "episodes.csv").touch()
    session = onnxruntime.InferenceSession(
        onnx_file(content_of_folder(folder.path), "best"), providers=["CPUExecutionProvider"]
    )
    environment = make_environment(env_id)
    seen = np.stack([environment.reset(seed=1)[0], *(environment.step(2)[0] for _ in range(5))])
    (q_values,) = session.run(["q_values"], {"observations": seen})
    np.testing.assert_allclose(q_values, learner.q_values(seen), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("env_id", "compute"), [(CATCH, "fused"), (CATCH, "torch-cpu"), (CATCH_STACK, "torch-cpu"), (CATCH_GREY, "fused")]
)
def test_a_run_goes_on_bit_for_bit(env_id: str, compute: Any) -> None:
    config = short_config(env_id=env_id, compute=compute, max_episodes=8, n_step=3, prioritized_replay=True)
    events = of_kind(Trainer(config).events(), CheckpointReady)
    checkpoint = Checkpoint(arrays=events[0].arrays, values=events[0].values)
    whole, resumed = Trainer(config), Trainer(config, resume_from=checkpoint)
    for trainer in (whole, resumed):
        (ended,) = of_kind(trainer.events(), RunEnded)
        assert ended.reason is EndReason.MAX_EPISODES, ended
    assert whole.state.updates == resumed.state.updates > 20
    first, second = whole.state.arrays(), resumed.state.arrays()
    assert first.keys() == second.keys()
    assert [name for name in first if not np.array_equal(first[name], second[name])] == []


def test_an_agent_learns_to_catch_the_ball() -> None:
    config = TrainingConfig(
        env_id=CATCH,
        compute="fused",
        batch_size=32,
        warmup_steps=500,
        buffer_size=5_000,
        learning_rate=5e-4,
        gamma=0.97,
        n_step=3,
        loss="huber",
        target_update="steps",
        target_update_every=200,
        epsilon_schedule="linear_steps",
        epsilon_decay_steps=2_500,
        epsilon_end=0.02,
        max_env_steps=4_200,
        max_episodes=5_000,
        evaluate_every=100,
        evaluation_episodes=20,
    )
    ended = of_kind(Trainer(config).events(), EpisodeEnded)
    returns = [each.eval_return for each in ended if not math.isnan(each.eval_return)]
    assert returns[-1] == 1.0  # the compiled learner gives the same on every CPU


@pytest.mark.parametrize("compute", ["fused", "torch-cpu"])
def test_an_update_on_pictures_is_explained(compute: Any) -> None:
    config = picture_config(compute=compute, dueling=True)
    checkpoint = of_kind(Trainer(config).events(), CheckpointReady)[-1]
    agent = AgentCheckpoint(Checkpoint(arrays=checkpoint.arrays, values=checkpoint.values))
    told = agent.explain(agent.draw(3))
    assert told.terms.q_values.shape == told.q_after.shape == (16, 3)
    assert told.gradients["layers.0.weight"].shape == (16, 2, 3, 3)
    assert told.gradient_norm > 0


def test_what_a_dense_network_learned_of_pictures_before_is_still_read() -> None:
    config = picture_config(network="dense")
    trainer = Trainer(config)
    list(trainer.events())
    weights = trainer.state.learner.weights()
    earlier = config.replace(network="auto")  # as it is read from a file without the field
    assert as_trained(earlier, weights, inspect_environment(CATCH).picture) == config
    observation = np.zeros(200, np.float32)
    np.testing.assert_array_equal(
        policy_with(earlier, weights).q_values(observation[None]),
        policy_with(config, weights).q_values(observation[None]),
    )
