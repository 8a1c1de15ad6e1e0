"""The Q-network as a torch module: dense or convolutional, plain, dueling, over quantiles, noisy, or all of these."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from dqn_core.algorithm.networks import Layers, PictureShape, as_network
from dqn_core.algorithm.targets import dueling_q
from dqn_core.config import TrainingConfig

__all__ = ["Noise", "NoisyLinear", "QNetwork", "as_channels"]

_BATCH_AXES = 4
_BLOCK = 5
"""Convolutions of an IMPALA section: its first, and two in each of its two residual blocks."""


class QNetwork(nn.Module):
    """Observations [B, D] -> Q-values [B, A]; ReLU between the layers.

    What its ``layers`` are stands in :mod:`dqn_core.algorithm.networks`; how Q-values are read from the outputs, in
    ``config``. Convolutions take pictures as bytes too, as the replay memory keeps them.

    Under torch's autocast the last layer still computes in float32: bfloat16 has no number between 100 and 100.5.
    """

    def __init__(self, layers: Layers, config: TrainingConfig, device: torch.device) -> None:
        super().__init__()
        network = as_network(layers)
        self.kind, self.picture, self.n_convolutions = network.kind, network.picture, len(network.convolutions)
        self.is_dueling = config.dueling
        self.n_quantiles = config.quantiles if config.distribution == "quantile" else 0
        kind = NoisyLinear if config.noisy_nets else nn.Linear
        # skip_init: torch would draw initial weights from its global generator; the run's own come from outside.
        make = nn.utils.skip_init
        convolutions = [
            make(nn.Conv2d, each.inputs, each.outputs, each.kernel, each.stride, each.padding, device=device)  # type: ignore[no-untyped-call]
            for each in network.convolutions
        ]
        dense = [make(kind, i, o, device=device) for i, o in itertools.pairwise(network.sizes)]  # type: ignore[no-untyped-call]
        self.layers = nn.ModuleList([*convolutions, *dense])
        if convolutions:
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Q-values [B, A]; with the values of a :class:`Noise`, where the network is noisy."""
        if self.n_quantiles:
            q: Tensor = self.quantiles(x, noise).mean(-2)
            return q
        outputs = self._outputs(x, noise)
        return dueling_q(outputs) if self.is_dueling else outputs

    def quantiles(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Quantiles of every action's return, [B, N, A]."""
        outputs = self._outputs(x, noise)
        rows: Tensor = outputs.unflatten(-1, (self.n_quantiles, -1))
        return dueling_q(rows) if self.is_dueling else rows

    def _outputs(self, x: Tensor, noise: Tensor | None) -> Tensor:
        if self.picture is not None:
            x = self._features(as_channels(x, self.picture))
        *hidden, last = self.layers[self.n_convolutions :]
        for layer in hidden:
            own, noise = _split(noise, layer)
            x = functional.relu(_applied(layer, x, own))
        if not torch.is_autocast_enabled(x.device.type):
            return _applied(last, x, noise)
        with torch.autocast(x.device.type, enabled=False):
            return _applied(last, x.float(), noise)

    def _features(self, x: Tensor) -> Tensor:
        """What the convolutions make of pictures [B, C, H, W], as vectors [B, features]."""
        convolutions = self.layers[: self.n_convolutions]
        if self.kind != "impala":
            for layer in convolutions:
                x = functional.relu(layer(x))
            return x.flatten(-3)
        for i in range(0, self.n_convolutions, _BLOCK):
            first, *blocks = convolutions[i : i + _BLOCK]
            x = functional.max_pool2d(first(x), 3, 2, 1)
            for inner, outer in zip(blocks[::2], blocks[1::2], strict=True):
                x = x + outer(functional.relu(inner(functional.relu(x))))
        return functional.relu(x).flatten(-3)


def as_channels(x: Tensor, picture: PictureShape) -> Tensor:
    """Pictures [B, D], or one [D], as the network sees them: [B, channels, height, width], from 0 to 1.

    Bytes stand for the numbers that they were made of, by :attr:`PictureShape.unit`.
    """
    if picture.channels_first:
        x = x.unflatten(-1, (picture.channels, picture.height, picture.width))
    else:
        x = x.unflatten(-1, (picture.height, picture.width, picture.channels)).movedim(-1, -3)
    scale = (picture.unit if x.dtype == torch.uint8 else 1.0) / picture.high
    x = x.float() if scale == 1.0 else x * scale
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == _BATCH_AXES else x


class NoisyLinear(nn.Linear):
    """``y = (W + W_sigma * E) x + b + b_sigma * e`` with factorised noise (Fortunato et al. 2018, eq. 9 and 10)."""

    def __init__(self, n_in: int, n_out: int, device: torch.device | None = None) -> None:
        super().__init__(n_in, n_out, device=device)
        self.weight_sigma = nn.Parameter(torch.empty_like(self.weight))
        self.bias_sigma = nn.Parameter(torch.empty_like(self.bias))

    def noisy(self, x: Tensor, noise: Tensor) -> Tensor:
        """With ``noise`` [in + out]: ``E`` is the product of its two parts, ``e`` the second."""
        by_input, by_output = noise.tensor_split([self.in_features])
        weight = self.weight + self.weight_sigma * torch.outer(by_output, by_input)
        return functional.linear(x, weight, self.bias + self.bias_sigma * by_output)


def _split(noise: Tensor | None, layer: nn.Module) -> tuple[Tensor | None, Tensor | None]:
    """The noise of ``layer`` [in + out], and that of the layers after it; None where there is none."""
    if noise is None:
        return None, None
    assert isinstance(layer, NoisyLinear)  # noqa: S101  made so where there is noise
    own, rest = noise.tensor_split([layer.in_features + layer.out_features])
    return own, rest


def _applied(layer: nn.Module, x: Tensor, noise: Tensor | None) -> Tensor:
    if noise is None:
        outputs: Tensor = layer(x)
        return outputs
    assert isinstance(layer, NoisyLinear)  # noqa: S101  made so where there is noise
    return layer.noisy(x, noise)


class Noise:
    """Noise of one network's every layer, drawn anew into the same tensor."""

    def __init__(self, generator: np.random.Generator, sizes: Sequence[int], device: torch.device) -> None:
        self.generator = generator
        self.values = torch.zeros(sum(n_in + n_out for n_in, n_out in itertools.pairwise(sizes)), device=device)
        """For each layer [in + out], one layer after the other."""

    def draw(self) -> None:
        """``sign(e) sqrt(|e|)`` of normal numbers e (Fortunato et al. 2018, section 3.1)."""
        normal = self.generator.standard_normal(len(self.values), np.float32)
        drawn = np.copysign(np.sqrt(np.abs(normal)), normal)
        self.values.copy_(torch.from_numpy(drawn), non_blocking=True)  # CUDA takes a copy before it returns

    def state(self) -> NDArray[np.uint64]:
        """State [6] of the generator."""
        state = self.generator.bit_generator.state
        halves = [part for each in state["state"].values() for part in divmod(each, 1 << 64)]
        return np.array([*halves, state["has_uint32"], state["uinteger"]], np.uint64)

    def restore(self, state: NDArray[np.uint64]) -> None:
        """Go on from :meth:`state`."""
        high, low, increment_high, increment_low, has_uint32, uinteger = (int(each) for each in state)
        numbers = {"state": (high << 64) + low, "inc": (increment_high << 64) + increment_low}
        self.generator.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": numbers,
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }
