"""The Q-network's shape, its weights by name, and their first values.

Layers with ReLU between them: observation [D] -> outputs, from which the Q-values [A] are read:

    plain        the outputs [A] themselves
    dueling      [1 + A]: a state value, then an advantage for each action (targets.dueling_q)
    quantile     N of these rows one after the other: a quantile each of every action's return; Q is their mean
    noisy        any of these, with a learned noise on every weight (Fortunato et al. 2018, eq. 9)

A dense network is a multi-layer perceptron. The others begin with convolutions over an observation that is a
:class:`PictureShape`, and end in dense layers, which alone are noisy where the network is:

    minatar   16 of 3x3; dense 128                                                (Young & Tian 2019, section 3)
    nature    32 of 8x8 stride 4, 64 of 4x4 stride 2, 64 of 3x3; dense 512        (Mnih et al. 2015, methods)
    impala    three sections of 16, 32 and 32 channels, each: a convolution of 3x3, a maximum over 3x3 stride 2, and
              two residual blocks of two convolutions of 3x3, with a ReLU before each of these; then ReLU; dense 256
              (Espeholt et al. 2018, figure 3 right: 15 convolutions; without its LSTM)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dqn_core.config import TrainingConfig
from dqn_core.errors import ConfigError, FieldProblem, RunFolderError, mark

__all__ = [
    "Convolution",
    "Layers",
    "Network",
    "NetworkKind",
    "PictureShape",
    "as_network",
    "as_trained",
    "check_weights",
    "initial_weights",
    "layer_sizes",
    "network_of",
    "network_sizes",
    "parameter_count",
    "sizes_of",
    "weight_shapes",
]

Weights = dict[str, NDArray[np.float32]]
"""``layers.{i}.weight`` [out, in], or of a convolution [out, in, K, K], and ``layers.{i}.bias`` [out] of each layer,
float32, in the layers' order; beside them ``layers.{i}.weight_sigma`` and ``layers.{i}.bias_sigma`` of the same shapes
where the layer is noisy."""

NetworkKind = Literal["dense", "minatar", "nature", "impala"]

_SIGMA = 0.5  # sigma_0 of Fortunato et al. 2018, section 3.2, for factorised noise
_SMALL = 20
"""Sides up to which a picture is one of MinAtar's kind."""
_CONVOLUTIONS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "minatar": ((16, 3, 1),),
    "nature": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),
}
"""Outputs, width of the kernel and stride of each."""
_DENSE = {"minatar": 128, "nature": 512, "impala": 256}
"""Width of the dense layer between the convolutions and the outputs."""
_SECTIONS = (16, 32, 32)
"""Channels of IMPALA's."""
_KERNEL_AXES = 4
_BLOCKS = 2
"""Residual blocks of each section."""


class PictureShape(NamedTuple):
    """An observation [D] that is a picture: how its numbers lie, and what they are from 0 to."""

    height: int
    width: int
    channels: int
    channels_first: bool = False
    """Whether the numbers are those of [channels, height, width], row by row; else of [height, width, channels]."""
    high: float = 255.0
    """The largest number; the network sees each divided by it."""
    unit: float = 1.0
    """What 1 stands for where a number is kept in a byte."""
    frames: int = 1
    """Consecutive states that the channels are of, one each, the newest last; 1 where all are of the newest."""

    @property
    def size(self) -> int:
        """D: numbers of an observation."""
        return self.height * self.width * self.channels


class Convolution(NamedTuple):
    """One convolution, and the size of what it gives."""

    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    height: int
    width: int
    """Of its outputs, before any maximum is taken over them."""


@dataclass(frozen=True)
class Network:
    """A Q-network's layers."""

    kind: NetworkKind
    sizes: tuple[int, ...]
    """Of the dense layers: from the observation, or the outputs of the last convolution, to the network's outputs."""
    picture: PictureShape | None = None
    """How convolutions read an observation; None where there are none."""
    convolutions: tuple[Convolution, ...] = ()

    @property
    def observation_size(self) -> int:
        """D: numbers of an observation."""
        return self.sizes[0] if self.picture is None else self.picture.size

    @property
    def units(self) -> int:
        """Numbers of an observation and of every layer's outputs together: what one row of a batch takes."""
        hidden = sum(each.outputs * each.height * each.width for each in self.convolutions)
        return self.observation_size + hidden + sum(self.sizes[1:])


