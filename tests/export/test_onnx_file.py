from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from dqn_core.algorithm.compute import make_learner
from dqn_core.config import TrainingConfig
from dqn_core.errors import ExportError, RunFolderError
from dqn_core.export.onnx_file import check_onnx, onnx_file
from dqn_core.export.run_content import content_of_folder
from dqn_core.training.run_folder import RunFolder
from trainer_runs import snapshot_of

VARIANTS = [
    {"dueling": dueling, "noisy_nets": noisy, "distribution": distribution, "quantiles": 7, "hidden_sizes": hidden}
    for dueling, noisy, distribution, hidden in itertools.product(
        (False, True), (False, True), ("none", "quantile"), ((), (8,), (16, 5))
    )
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_model_of_every_variant_computes_what_its_learner_does(tmp_path: Path, variant: dict[str, object]) -> None:
    config = TrainingConfig(env_id="LunarLander-v3", compute="torch-cpu", **variant)
    learner, _ = make_learner(config, 8, 4, np.random.default_rng(3))
    weights = {name: array + 0.1 for name, array in learner.weights().items()}  # biases too
    learner.load_weights(weights)
    folder = RunFolder.create(tmp_path / "run", config)
    folder.write_snapshot(snapshot_of(weights))
    (folder.path / "episodes.csv").touch()
    model = onnx_file(content_of_folder(folder.path), "best")

    observations = np.random.default_rng(5).normal(size=(33, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    q_values, actions = session.run(["q_values", "action"], {"observations": observations})
    expected = learner.q_values(observations)
    np.testing.assert_allclose(q_values, expected, rtol=1e-5, atol=1e-5)
    assert q_values.shape == (33, 4)
    np.testing.assert_array_equal(actions, q_values.argmax(1))
    assert actions.tolist() == [learner.act(each) for each in observations]
    assert check_onnx(model, config, weights) <= 1e-5 * max(1.0, float(np.abs(expected).max()))


def test_the_model_says_what_it_is(run_path: Path) -> None:
    model = onnx.load_from_string(onnx_file(content_of_folder(run_path), "last"))
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about["env_id"] == "CartPole-v1"
    assert about["run_id"] == "run"
    assert about["snapshot"] == "last"
    assert "pole angle" in about["observation_names"]
    assert about["action_names"] == "push left, push right"
    assert [each.name for each in model.graph.input] == ["observations"]


def test_a_model_that_computes_something_else_is_refused(run_path: Path) -> None:
    content = content_of_folder(run_path)
    weights = content.folder.weights("best")
    model = onnx_file(content, "best")
    wrong = weights | {"layers.0.bias": weights["layers.0.bias"] + 1e-3}
    with pytest.raises(ExportError, match="differ from the learner's"):
        check_onnx(model, content.config, wrong)
    broken = weights | {"layers.0.bias": np.full_like(weights["layers.0.bias"], math.nan)}
    with pytest.raises(ExportError, match="differ from the learner's"):
        check_onnx(model, content.config, broken)


def test_a_run_without_these_weights_says_so(run_path: Path) -> None:
    content = content_of_folder(run_path)
    with pytest.raises(RunFolderError, match="no weights"):
        onnx_file(content, "episode-00000999")
    with pytest.raises(RunFolderError, match="no snapshot's name"):
        onnx_file(replace(content, run_id="other"), "../best")
