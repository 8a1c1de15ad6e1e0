"""The Q-network's shape, its weights by name, and their first values.

A multi-layer perceptron with ReLU between its layers: observation [D] -> outputs, from which the Q-values [A] are read:

    plain        the outputs [A] themselves
    dueling      [1 + A]: a state value, then an advantage for each action (targets.dueling_q)
    quantile     N of these rows one after the other: a quantile each of every action's return; Q is their mean
    noisy        any of these, with a learned noise on every weight (Fortunato et al. 2018, eq. 9)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.errors import RunFolderError, mark

__all__ = [
    "check_weights",
    "initial_weights",
    "layer_sizes",
    "network_sizes",
    "parameter_count",
    "sizes_of",
    "weight_shapes",
]

Weights = dict[str, NDArray[np.float32]]
"""``layers.{i}.weight`` [out, in] and ``layers.{i}.bias`` [out] of each layer, float32, in the layers' order;
beside them ``layers.{i}.weight_sigma`` and ``layers.{i}.bias_sigma`` of the same shapes where the network is noisy."""

_SIGMA = 0.5  # sigma_0 of Fortunato et al. 2018, section 3.2, for factorised noise


def layer_sizes(observation_size: int, hidden_sizes: Sequence[int], n_actions: int) -> tuple[int, ...]:
    """Widths from the observation to the Q-values: (4, 32, 32, 2) for CartPole with two hidden layers of 32."""
    return (observation_size, *hidden_sizes, n_actions)


def network_sizes(config: TrainingConfig, observation_size: int, n_actions: int) -> tuple[int, ...]:
    """Layer sizes of the network that ``config`` asks for, outputs included."""
    rows = config.quantiles if config.distribution == "quantile" else 1
    return layer_sizes(observation_size, config.hidden_sizes, rows * (n_actions + config.dueling))


def weight_shapes(sizes: Sequence[int], *, noisy: bool = False) -> dict[str, tuple[int, ...]]:
    """Shape of each array by its name, in the layers' order."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        for suffix in ("", "_sigma") if noisy else ("",):
            shapes[f"layers.{i}.weight{suffix}"] = (n_out, n_in)
            shapes[f"layers.{i}.bias{suffix}"] = (n_out,)
    return shapes


def parameter_count(sizes: Sequence[int], *, noisy: bool = False) -> int:
    """Trainable numbers of a network with these layer sizes."""
    return sum(math.prod(shape) for shape in weight_shapes(sizes, noisy=noisy).values())


def initial_weights(generator: np.random.Generator, sizes: Sequence[int], *, noisy: bool = False) -> Weights:
    """Initial weights: He-uniform (He et al. 2015, eq. 10: variance 2 / fan_in), biases zero.

    The noise begins with ``sigma = 0.5 / sqrt(fan_in)`` everywhere (Fortunato et al. 2018, section 3.2).
    """
    weights: Weights = {}
    for name, shape in weight_shapes(sizes, noisy=noisy).items():
        if name.endswith("_sigma"):
            fan_in = weights[name.replace("bias", "weight").removesuffix("_sigma")].shape[1]
            weights[name] = np.full(shape, _SIGMA / math.sqrt(fan_in), np.float32)
        elif len(shape) == 1:
            weights[name] = np.zeros(shape, np.float32)
        else:
            limit = math.sqrt(6.0 / shape[1])  # a uniform on [-limit, limit] has variance limit**2 / 3
            weights[name] = generator.uniform(-limit, limit, shape).astype(np.float32)
    return weights


def sizes_of(weights: Mapping[str, NDArray[np.float32]]) -> tuple[int, ...]:
    """Layer sizes of complete ``weights``."""
    count = sum(name.endswith(".bias") for name in weights)
    return (weights["layers.0.weight"].shape[1], *(weights[f"layers.{i}.bias"].shape[0] for i in range(count)))


def check_weights(weights: Mapping[str, NDArray[np.float32]], sizes: Sequence[int], *, noisy: bool = False) -> None:
    """Refuse ``weights`` that are not those of a network with these sizes.

    Raises
    ------
    RunFolderError
        An array is missing, unknown, or has another shape; the message names it.
    """
    shapes = weight_shapes(sizes, noisy=noisy)
    for name in [*shapes, *weights]:
        if name not in weights:
            raise RunFolderError(
                mark("The weights lack {name}: use weights of a run with the same network."), name=name
            )
        if name not in shapes:
            template = mark(
                "The weights contain {name}, which this network does not have: use weights of a run with the "
                "same network."
            )
            raise RunFolderError(template, name=name)
        if weights[name].shape != shapes[name]:
            template = mark(
                "{name} has shape {shape}, but this network needs {wanted}: use weights of the same network."
            )
            raise RunFolderError(template, name=name, shape=weights[name].shape, wanted=shapes[name])