Layers = Network | Sequence[int]
"""A network, or the layer sizes of a dense one."""


def layer_sizes(observation_size: int, hidden_sizes: Sequence[int], n_actions: int) -> tuple[int, ...]:
    """Widths from the observation to the Q-values: (4, 32, 32, 2) for CartPole with two hidden layers of 32."""
    return (observation_size, *hidden_sizes, n_actions)


def network_sizes(config: TrainingConfig, observation_size: int, n_actions: int) -> tuple[int, ...]:
    """Layer sizes of the dense network that ``config`` asks for, outputs included."""
    return layer_sizes(observation_size, config.hidden_sizes, _outputs(config, n_actions))


def _outputs(config: TrainingConfig, n_actions: int) -> int:
    rows = config.quantiles if config.distribution == "quantile" else 1
    return rows * (n_actions + config.dueling)


def network_of(
    config: TrainingConfig, observation_size: int, n_actions: int, picture: PictureShape | None = None
) -> Network:
    """The network that ``config`` asks for, for observations of ``observation_size`` numbers, a ``picture`` perhaps.

    Raises
    ------
    ConfigError
        It asks for convolutions over what is no picture, or is too small for them, or together with a setting that
        they do not go with.
    """
    kind = config.network if config.network != "auto" else _by_shape(picture)
    if kind == "dense":
        return Network("dense", network_sizes(config, observation_size, n_actions))
    if picture is None:
        template = mark("needs an observation that is a picture; that of {env_id} is none: choose auto or dense")
        raise ConfigError((FieldProblem("network", config.network, template, {"env_id": config.env_id}),))
    if config.normalize_observations:
        template = mark("is for dense networks, and this one is {kind}: turn it off, or set network to dense")
        raise ConfigError((FieldProblem("normalize_observations", True, template, {"kind": kind}),))
    convolutions = tuple(_impala(picture) if kind == "impala" else _plain(kind, picture))
    last = convolutions[-1]
    if min(last.height, last.width) < 1:
        template = mark("is too large for a picture of {height} x {width}: choose auto, impala or dense")
        values: dict[str, object] = {"height": picture.height, "width": picture.width}
        raise ConfigError((FieldProblem("network", config.network, template, values),))
    sizes = (last.outputs * last.height * last.width, _DENSE[kind], _outputs(config, n_actions))
    return Network(kind, sizes, picture, convolutions)


def _by_shape(picture: PictureShape | None) -> NetworkKind:
    """What "auto" stands for: by the picture's size, the largest of those networks that it is large enough for."""
    if picture is None:
        return "dense"
    fitting: tuple[NetworkKind, ...] = ("minatar",)
    if max(picture.height, picture.width) > _SMALL:
        fitting = ("nature", "minatar")
    for kind in fitting:
        last = list(_plain(kind, picture))[-1]
        if min(last.height, last.width) >= 1:
            return kind
    return "dense"


