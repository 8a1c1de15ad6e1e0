from __future__ import annotations

import numpy as np
import pytest

from dqn_core.algorithm.compute import make_learner
from dqn_core.config import TrainingConfig
from dqn_core.training.report import layer_reports, report_text


@pytest.mark.parametrize(
    "changes", [{}, {"dueling": True}, {"noisy_nets": True}, {"distribution": "quantile", "quantiles": 3}]
)
def test_layers_are_those_of_the_network_that_is_trained(changes: dict[str, object]) -> None:
    config = TrainingConfig(compute="torch-cpu", **changes)
    layers = layer_reports(config, 4, 2)
    weights = make_learner(config, 4, 2, np.random.default_rng(0))[0].weights()
    assert sum(layer.parameters for layer in layers) == sum(array.size for array in weights.values())
    assert [(layer.outputs, layer.inputs) for layer in layers] == [
        weights[f"{layer.name}.weight"].shape for layer in layers
    ]
    assert [layer.activation for layer in layers] == ["ReLU", "ReLU", "linear"]


def test_the_labs_network_is_told_with_its_parameters() -> None:
    assert "total 1,282 parameters" in report_text(TrainingConfig())
