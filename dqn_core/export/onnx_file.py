"""The online network as an ONNX model, for runtimes without Python or PyTorch.

Input ``observations`` [batch, D] float32, of a picture too: its numbers in their order; outputs ``q_values``
[batch, A] float32 and ``action`` [batch] int64, the greedy one. Noise is left out, as when the agent is evaluated.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dqn_core.algorithm.compute import make_learner
from dqn_core.algorithm.networks import Network, PictureShape, as_network, network_of, network_sizes, sizes_of
from dqn_core.algorithm.normalization import INPUT
from dqn_core.algorithm.normalization import MOST_DEVIATIONS as _MOST
from dqn_core.config import TrainingConfig
from dqn_core.environments.make import inspect_environment
from dqn_core.errors import ExportError, UnsupportedEnvironmentError, mark
from dqn_core.export.run_content import RunContent

if TYPE_CHECKING:
    import onnx

__all__ = ["check_onnx", "onnx_file"]

_OPSET, _IR_VERSION = 17, 8
"""Of 2022: what current runtimes read, in browsers and on small devices too."""
_TOLERANCE = 1e-5
_CHECKED_STATES = 64
_KERNEL_AXES = 4
_IMPALA_SECTION = 5
"""Convolutions of each section: the first, and two in each of its two residual blocks."""


def onnx_file(content: RunContent, weights: str) -> bytes:
    """The model of a snapshot, compared with the learner where onnxruntime is installed.

    Raises
    ------
    RunFolderError
        The run keeps no snapshot of this name, or its weights are not its config's network.
    ExportError
        The model does not compute what the learner does.
    """
    config, arrays = content.config, content.folder.snapshot_weights(weights)
    model = _model(config, arrays)
    about = {"run_id": content.run_id, "snapshot": weights, "env_id": config.env_id} | _names(config)
    for name, value in about.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = name, value
    serialized: bytes = model.SerializeToString()
    if importlib.util.find_spec("onnxruntime") is not None:
        check_onnx(serialized, config, arrays)
    return serialized


def check_onnx(model: bytes, config: TrainingConfig, weights: Mapping[str, np.ndarray]) -> float:
    """Largest difference of Q-values between the model and the learner, on random states.

    Raises :class:`ExportError` where it is more than 1e-5 and than the 1e-5th part of a state's largest Q-value.
    """
    import onnxruntime

    network = _network(config, weights)
    generator, n_actions = np.random.default_rng(0), _n_actions(config, network.sizes[-1])
    config = config.replace(compute="torch-cpu", network=network.kind)
    learner, _ = make_learner(config, network.observation_size, n_actions, generator, network.picture)
    learner.load_weights(weights)
    shape = (_CHECKED_STATES, network.observation_size)
    if network.picture is None:
        observations = np.random.default_rng(0).standard_normal(shape, np.float32)
    else:
        observations = np.random.default_rng(0).random(shape, np.float32) * np.float32(network.picture.high)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (found,) = session.run(["q_values"], {"observations": observations})
    expected = learner.q_values(observations)
    difference = np.abs(found - expected)
    if not (difference <= _TOLERANCE * np.maximum(1.0, np.abs(expected).max(1, keepdims=True))).all():
        template = mark("The ONNX model's Q-values differ from the learner's by {difference}, so it was not written.")
        raise ExportError(template, difference=float(difference.max()))
    return float(difference.max())


def _network(config: TrainingConfig, weights: Mapping[str, np.ndarray]) -> Network:
    """What ``weights`` are of; for convolutions, the environment has to say how its pictures lie."""
    if not any(array.ndim == _KERNEL_AXES for array in weights.values()):
        return as_network(sizes_of(weights))
    report = inspect_environment(*config.environment)
    return network_of(config, report.observation_size, report.n_actions, report.picture)


def _model(config: TrainingConfig, weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    from onnx import TensorProto, checker, helper, numpy_helper

    network = _network(config, weights)
    n_outputs = network.sizes[-1]
    constants = {name: array for name, array in weights.items() if not name.endswith(("_sigma", ".count"))}
    nodes, first = [], "observations"
    if config.normalize_observations:
        constants["least"], constants["most"] = (np.array(each, np.float32) for each in (-_MOST, _MOST))
        nodes, first = _normalizing(), "normalized"
    if network.picture is not None:
        constants |= _picture_constants(network.picture)
        nodes, first = _convolutions(network, network.picture), "features"
    layers = range(len(network.convolutions), sum(name.endswith(".weight") for name in constants))
    nodes += _layers(layers, first)
    if config.distribution == "quantile":
        constants["rows"] = np.array([0, config.quantiles, -1], np.int64)
        nodes.append(helper.make_node("Reshape", ["outputs", "rows"], ["quantile_outputs"]))
    if config.dueling:
        constants["heads"] = np.array([1, _n_actions(config, n_outputs)], np.int64)
        nodes += _dueling("quantile_outputs" if config.distribution == "quantile" else "outputs")
    nodes += _reading(config)
    graph = helper.make_graph(
        nodes,
        f"Q-network for {config.env_id}",
        [helper.make_tensor_value_info("observations", TensorProto.FLOAT, ["batch", network.observation_size])],
        [
            helper.make_tensor_value_info("q_values", TensorProto.FLOAT, ["batch", _n_actions(config, n_outputs)]),
            helper.make_tensor_value_info("action", TensorProto.INT64, ["batch"]),
        ],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in sorted(constants.items())],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION, producer_name="DQN Lab"
    )
    checker.check_model(model, full_check=True)
    return model


def _normalizing() -> list[Any]:
    """``normalized``, as :class:`~dqn_core.algorithm.normalization.NormalizedLearner` does it."""
    from onnx import helper

    return [
        helper.make_node("Sub", ["observations", f"{INPUT}mean"], ["centred_observations"]),
        helper.make_node("Mul", ["centred_observations", f"{INPUT}scale"], ["scaled_observations"]),
        helper.make_node("Clip", ["scaled_observations", "least", "most"], ["normalized"]),
    ]


def _picture_constants(picture: PictureShape) -> dict[str, np.ndarray]:
    sides = (picture.height, picture.width)
    shape = (picture.channels, *sides) if picture.channels_first else (*sides, picture.channels)
    return {"picture_shape": np.array([-1, *shape], np.int64), "scale": np.array(1.0 / picture.high, np.float32)}


def _convolutions(network: Network, picture: PictureShape) -> list[Any]:
    """``features`` of pictures, as :class:`~dqn_core.algorithm.torch_network.QNetwork` computes them."""
    from onnx import helper

    axes = [0, 1, 2, 3] if picture.channels_first else [0, 3, 1, 2]
    nodes = [
        helper.make_node("Reshape", ["observations", "picture_shape"], ["pictures"]),
        helper.make_node("Transpose", ["pictures"], ["channels"], perm=axes),
        helper.make_node("Mul", ["channels", "scale"], ["scaled"]),
    ]
    x, block = "scaled", ""
    for i, each in enumerate(network.convolutions):
        place = i % _IMPALA_SECTION
        if network.kind == "impala" and place > 0:
            nodes.append(helper.make_node("Relu", [x], [f"block_relu.{i}"]))
            block, x = (x, f"block_relu.{i}") if place % 2 else (block, f"block_relu.{i}")
        names = [x, f"layers.{i}.weight", f"layers.{i}.bias"]
        nodes.append(
            helper.make_node(
                "Conv",
                names,
                [f"convolution.{i}"],
                kernel_shape=[each.kernel] * 2,
                strides=[each.stride] * 2,
                pads=[each.padding] * 4,
            )
        )
        x = f"convolution.{i}"
        if network.kind != "impala":
            nodes.append(helper.make_node("Relu", [x], [f"relu.{i}"]))
            x = f"relu.{i}"
        elif place == 0:
            nodes.append(
                helper.make_node("MaxPool", [x], [f"maximum.{i}"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
            )
            x = f"maximum.{i}"
        elif place % 2 == 0:
            nodes.append(helper.make_node("Add", [block, x], [f"block.{i}"]))
            x = f"block.{i}"
    if network.kind == "impala":
        nodes.append(helper.make_node("Relu", [x], ["last_relu"]))
        x = "last_relu"
    return [*nodes, helper.make_node("Flatten", [x], ["features"])]


def _layers(numbers: range, x: str) -> list[Any]:
    """``outputs`` of the dense layers of these ``numbers`` for ``x``, with ReLU between the layers."""
    from onnx import helper

    nodes = []
    for i in numbers:
        y = "outputs" if i == numbers[-1] else f"hidden.{i}"
        nodes.append(helper.make_node("Gemm", [x, f"layers.{i}.weight", f"layers.{i}.bias"], [y], transB=1))
        if y != "outputs":
            nodes.append(helper.make_node("Relu", [y], [f"relu.{i}"]))
        x = f"relu.{i}"
    return nodes


def _dueling(outputs: str) -> list[Any]:
    """``dueling = V + (A - mean A)`` along the last axis, as :func:`~dqn_core.algorithm.targets.dueling_q`."""
    from onnx import helper

    return [
        helper.make_node("Split", [outputs, "heads"], ["value", "advantages"], axis=-1),
        helper.make_node("ReduceMean", ["advantages"], ["mean_advantage"], axes=[-1], keepdims=1),
        helper.make_node("Sub", ["advantages", "mean_advantage"], ["centred"]),
        helper.make_node("Add", ["value", "centred"], ["dueling"]),
    ]


def _reading(config: TrainingConfig) -> list[Any]:
    """``q_values`` from whatever came last, and the greedy ``action``, the lowest of equals."""
    from onnx import helper

    is_quantile = config.distribution == "quantile"
    last = "dueling" if config.dueling else "quantile_outputs" if is_quantile else "outputs"
    mean = helper.make_node("ReduceMean", [last], ["q_values"], axes=[1], keepdims=0)
    return [
        mean if is_quantile else helper.make_node("Identity", [last], ["q_values"]),
        helper.make_node("ArgMax", ["q_values"], ["action"], axis=1, keepdims=0),
    ]


def _n_actions(config: TrainingConfig, n_outputs: int) -> int:
    """Actions of the network of ``config`` that has ``n_outputs``: the inverse of :func:`network_sizes`."""
    per_action = network_sizes(config, 1, 1)[-1] - network_sizes(config, 1, 0)[-1]
    return (n_outputs - network_sizes(config, 1, 0)[-1]) // per_action


def _names(config: TrainingConfig) -> dict[str, str]:
    """What the numbers of an observation and the actions are called; nothing where the environment is not here."""
    try:
        report = inspect_environment(*config.environment)
    except UnsupportedEnvironmentError:
        return {}
    return {"observation_names": ", ".join(report.observation_names), "action_names": ", ".join(report.action_names)}