def _plain(kind: NetworkKind, picture: PictureShape) -> Iterator[Convolution]:
    height, width, channels = picture.height, picture.width, picture.channels
    for outputs, kernel, stride in _CONVOLUTIONS[kind]:
        height, width = ((side - kernel) // stride + 1 if side >= kernel else 0 for side in (height, width))
        yield Convolution(channels, outputs, kernel, stride, 0, height, width)
        channels = outputs


def _impala(picture: PictureShape) -> Iterator[Convolution]:
    height, width, channels = picture.height, picture.width, picture.channels
    for outputs in _SECTIONS:
        yield Convolution(channels, outputs, 3, 1, 1, height, width)
        height, width = (height + 1) // 2, (width + 1) // 2  # by the maximum over 3x3 of what is padded by 1
        channels = outputs
        for _ in range(2 * _BLOCKS):
            yield Convolution(channels, channels, 3, 1, 1, height, width)


def as_trained(
    config: TrainingConfig, arrays: Mapping[str, NDArray[np.generic]], picture: PictureShape | None
) -> TrainingConfig:
    """``config`` with the network that ``arrays``, weights or a learner's state, are of.

    Before there were convolutions there was no such setting, and pictures were learned from by dense networks.
    """
    is_told = config.network != "auto" or picture is None
    if is_told or any(array.ndim == _KERNEL_AXES for array in arrays.values()):
        return config
    return config.replace(network="dense")


# ------------------------------------------------------------------------------------------------------- weights


def as_network(layers: Layers) -> Network:
    """The network of these ``layers``."""
    return layers if isinstance(layers, Network) else Network("dense", tuple(layers))


def weight_shapes(layers: Layers, *, noisy: bool = False) -> dict[str, tuple[int, ...]]:
    """Shape of each array by its name, in the layers' order."""
    network = as_network(layers)
    each: list[tuple[tuple[int, ...], bool]] = [
        ((conv.outputs, conv.inputs, conv.kernel, conv.kernel), False) for conv in network.convolutions
    ]
    each += [((n_out, n_in), noisy) for n_in, n_out in itertools.pairwise(network.sizes)]
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (shape, is_noisy) in enumerate(each):
        for suffix in ("", "_sigma") if is_noisy else ("",):
            shapes[f"layers.{i}.weight{suffix}"] = shape
            shapes[f"layers.{i}.bias{suffix}"] = shape[:1]
    return shapes


def parameter_count(layers: Layers, *, noisy: bool = False) -> int:
    """Trainable numbers of a network."""
    return sum(math.prod(shape) for shape in weight_shapes(layers, noisy=noisy).values())


def initial_weights(generator: np.random.Generator, layers: Layers, *, noisy: bool = False) -> Weights:
    """Initial weights: He-uniform (He et al. 2015, eq. 10: variance 2 / fan_in), biases zero.

    An output of a convolution has a fan-in of its kernel's size times its inputs. The second convolution of a residual
    block begins at 0, and so the block as the identity (Goyal et al. 2017, section 5.1): else Q-values would begin
    around -20. The noise begins with ``sigma = 0.5 / sqrt(fan_in)`` everywhere (Fortunato et al. 2018, section 3.2).
    """
    network = as_network(layers)
    weights: Weights = {}
    at_rest = {f"layers.{i}.weight" for i in range(len(network.convolutions)) if _ends_block(network, i)}
    for name, shape in weight_shapes(network, noisy=noisy).items():
        if name.endswith("_sigma"):
            fan_in = weights[name.replace("bias", "weight").removesuffix("_sigma")].shape[1]
            weights[name] = np.full(shape, _SIGMA / math.sqrt(fan_in), np.float32)
        elif len(shape) == 1 or name in at_rest:
            weights[name] = np.zeros(shape, np.float32)
        else:
            limit = math.sqrt(6.0 / math.prod(shape[1:]))  # a uniform on [-limit, limit] has variance limit**2 / 3
            weights[name] = generator.uniform(-limit, limit, shape).astype(np.float32)
    return weights


def _ends_block(network: Network, i: int) -> bool:
    """Whether convolution ``i`` is the second of a residual block: the third or fifth of a section."""
    place = i % (1 + 2 * _BLOCKS)
    return network.kind == "impala" and place > 0 and place % 2 == 0


def sizes_of(weights: Mapping[str, NDArray[np.float32]]) -> tuple[int, ...]:
    """Layer sizes of complete ``weights`` of a dense network."""
    count = sum(name.endswith(".bias") for name in weights)
    return (weights["layers.0.weight"].shape[1], *(weights[f"layers.{i}.bias"].shape[0] for i in range(count)))


def check_weights(weights: Mapping[str, NDArray[np.float32]], layers: Layers, *, noisy: bool = False) -> None:
    """Refuse ``weights`` that are not those of a network with these layers.

    Raises
    ------
    RunFolderError
        An array is missing, unknown, or has another shape; the message names it.
    """
    shapes = weight_shapes(layers, noisy=noisy)
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
